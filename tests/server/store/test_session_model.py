"""Whatever is done to sessions in an SQLite store and in the plain one, both answer the same."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.proto.session_store import SessionStore
from tests.server.store.model import DAY_S

from agentgate_proto.records.retention import retention_clock
from agentgate_proto.records.session import (
    MERGED,
    DropSession,
    EventKind,
    FindSession,
    ListSessions,
    LogRow,
    OpenRun,
    PutSession,
    QueuedMessage,
    ReadLog,
    RunSoFar,
    SessionRecord,
    SumUsage,
    UsageBy,
)
from agentgate_proto.records.storage import NO_BOUND
from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus
from agentgate_server.store.sqlite import SqliteEngine

KEEP: dict[str, Any] = {"keep_session_days": 2.0, "keep_usage_days": 4.0}
MID_MONTH = 1_699_963_200.0
"""2023-11-14: days of usage are on both sides of the month's first."""

# Few values, so that they meet.
NUMBERS = st.integers(0, 3)
IDS = NUMBERS.map("s{}".format)
TEXTS = st.sampled_from(["", "a", "ä\x00", "\N{PILE OF POO}"])
DAYS = st.integers(0, 8)
TIMES = DAYS.map(lambda days: days * DAY_S)
DATES = st.sampled_from(["2023-10-31", "2023-11-01", "2023-11-02"])
COUNTS = st.sampled_from([0, 1, 2**31, 2**63 - 1])
MONEY = st.sampled_from([None, 1, 1, 2**63 - 1])
PRINCIPALS = st.sampled_from(["agent", "agent2"])
LIMITS = st.sampled_from([0, 1, 2, 1000])

USAGES = st.builds(
    Usage,
    input=COUNTS,
    output=COUNTS,
    cache_read=COUNTS,
    cache_write=COUNTS,
    cache_write_1h=COUNTS,
    thinking=COUNTS,
    is_estimate=st.booleans(),
)
SO_FAR = st.builds(
    RunSoFar,
    iteration=NUMBERS,
    tries=NUMBERS,
    usage=USAGES,
    cost_micros=COUNTS,
    unknown=NUMBERS,
)
RUNS = st.builds(
    OpenRun,
    id=st.sampled_from(["r1", "r2"]),
    message_id=TEXTS,
    first=COUNTS,
    model=st.just("m"),
    max_iterations=st.integers(1, 20),
    started_at=TIMES,
    so_far=st.none() | SO_FAR,
    started=COUNTS,
)
QUEUES = st.lists(
    st.builds(
        QueuedMessage,
        run=st.sampled_from(["r3", "r4"]),
        message_id=TEXTS,
        first=COUNTS,
        text=TEXTS,
        at=TIMES,
        model=st.just("m"),
        max_iterations=st.integers(1, 20),
        by=TEXTS,
    ),
    max_size=2,
).map(tuple)
USAGE_ROWS = st.builds(
    UsageRow,
    id=st.integers(0, 7).map("u{}".format),
    session=IDS,
    principal=PRINCIPALS,
    run=st.just("r1"),
    model=st.sampled_from(["m", "n"]),
    model_id=TEXTS,
    at=TIMES,
    day=DATES,
    status=st.sampled_from(UsageStatus),
    reserved_micros=MONEY,
    cost_micros=MONEY,
    usage=USAGES,
    prices=TEXTS,
)


def owner(number: int) -> str:
    """A session never changes hands."""
    return "agent2" if number % 3 == 2 else "agent"


