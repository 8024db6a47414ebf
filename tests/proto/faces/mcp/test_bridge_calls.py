"""Calls and asks: who waits for what, and how many are kept."""

from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.faces.mcp.bridge_calls import KEPT_MAX, Ask, Calls, ClientCall, Refusal, Want
from agentgate_proto.faces.mcp.eras import MODERN
from agentgate_proto.faces.mcp.messages import Meta
from agentgate_proto.faces.mcp.wishes import Call
from agentgate_proto.records.outcome import Outcome, Status, executed, failed, unknown


def want(args: bytes = b"{}", key: str = "") -> Want:
    return Want("light.set", msgspec.Raw(args), args, key, 600.0, None)


def call_of(calls: Calls, number: int, meta: Meta | None = None) -> ClientCall:
    wish = Call(id=number, name="light_set", meta=meta or Meta())
    call = ClientCall(wish, MODERN[0], 0.0, None)
    calls.open[number] = call
    return call


def kept(calls: Calls, number: int, args: bytes = b"{}", key: str = "") -> Ask:
    """An ask that goes on without its call."""
    call = call_of(calls, number)
    ask = calls.begin(call, want(args, key), "")
    calls.close(call)
    calls.keep(call, ask)
    return ask


def test_only_the_very_same_is_the_same() -> None:
    calls = Calls()
    ask = kept(calls, 1, b'{"a":1}', "k")
    assert calls.kept("light.set", b'{"a":1}', "k", 0.0) is ask
    assert calls.kept("light.set", b'{"a":2}', "k", 0.0) is None
    assert calls.kept("light.set", b'{"a":1}', "", 0.0) is None
    assert calls.kept("light.get", b'{"a":1}', "k", 0.0) is None


def test_what_is_bound_again_is_not_kept_for_others() -> None:
    calls = Calls()
    ask = kept(calls, 1)
    calls.bind(call_of(calls, 2), ask)
    assert calls.kept("light.set", b"{}", "", 0.0) is None
    assert calls.kept_as(ask.id) is None


def test_no_more_are_kept_than_there_is_room_for() -> None:
    calls = Calls()
    first = kept(calls, 0)
    for number in range(1, KEPT_MAX + 1):
        kept(calls, number)
    assert calls.ask(first.number) is None
    assert calls.kept_as(first.id) is None
    assert calls.kept_as(f"here-{first.number + 1}") is not None


@pytest.mark.parametrize(
    ("end", "holds"),
    [
        (None, True),
        (executed(b"1"), True),
        (Outcome(status=Status.DENIED), True),
        (failed("x"), False),
        (unknown("x"), False),
        (Refusal(1, "x"), False),
    ],
)
def test_only_what_would_be_the_same_again_holds(
    end: Outcome | Refusal | None, holds: bool
) -> None:
    ask = Ask(1, want(), "light_set")
    ask.end, ask.ended_at = end, 5.0
    assert ask.holds(5.0) is holds
    if end is not None:
        assert not ask.holds(5.1)


def test_a_call_without_a_token_is_told_nothing_and_wakes_nobody() -> None:
    calls = Calls()
    call = call_of(calls, 1)
    assert call.told("x", 0.0) is None
    assert calls.next_deadline() is None
    other = call_of(calls, 2, Meta(progress_token=5))
    assert other.told("x", 3.0) is not None
    assert calls.next_deadline() == 13.0


def test_a_request_that_is_looked_up_is_found_by_its_number() -> None:
    calls = Calls()
    call = call_of(calls, 1)
    look = calls.look(call, "r1")
    assert look.rid == "r1"
    assert calls.looking(look.number) == (call, call.look)
    assert calls.looking(99) is None
