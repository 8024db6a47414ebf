"""Replays: what a grant or another policy would have done, compared with who decides in truth."""

from __future__ import annotations

from collections import deque
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.server.embedded import asked, echo
from tests.server.gate.past_records import (
    CANCELLED,
    DENIED,
    DENIED_BY_POLICY,
    EXPIRED,
    T0,
    call,
    store,
)

from agentgate_proto.ledger.grants import Grants
from agentgate_proto.ledger.journal import Journal
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.decision import Action
from agentgate_proto.records.grant import Grant, GrantTerms, grant_of
from agentgate_proto.records.request import Effects, Record, Relayed
from agentgate_proto.rpc.replay_methods import CallsReplayed
from agentgate_server.gate import replays
from agentgate_server.gate.past_calls import PastCalls
from agentgate_server.gate.replays import Gone, Replays
from agentgate_server.policy import Policy
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.catalogue import Catalogue, as_tool

LIMIT = 500
LIGHT = {"entity": "light.hall", "level": 30}


def there() -> bool:
    return True


def maker(is_there: Any = there, masker: Masker | None = None) -> Replays:
    return Replays(Catalogue(map(as_tool, [echo, asked])), masker or Masker(), is_there)


def grant_with(*any_args: str, args: Any = LIGHT, **more: Any) -> Grant:
    record = call(1_000, args=args, **more)
    return grant_of(record, GrantTerms(uses=5, any_args=any_args), "owner", "", T0)


def by_grant(
    grant: Grant, records: list[Record], limit: int = LIMIT, before: str = "", **more: Any
) -> CallsReplayed:
    _, ask = store(records)
    calls = PastCalls(ask, "owner", grant.agent, since=T0, before=before)

    async def run() -> CallsReplayed:
        return await maker(**more).by_grant(grant, calls, T0, limit)

    return anyio.run(run)


def by_policy(text: str, records: list[Record], limit: int = LIMIT) -> CallsReplayed:
    _, ask = store(records)
    calls = PastCalls(ask, "owner", None, since=T0)

    async def run() -> CallsReplayed:
        policy = Policy.parse(text, "candidate.yaml")
        return await maker().by_policy(policy, calls, T0, limit)

    return anyio.run(run)


def test_a_grant_tells_what_it_would_have_covered_and_what_people_said() -> None:
    found = by_grant(
        grant_with("level"),
        [
            call(1, args=LIGHT),
            call(2, args={**LIGHT, "level": 90}),
            call(3, DENIED, args=LIGHT),
            call(4, EXPIRED, args=LIGHT),
            call(5, CANCELLED, args=LIGHT),
            call(6, args=LIGHT, asked=False),
            call(7, DENIED_BY_POLICY, args=LIGHT, asked=False),
            call(8, args={"entity": "lock.front", "level": 30}),
            call(9, args=LIGHT, tool="echo"),
            call(10, args=LIGHT, principal="other"),
            call(11, args=LIGHT, asked=False, grant="g", rule="p.yaml:2 (grant by anna)"),
            call(1_000, args=LIGHT),
        ],
    )
    assert (found.requests, found.covered, found.changed, found.cut) == (9, 7, 5, 0)
    told = msgspec.to_builtins(found.of_covered)
    assert told == {"allowed": 2, "approved": 2, "denied": 1, "expired": 1, "cancelled": 1}
    assert [row.id for row in found.rows] == ["r11", "r6", "r5", "r4", "r3", "r2", "r1"]
    first, last = found.rows[0], found.rows[-1]
    assert (first.answer, first.by, first.was) == ("allowed", "anna", "ask")
    assert (last.answer, last.by, last.was, last.now) == ("approved", "owner", "ask", "allow")
    assert last.signature == "asked(light.hall, 30)"
    assert not found.more
    assert not found.next


def test_of_what_is_kept_in_part_or_was_another_tool_nobody_can_say() -> None:
    grant = grant_with(args=LIGHT, definition="new")
    found = by_grant(
        grant,
        [
            call(1, DENIED_BY_POLICY, asked=False, args=LIGHT, args_bytes=9_000),
            call(2, args=LIGHT, definition="old"),
            call(3, args={"other": 1}, definition="old"),
            call(4, args=LIGHT, definition="new"),
        ],
    )
    assert (found.requests, found.cut, found.covered) == (4, 2, 1)


def test_what_took_more_than_one_yes_no_grant_lets_through() -> None:
    more = [{"approvers_needed": 2}, {"needs_code": True}, {"needs_passkey": True}]
    more.append({"warning": "it may have run"})
    found = by_grant(grant_with(), [call(n, args=LIGHT, **one) for n, one in enumerate(more)])
    assert (found.requests, found.covered) == (4, 0)


VALUES = st.sampled_from([1, 1.0, True, "1", None, [1], {"a": 1}])
ARGS = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3)


