"""Whatever is done to an SQLite store and to the plain model, they give the same answers."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.server.store.model import DAY_S, MemoryEngine
from tests.server.store.samples import WAITING

from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import (
    NOT_RELAYED,
    Effects,
    Endorsement,
    Phase,
    Record,
    Relayed,
)
from agentgate_proto.records.storage import (
    NO_BOUND,
    Change,
    DropNote,
    FindIdempotencyKey,
    FindRequest,
    FindRid,
    FindTwin,
    HighestId,
    ListNotes,
    ListRequests,
    MarkDelivered,
    Put,
    PutGrant,
    PutMute,
    PutNote,
    Undelivered,
)
from agentgate_server.store.sqlite import SqliteEngine

RETENTION: dict[str, Any] = {"keep_days": 2.0, "keep_undelivered_days": 4.0, "keep_rows_max": 5}

# Few values, so that they meet; among them those that are easily mixed up.
RIDS = st.sampled_from([f"r{number}" for number in range(12)])
PRINCIPALS = st.sampled_from(["agent", "agent", "agent2"])
CLIENTS = st.sampled_from(["", "", "client"])
IDS = st.sampled_from([7, "7", 7, "7", 0, -1, "", -(2**63), 2**52, 2**63 - 1])
KEYS = st.sampled_from(["", "key"])
DAYS = st.integers(0, 8)
LIMITS = st.sampled_from([0, 1, 2, 1000])

OUTCOMES = st.builds(
    Outcome,
    # Those that make and clear unknown outcomes come up more often.
    status=st.sampled_from([*Status, Status.UNKNOWN, Status.UNKNOWN, Status.EXECUTED]),
    data=st.sampled_from([msgspec.Raw(b"null"), msgspec.Raw(b'{"a":1}')]),
    message=st.sampled_from(["", "no\x00such lamp", "ä"]),
)


ENDORSEMENTS = st.lists(
    st.builds(
        Endorsement,
        approver=st.sampled_from(["ann", "ä\x00"]),
        channel=st.just("http"),
        at=DAYS.map(lambda days: days * DAY_S + 0.5),
    ),
    max_size=2,
).map(tuple)

GRANTS = st.builds(
    Grant,
    id=st.sampled_from(["g0", "g1", "g2"]),
    agent=PRINCIPALS,
    tool=st.just("lamp"),
    args=st.sampled_from([msgspec.Raw(b"{}"), msgspec.Raw(b'{"a":1}')]),
    any_args=st.sampled_from([(), ("b", "c")]),
    created_at=st.just(0.125),
    expires_at=DAYS.map(lambda days: days * DAY_S),
    uses_max=st.just(5),
    uses=st.integers(1, 5),
    approver=st.just("ann"),
    channel=st.just("http"),
    rid=RIDS,
    revoked_at=st.sampled_from([0.0, 1.5]),
    revoked_by=st.sampled_from(["", "bea"]),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    phase = draw(st.sampled_from([*Phase, *[Phase.DONE] * 5]))
    fields: dict[str, Any] = {"phase": phase}
    if phase is Phase.DONE:
        fields["outcome"] = draw(OUTCOMES)
        fields["resolved_at"] = draw(DAYS) * DAY_S
        fields["delivered"] = draw(st.booleans())
    return msgspec.structs.replace(
        WAITING,
        rid=draw(RIDS),
        principal=draw(PRINCIPALS),
        client_id=draw(CLIENTS),
        request_id=draw(IDS),
        idempotency_key=draw(KEYS),
        digest=draw(st.sampled_from(["d0", "d0", "d1"])),
        effects=draw(st.sampled_from([*Effects, Effects.WRITE])),
        approvers_needed=draw(st.sampled_from([1, 2])),
        needs_code=draw(st.booleans()),
        expires_at=draw(st.sampled_from([0.0, 5.5])),
        relayed=draw(st.sampled_from([NOT_RELAYED, Relayed(asks_there=True)])),
        joined=draw(st.sampled_from(["", "r1"])),
        endorsements=draw(ENDORSEMENTS),
        decided_at=draw(DAYS) * DAY_S,
        grant=draw(st.sampled_from(["", "g0"])),
        warning=draw(st.sampled_from(["it may already have run", ""])),
        **fields,
    )


@st.composite
def puts_with_more(draw: st.DrawFn) -> Put:
    """A record with those that joined it, which end as it does, and a grant."""
    record = draw(records())
    joined = tuple(
        msgspec.structs.replace(record, rid=rid, client_id=draw(CLIENTS), request_id=draw(IDS))
        for rid in draw(st.lists(RIDS, max_size=2))
        if rid != record.rid
    )
    return Put(record, joined, draw(st.none() | GRANTS))


MUTES = st.builds(
    Mute,
    agent=PRINCIPALS,
    until=DAYS.map(lambda days: days * DAY_S),
    by=st.sampled_from(["owner", "ä\x00"]),
    channel=st.just("terminal"),
    at=DAYS.map(lambda days: days * DAY_S),
)
CHANNELS = st.sampled_from(["telegram", "mail"])
CHANGES = (
    st.builds(Put, records())
    | puts_with_more()
    | st.builds(PutGrant, GRANTS)
    | st.builds(PutMute, MUTES)
    | st.builds(MarkDelivered, st.lists(RIDS, max_size=3).map(tuple))
    | st.builds(PutNote, CHANNELS, RIDS, st.sampled_from(["", "a", "ä\x00"]))
    | st.builds(DropNote, CHANNELS, RIDS)
)


class StoreMachine(RuleBasedStateMachine):
    """The engine under test and the model, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="agentgate-store-"))

    @initialize()
    def open(self) -> None:
        self.engine = SqliteEngine(self.folder / "store.db", **RETENTION)
        self.model = MemoryEngine(self.engine.restore().epoch, **RETENTION)

    @rule(changes=st.lists(CHANGES, min_size=1, max_size=12))
    def commit(self, changes: list[Change]) -> None:
        self.engine.commit(changes)
        self.model.commit(changes)

    @rule(
        principal=PRINCIPALS,
        client_id=CLIENTS,
        request_id=IDS,
        key=KEYS,
        rid=RIDS,
        digest=st.sampled_from(["d0", "d1"]),
        days=DAYS,
    )
    def ask_for_one(
        self,
        principal: str,
        client_id: str,
        request_id: int | str,
        key: str,
        rid: str,
        digest: str,
        days: int,
    ) -> None:
        for query in (
            FindRequest(principal, client_id, request_id),
            FindIdempotencyKey(principal, key),
            FindTwin(principal, digest, days * DAY_S),
            FindRid(rid),
            ListNotes("mail", 10, rid),
            HighestId(principal, client_id),
        ):
            assert self.engine.answer(query) == self.model.answer(query), query

    @rule(
        principal=PRINCIPALS,
        client_id=CLIENTS,
        limit=LIMITS,
        all_of=st.booleans(),
        open_only=st.booleans(),
        before=st.just("") | RIDS,
        bytes_max=st.sampled_from([0, 1_500, 3_000, NO_BOUND]),
    )
    def ask_for_many(
        self,
        principal: str,
        client_id: str,
        limit: int,
        all_of: bool,
        open_only: bool,
        before: str,
        bytes_max: int,
    ) -> None:
        besides = (before,)
        for query in (
            Undelivered(principal, client_id, limit, False, besides, bytes_max),
            Undelivered(principal, client_id, limit, True, besides, bytes_max),
            ListRequests(None if all_of else principal, limit, open_only, before, bytes_max),
            ListNotes("telegram", limit),
        ):
            assert self.engine.answer(query) == self.model.answer(query), query

    @rule(now=DAYS, ran=DAYS | st.just(math.inf))
    @precondition(lambda self: self.model.kept)
    def prune(self, now: int, ran: float) -> None:
        step = deleted = self.engine.prune(now * DAY_S, ran * DAY_S)
        while step:
            step = self.engine.prune(now * DAY_S, 0.0)
            deleted += step
        expected = step = self.model.prune(now * DAY_S, ran * DAY_S)
        while step:
            step = self.model.prune(now * DAY_S, 0.0)
            expected += step
        assert deleted == expected

    @rule()
    def reopen(self) -> None:
        self.engine.close()
        self.engine = SqliteEngine(self.folder / "store.db", **RETENTION)
        self.model.reopen()

    @invariant()
    def a_restart_finds_the_same(self) -> None:
        if hasattr(self, "engine"):
            found, expected = self.engine.restore(), self.model.restore()
            assert found.epoch == expected.epoch
            assert found.active == expected.active
            assert found.grants == expected.grants
            assert found.coded_at == expected.coded_at
            assert sorted(found.unknown, key=by_rid) == sorted(expected.unknown, key=by_rid)

    @invariant()
    def nothing_is_missing_or_too_much(self) -> None:
        if hasattr(self, "engine"):
            everything = ListRequests(None, 1000)
            assert self.engine.answer(everything) == self.model.answer(everything)

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.close()
        shutil.rmtree(self.folder)


def by_rid(record: Record) -> str:
    return record.rid


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
