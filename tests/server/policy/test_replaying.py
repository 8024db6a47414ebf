"""Replaying: what another policy would have said to the same requests."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy, replaying
from agentgate_server.policy.replaying import Changes, Kind, Past, replay

ALLOW, DENY, ASK = Action.ALLOW, Action.DENY, Action.ASK


def past(n: int, action: Action = ALLOW, **more: Any) -> Past:
    fields: dict[str, Any] = {
        "id": f"r{n}",
        "at": float(n),
        "agent": "garden",
        "tool": "x",
        "effects": Effects.WRITE,
        "args": msgspec.json.encode({"k": n}),
        "rule": "permissions.yaml:2",
    }
    return Past(**{**fields, **more}, action=action)


def rules(*each: str) -> Policy:
    return Policy.parse("rules:\n" + "".join(f"  - {{{rule}}}\n" for rule in each), "new.yaml")


def test_what_is_decided_as_before_is_no_change() -> None:
    policy = rules("tool: x, action: allow")
    found = replay(policy, [past(1), past(2, rule="other.yaml:9")])
    assert (found.requests, found.changed, found.changes) == (2, 0, {})


def test_changes_are_counted_by_decision_and_rule() -> None:
    policy = rules("tool: x, args: {k: {min: 3}}, action: deny", "agents: other, action: allow")
    requests = [past(n) for n in range(6)] + [past(9, ASK, agent="other", args=b"{}")]
    found = replay(policy, requests)
    assert (found.requests, found.changed) == (7, 7)
    counts = {kind: changes.count for kind, changes in found.changes.items()}
    assert counts == {
        Kind(ALLOW, ASK, "permissions.yaml:2", "built-in"): 3,
        Kind(ALLOW, DENY, "permissions.yaml:2", "new.yaml:2"): 3,
        Kind(ASK, ALLOW, "permissions.yaml:2", "new.yaml:3"): 1,
    }


def test_what_is_not_kept_whole_is_counted_and_not_judged() -> None:
    found = replay(rules("tool: x, action: allow"), [past(1, DENY, args_bytes=9_000), past(2)])
    assert (found.requests, found.cut, found.changed) == (2, 1, 0)


def test_the_newest_examples_are_kept() -> None:
    found = replay(rules("tool: x, action: deny"), map(past, range(100)))
    (changes,) = found.changes.values()
    assert changes == Changes(100, [past(97), past(98), past(99)])


def test_rates_count_at_the_time_of_each_request() -> None:
    policy = rules("tool: x, rate: 1/min, action: allow")
    found = replay(policy, [past(0), past(30), past(61), past(100)])
    (changes,) = found.changes.values()
    assert [each.id for each in changes.examples] == ["r30", "r100"]


def test_a_person_who_was_asked_after_an_unknown_outcome_would_be_asked_again() -> None:
    again = past(1, ASK, repeats_unknown=True)
    assert replay(rules("tool: x, action: allow"), [again]).changed == 0
    opted_out = rules("tool: x, ask_again_after_unknown: false, action: allow")
    assert replay(opted_out, [again]).changed == 1


def test_the_kinds_of_changes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "KINDS_MAX", 2)
    requests = [past(n, rule=f"old.yaml:{n}") for n in range(5)]
    found = replay(rules("tool: x, action: deny"), requests)
    assert found.changed == 5
    assert found.changes[Kind(ALLOW, DENY)].count == 3
    assert len(found.changes) == 3


def test_what_nobody_had_written_is_none_of_what_was_given() -> None:
    policy = rules("pattern: x(London), action: allow")
    asked = past(1, args=b'{"city":"London","units":"metric"}')
    assert replay(policy, [asked]).changed == 1
    told = msgspec.structs.replace(asked, filled=("/units",))
    assert replay(policy, [told]).changed == 0