@settings(max_examples=40)
@given(
    ARGS,
    st.sets(st.sampled_from(["a", "b", "c"])),
    st.lists(st.tuples(ARGS, st.sampled_from(["", "boss"]), st.sampled_from(["asked", "echo"]))),
)
def test_a_grant_covers_on_record_what_the_ledger_lets_it_cover(
    args: dict[str, Any], any_args: set[str], asks: list[tuple[dict[str, Any], str, str]]
) -> None:
    grant = grant_with(*sorted(any_args & args.keys()), args=args)
    records = [
        call(n, args=each, tool=tool, relayed=Relayed(principal=whose))
        for n, (each, whose, tool) in enumerate(asks)
    ]
    ledger = Grants(LedgerLimits(), Journal(), deque())
    ledger.propose(grant := replace(grant, uses_max=1_000, uses=0))
    ledger.settle(grant.id, given=True)
    covered = [
        record.rid
        for record in records
        if ledger.use(record, msgspec.json.decode(record.args), grant.created_at) is not None
    ]
    found = by_grant(grant, records)
    assert [row.id for row in reversed(found.rows)] == covered
    assert found.covered == len(covered)


def test_a_policy_tells_what_it_would_decide_otherwise() -> None:
    found = by_policy(
        "rules:\n  - {tool: asked, args: {n: {max: 5}}, action: allow}\n"
        "  - {tool: echo, action: deny}\n",
        [
            call(1),
            call(2, DENIED),
            call(3, asked=False),
            call(4, asked=False, tool="echo"),
            call(5, tool="gone"),
            call(6),
            call(7, joined="r6"),
            call(8, rule=""),
        ],
    )
    assert (found.requests, found.cut, found.changed, found.covered) == (6, 1, 3, 2)
    assert msgspec.to_builtins(found.of_covered) == {"approved": 1, "denied": 1}
    told = [(row.id, row.was, row.now, row.now_rule) for row in found.rows]
    assert told == [
        ("r4", "allow", "deny", "candidate.yaml:3"),
        ("r2", "ask", "allow", "candidate.yaml:2"),
        ("r1", "ask", "allow", "candidate.yaml:2"),
    ]


RULES = st.lists(
    st.sampled_from(
        [
            "{tool: asked, action: allow}",
            "{tool: asked, args: {n: {min: 4}}, action: deny}",
            "{tool: asked, rate: 2/min, action: allow}",
            "{effects: read, action: allow}",
            "{agents: other, action: allow}",
            "{tool: echo, action: ask}",
        ]
    ),
    min_size=1,
    max_size=4,
)
ASKS = st.tuples(
    st.sampled_from(["asked", "echo"]),
    st.sampled_from(["agent", "other"]),
    st.sampled_from(Effects),
)


@settings(max_examples=40)
@given(RULES, st.lists(ASKS, max_size=12))
def test_a_policy_says_of_the_record_what_it_says_of_requests(
    rules: list[str], asks: list[tuple[str, str, Effects]]
) -> None:
    text = "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)
    policy = Policy.parse(text)
    changed = []
    for n, (tool, agent, effects) in enumerate(asks):
        at = T0 + n
        said = policy.decide(agent=agent, tool=tool, effects=effects, args={"n": n}, now=at)
        if said.action is not Action.ASK:
            changed.append((f"r{n}", said.action.value))
    records = [
        call(n, tool=tool, principal=agent, effects=effects)
        for n, (tool, agent, effects) in enumerate(asks)
    ]
    found = by_policy(text, records)
    assert [(row.id, row.now) for row in reversed(found.rows)] == changed


def test_rows_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [call(n, args=LIGHT) for n in range(5)]
    first = by_grant(grant_with(), records, limit=2)
    assert [row.id for row in first.rows] == ["r4", "r3"]
    assert (first.covered, first.more, first.next) == (5, True, "")
    rest = by_grant(grant_with(), records, before="r3")
    assert [row.id for row in rest.rows] == ["r2", "r1", "r0"]
    text = "rules: [{tool: asked, action: deny}]"
    assert by_policy(text, records, limit=2).more


def test_what_was_not_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [call(n, args=LIGHT) for n in range(5)]
    monkeypatch.setattr(replays, "REPLAYED_MAX", 2)
    found = by_grant(grant_with(), records)
    assert (found.requests, found.next) == (2, "r3")
    assert found.since == "2023-11-14T22:13:23.000Z", "back to then"
    rest = by_grant(grant_with(), records, before=found.next)
    assert (rest.requests, rest.next) == (2, "r1")
    monkeypatch.undo()
    monkeypatch.setattr(replays, "REPLAY_S", -1.0)
    assert by_grant(grant_with(), records).next == "r4"
    monkeypatch.undo()
    monkeypatch.setattr(replays, "REPLAYED_BYTES_MAX", 1)
    assert by_policy("rules: [{tool: asked, action: deny}]", records).requests == 1


def test_a_replay_that_nobody_waits_for_stops() -> None:
    left = iter([True, True, False])
    with pytest.raises(Gone):
        by_grant(grant_with(), [call(n, args=LIGHT) for n in range(9)], is_there=lambda: next(left))


def test_rows_show_no_secret() -> None:
    masker = Masker([Secret("hunter2-hunter2")])
    found = by_grant(
        grant_with("key", args={"key": "x"}),
        [call(1, args={"key": "hunter2-hunter2"})],
        masker=masker,
    )
    assert "hunter2" not in found.rows[0].signature


def test_a_policy_that_fails_on_a_call_can_t_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("a type of the user's")

    monkeypatch.setattr(replays, "judged", fails)
    found = by_policy("rules: [{tool: asked, action: deny}]", [call(1)])
    assert (found.requests, found.cut, found.changed) == (1, 1, 0)
