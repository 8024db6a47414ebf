"""Approvals that a session waits for, and the questions about them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.acp.effects import Decide, Outbox
from agentgate_proto.faces.acp.permissions import OPTIONS, Permissions, choice_in
from agentgate_proto.faces.acp.telling import Told
from agentgate_proto.limits import ROW_BYTES_MAX
from agentgate_proto.rpc.jsonrpc import Success


def told(approval: str = "a1", call: str = "c1", run: str = "r1") -> Told:
    return Told(run=run, call=call, approval=approval, signature="light(hall)", expires_at="soon")


def permissions(*, may_decide: bool = True) -> tuple[Permissions, Outbox]:
    out = Outbox()
    return Permissions(out, "s", may_decide=may_decide), out


def sent(out: Outbox) -> list[Any]:
    found = []
    while (effect := out.next_effect()) is not None:
        found.append(effect if isinstance(effect, Decide) else json.loads(effect.text))  # type: ignore[union-attr]
    return found


def success(**outcome: Any) -> Success:
    return Success("permission-a1", msgspec.Raw(msgspec.json.encode({"outcome": outcome})))


def test_nothing_is_offered_that_lasts() -> None:
    assert {option["kind"] for option in OPTIONS} == {"allow_once", "reject_once"}


def test_a_question_is_asked_once_however_often_it_is_told() -> None:
    it, out = permissions()
    for _ in range(2):
        it.add(told())
        it.ask()
    (question,) = sent(out)
    assert question["id"] == "permission-a1"


@pytest.mark.parametrize(("size", "is_whole"), [(1_000, True), (60_000, False)])
def test_a_long_signature_stands_below_the_title_as_far_as_it_can_be_read(
    size: int, is_whole: bool
) -> None:
    it, out = permissions()
    it.add(msgspec.structs.replace(told(), signature="x" * size))
    it.ask()
    (question,) = sent(out)
    text = question["params"]["toolCall"]["content"][0]["content"]["text"]
    assert ("x" * size in text) is is_whole
    assert ("approvals show a1" in text) is not is_whole
    assert len(text) < ROW_BYTES_MAX


def test_a_question_on_a_former_connection_is_withdrawn_by_who_came_back() -> None:
    it, out = permissions()
    it.add(told())
    it.clear()
    assert sent(out) == []
    it.came_back = True
    it.add(told())
    assert it.over("a1") == "c1"
    assert it.over("a1") == ""
    (notice,) = sent(out)
    assert notice == {
        "jsonrpc": "2.0",
        "method": "$/cancel_request",
        "params": {"requestId": "permission-a1"},
    }


def test_who_may_not_decide_is_never_told_of_a_question() -> None:
    it, out = permissions(may_decide=False)
    it.came_back = True
    it.add(told())
    it.ask()
    it.answered("a1", success(outcome="selected", optionId="allow"))
    it.call_ended("c1")
    assert sent(out) == []


@pytest.mark.parametrize(
    ("outcome", "choice"),
    [
        ({"outcome": "selected", "optionId": "allow"}, "approve"),
        ({"outcome": "selected", "optionId": "reject"}, "deny"),
        ({"outcome": "selected", "optionId": "approve"}, ""),
        ({"outcome": "cancelled", "optionId": "allow"}, ""),
        ({}, ""),
    ],
)
def test_only_a_chosen_option_decides(outcome: Any, choice: str) -> None:
    assert choice_in(success(**outcome)) == choice


def test_calls_and_runs_take_their_own_questions_along() -> None:
    it, out = permissions()
    for approval, call, run in (("a1", "c1", "r1"), ("a2", "c2", "r1"), ("a3", "c3", "r2")):
        it.add(told(approval, call, run))
    it.ask()
    sent(out)
    it.call_ended("c1")
    it.clear(run="r1")
    gone = [each["params"]["requestId"] for each in sent(out)]
    assert gone == ["permission-a1", "permission-a2"]
    it.clear()
    assert len(sent(out)) == 1