class Sessions(RuleBasedStateMachine):
    """The engine under test and the plain store, side by side.

    Attributes:
        latest: of each session, the last state that was put: what the next goes on from.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="agentgate-sessions-"))
        self.latest: dict[str, SessionRecord] = {}
        self.clocks: dict[str, float] = {}

    @initialize()
    def open(self) -> None:
        self.engine = SqliteEngine(self.folder / "store.db", utc=lambda: MID_MONTH, **KEEP)
        self.plain = SessionStore()

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        changes: list[PutSession | DropSession] = [
            self.dropped(data) if data.draw(st.integers(0, 9)) == 0 else self.put(data)
            for _ in range(data.draw(st.integers(1, 8)))
        ]
        self.engine.commit(changes)
        self.plain.commit(changes)

    def dropped(self, data: st.DataObject) -> DropSession:
        number = data.draw(NUMBERS)
        principal = data.draw(PRINCIPALS)
        if principal == owner(number):
            self.latest.pop(f"s{number}", None)
        return DropSession(f"s{number}", principal)

    def put(self, data: st.DataObject) -> PutSession:
        """The next state of a session, as the core makes them: rows follow on, and never overlap;
        the last one may be put again, longer."""
        number = data.draw(NUMBERS)
        session_id = f"s{number}"
        before = self.latest.get(session_id)
        if before is None:
            created_at = data.draw(TIMES)
            before = SessionRecord(
                id=session_id,
                principal=owner(number),
                epoch=data.draw(st.sampled_from(["e1", "e2"])),
                model="m",
                created_at=created_at,
                updated_at=created_at,
                oldest=(start := data.draw(st.sampled_from([0, 2**62]))),
                next=start,
                reserved=start,
            )
        rows: list[LogRow] = []
        offset = before.next
        for _ in range(data.draw(st.integers(0, 4))):
            rows.append(self.row(data, offset))
            offset = rows[-1].end
        if rows and rows[-1].kind in MERGED and data.draw(st.booleans()):
            rows.append(self.row(data, rows[-1].first, rows[-1].kind, rows[-1].count))
            offset = rows[-1].end
        oldest = data.draw(st.sampled_from([before.oldest, before.oldest, before.next, offset]))
        session = msgspec.structs.replace(
            before,
            model=data.draw(st.sampled_from(["m", "n"])),
            workspace=data.draw(TEXTS),
            user_id=data.draw(st.sampled_from(["", "ann"])),
            metadata=data.draw(st.sampled_from([msgspec.Raw(b"{}"), msgspec.Raw(b'{"a":1}')])),
            updated_at=data.draw(TIMES),
            messages=data.draw(COUNTS),
            oldest=oldest,
            next=offset,
            reserved=data.draw(st.sampled_from([offset, 2**63 - 1])),
            run=data.draw(st.none() | RUNS),
            last_message_id=data.draw(TEXTS),
            last_run=data.draw(TEXTS),
            queue=data.draw(QUEUES),
        )
        self.latest[session_id] = session
        usage = data.draw(st.lists(USAGE_ROWS, max_size=2))
        return PutSession(session, tuple(rows), tuple(usage), is_new=data.draw(st.booleans()))

    def row(
        self, data: st.DataObject, first: int, kind: EventKind | None = None, count: int = 1
    ) -> LogRow:
        kind = kind or data.draw(st.sampled_from(EventKind))
        more = data.draw(st.integers(0, 3)) if kind in MERGED else 0
        return LogRow(
            first=first,
            count=count + more,
            kind=kind,
            at=data.draw(TIMES),
            data=msgspec.Raw(msgspec.json.encode({"text": data.draw(TEXTS)})),
            blocks=data.draw(st.sampled_from([b"", b"[]", b"\x00\xff"])),
        )

    @rule(
        session=IDS,
        limit=LIMITS,
        bytes_max=st.sampled_from([0, 350, 700, NO_BOUND]),
        history_only=st.booleans(),
    )
    def read(self, session: str, limit: int, bytes_max: int, history_only: bool) -> None:
        """From every cursor that there could be, one by one."""
        log = self.plain.logs.get(session, {}).values()
        ends = {0, *(row.first for row in log), *(row.end for row in log)}
        for after in sorted(ends | {end + 1 for end in ends} | {max(end - 1, 0) for end in ends}):
            query = ReadLog(session, after, limit, bytes_max, history_only)
            assert self.engine.answer_session(query) == self.plain.answer(query), query
        find = FindSession(session)
        assert self.engine.answer_session(find) == self.plain.answer(find)

    @rule(
        principal=st.none() | PRINCIPALS,
        limit=LIMITS,
        before=st.just("") | IDS,
        user_id=st.sampled_from(["", "ann", "bea"]),
    )
    def list_sessions(self, principal: str | None, limit: int, before: str, user_id: str) -> None:
        query = ListSessions(principal, limit, before, user_id)
        assert self.engine.answer_session(query) == self.plain.answer(query), query

    @rule(
        principal=st.none() | PRINCIPALS,
        session=st.just("") | IDS,
        since=st.just("") | DATES,
        limit=LIMITS,
    )
    def add_up(self, principal: str | None, session: str, since: str, limit: int) -> None:
        for by in UsageBy:
            query = SumUsage(by, principal, session, since, limit)
            assert self.engine.answer_session(query) == self.plain.answer(query), query

    @rule(now=DAYS, ran=DAYS | st.just(math.inf))
    def prune(self, now: int, ran: float) -> None:
        utc, ran_s = now * DAY_S, ran * DAY_S
        while self.engine.prune(utc, ran_s):
            ran_s = 0.0
        ran_s = ran * DAY_S
        while True:
            idle, deleted = self.pruned(utc, ran_s)
            if not deleted:
                break
            ran_s = 0.0
        found = self.engine.sessions.take_idle()
        assert sorted((one.session, one.principal) for one in found) == sorted(
            (session.id, session.principal) for session in idle
        )
        drops = [DropSession(one.session, one.principal) for one in found]
        self.engine.commit(drops)
        self.plain.commit(drops)
        for one in found:
            del self.latest[one.session]

    def pruned(self, utc: float, ran_s: float) -> tuple[list[SessionRecord], int]:
        """Let the plain store prune once, by clocks of its own."""
        idle = [s.updated_at for s in self.plain.sessions.values() if s.run is None]
        settled = [row.at for row in self.plain.usage.values() if row.status is UsageStatus.SETTLED]
        sessions = self.turned("sessions", idle, utc, ran_s) - 2.0 * DAY_S
        before = self.turned("usage", settled, utc, ran_s) - 4.0 * DAY_S
        return self.plain.idle(sessions), self.plain.prune(before)

    def turned(self, what: str, times: list[float], utc: float, ran_s: float) -> float:
        """What a clock shows; of nothing it is not looked at."""
        if not times:
            return utc
        self.clocks[what] = retention_clock(self.clocks.get(what), ran_s, utc, min(times))
        return self.clocks[what]

    @rule()
    def reopen(self) -> None:
        self.engine.close()
        self.engine = SqliteEngine(self.folder / "store.db", utc=lambda: MID_MONTH, **KEEP)

    @invariant()
    def nothing_is_missing_or_too_much(self) -> None:
        if hasattr(self, "engine"):
            assert self.engine.restore().sessions == self.plain.restore(MID_MONTH)
            for query in (
                ListSessions(None, 1000),
                *(ReadLog(f"s{n}", 0, 1000, NO_BOUND, history_only=True) for n in range(4)),
                *(ReadLog(f"s{n}", 0, 1000, NO_BOUND) for n in range(4)),
            ):
                assert self.engine.answer_session(query) == self.plain.answer(query), query

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.close()
        shutil.rmtree(self.folder)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
