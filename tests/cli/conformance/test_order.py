"""What a gateway says may come in another order than a vector has it, and in pieces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from agentgate_cli.conformance import live
from agentgate_cli.conformance.frames import BINARY, CONTINUATION, TEXT, Frame
from agentgate_cli.conformance.live import play
from agentgate_cli.conformance.order import Sends
from agentgate_cli.conformance.rows import Row
from agentgate_cli.conformance.vectors import Mismatch, Step, Vector

ONE = {"id": 1, "result": {"data": 1}}
TWO = {"id": 2, "result": {"data": 2}}
ASKED = {"method": "approval_changed", "params": {"id": "a1", "status": "waiting"}}
DONE = {"method": "approval_changed", "params": {"id": "a1", "status": "approved"}}
OTHER = {"id": 3, "result": {}}

WANTED: list[Step] = [
    {"send": {**ASKED, "params": {"id": {"$bind": "it"}, "status": "waiting"}}, "on": "a"},
    {"send": ONE, "on": "a"},
    {"send": {**DONE, "params": {"id": {"$ref": "it"}, "status": "approved"}}, "on": "a"},
    {"send": TWO, "on": "a"},
    {"send": OTHER, "on": "b"},
]


def taken(messages: Iterable[Any], *, ordered: bool = False) -> list[Any]:
    """Take all steps; return what did not come."""
    steps = WANTED
    left = list(messages)
    sends = Sends(Vector("v", "", steps, ordered=ordered), {})
    for at in range(len(steps)):
        sends.take(at, lambda step: left.pop(0) if step["on"] == "a" else OTHER)
    return left


@pytest.mark.parametrize(
    "messages",
    [
        (ASKED, ONE, DONE, TWO),
        (TWO, ONE, ASKED, DONE),
        (ASKED, DONE, TWO, ONE),
        (ONE, ASKED, TWO, DONE),
    ],
)
def test_answers_come_in_any_order_beside_notifications(messages: tuple[Any, ...]) -> None:
    assert taken(messages) == []


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ((DONE, ASKED, ONE, TWO), '$.params.status: "approved" instead of "waiting"'),
        ((ASKED, ONE, ONE, DONE), "$.method is missing"),
        ((ASKED, {**TWO, "result": {"data": 3}}, ONE, DONE), "$.result.data: 3 instead of 2"),
        ((ASKED, ONE, {**DONE, "params": {"id": "a2", "status": "approved"}}), '"a2" instead of'),
    ],
)
def test_what_is_none_of_those_that_may_come_is_told_from_its_like(
    messages: tuple[Any, ...], why: str
) -> None:
    with pytest.raises(Mismatch) as caught:
        taken(messages)
    assert why in str(caught.value)


def test_a_vector_may_want_the_order_in_which_it_stands() -> None:
    assert taken((ASKED, ONE, DONE, TWO), ordered=True) == []
    with pytest.raises(Mismatch):
        taken((ONE, ASKED, DONE, TWO), ordered=True)


class Pieces:
    """A connection on which these frames come."""

    def __init__(self, *frames: Frame) -> None:
        self.frames = list(frames)
        self.ended = True  # nothing comes besides

    def receive(self, within_s: float) -> Frame | None:
        return self.frames.pop(0) if self.frames else None

    def drop(self) -> None:
        """Nothing to do."""


def played(monkeypatch: pytest.MonkeyPatch, *frames: Frame) -> Row:
    monkeypatch.setattr(live.frames, "connect", lambda url: Pieces(*frames))
    steps: list[Step] = [{"connect": "a"}, {"send": ONE, "on": "a"}]
    return play("ws://nowhere", {}, Vector("v", "It comes.", steps, rules=["T6"]), slow=False)


def test_a_message_in_fragments_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    data = msgspec.json.encode(ONE)
    parts = Frame(TEXT, data[:3], False), Frame(CONTINUATION, data[3:9], False)
    assert played(monkeypatch, *parts, Frame(CONTINUATION, data[9:])).verdict == "passed"
    assert played(monkeypatch, *parts).why.startswith("It comes (T6): nothing came on a within 5 s")


def test_a_binary_message_is_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    row = played(monkeypatch, Frame(BINARY, b"\xff"))
    assert (row.verdict, '{"binary":"ff"} came on a' in row.why) == ("failed", True)
