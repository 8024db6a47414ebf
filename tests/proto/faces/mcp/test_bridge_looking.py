"""Looking at requests that are not ours: nothing is ever asked for, and no gate is kept busy."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.proto.faces.mcp.bridged import Talk

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.bridge_calls import BEAT_S, Refusal
from agentgate_proto.faces.mcp.bridge_endings import FoundRow
from agentgate_proto.faces.mcp.bridge_events import BridgeEvent, ListTools, LookUp
from agentgate_proto.faces.mcp.bridge_looking import LOOK_MAX_S, LOOK_S, Look

UNTIL = "2033-05-18T03:33:20.000Z"


def row(**more: object) -> FoundRow:
    """What the gateway says of a request."""
    raw = msgspec.json.encode({"id": "r9", "tool": "light.set", "args": {"on": True}, **more})
    return msgspec.json.decode(raw, type=FoundRow)


def looking(talk: Talk, **meta: Any) -> tuple[int, LookUp]:
    """A client looks at a request that runs."""
    call = talk.call("gate_result", request_id="r9", meta=meta)
    look = talk.wanted(LookUp)
    talk.bridge.found(look.number, row(phase="running"), talk.now)
    assert wanted(talk) == []
    assert talk.heard() == []
    return call, look


def wanted(talk: Talk) -> list[BridgeEvent]:
    """What the bridge wants done since, but for the list of tools."""
    return [event for event in talk.events() if not isinstance(event, ListTools)]


def next_look(talk: Talk) -> LookUp:
    """The next question, when it comes; nothing else is wanted."""
    talk.wait(LOOK_MAX_S)
    (event,) = wanted(talk)
    assert isinstance(event, LookUp)
    return event


def test_what_is_under_way_is_looked_at_again_and_never_asked_for() -> None:
    talk = Talk()
    call, first = looking(talk)
    again = next_look(talk)
    assert (again.rid, again.number != first.number) == ("r9", True)
    talk.wait(100.0)
    assert wanted(talk) == [], "one question at a time"
    failed = {"status": "failed", "error": {"code": -32004, "message": "broken"}}
    talk.bridge.found(again.number, row(phase="done", **failed), talk.now)
    assert "broken" in talk.text(call)
    talk.wait(100.0)
    assert wanted(talk) == []


def test_pauses_grow_and_have_an_end() -> None:
    look = Look("r9")
    pauses = []
    for number in range(1, 8):
        look.begins(number)
        assert not look.is_due(1e9)
        look.goes_on(100.0)
        assert look.at is not None
        assert look.is_due(look.at)
        pauses.append(look.at - 100.0)
    assert pauses == [LOOK_S, 2.0, 4.0, 8.0, LOOK_MAX_S, LOOK_MAX_S, LOOK_MAX_S]


def test_who_is_told_to_wait_longer_does_so() -> None:
    look = Look("r9")
    look.goes_on(100.0, 5.0)
    assert look.at == 105.0
    look.goes_on(100.0, 1e9)
    assert look.at == 100.0 + LOOK_MAX_S


def test_that_a_person_is_asked_is_told_once() -> None:
    talk = Talk()
    call, _ = looking(talk, progressToken="p")
    look = next_look(talk)
    talk.heard()
    waits = row(phase="waiting", expires_at=UNTIL, rule="lights")
    talk.bridge.found(look.number, waits, talk.now)
    assert talk.told() == [f"waiting for a person to approve it, until {UNTIL} (rule: lights)"]
    look = next_look(talk)
    talk.heard()
    talk.bridge.found(look.number, waits, talk.now)
    assert talk.heard() == []
    look = next_look(talk)
    talk.heard()
    talk.bridge.found(look.number, row(phase="running", expires_at=UNTIL), talk.now)
    assert talk.told() == ["waiting for the result"]
    talk.wait(BEAT_S)
    assert talk.told() == ["waiting for the result"]
    (look,) = [each for each in talk.events() if isinstance(each, LookUp)]
    talk.bridge.found(look.number, row(status="executed", data=5), talk.now)
    assert talk.answer(call)["content"][0]["text"] == "5"


def test_a_hold_ends_with_the_id_of_what_waits() -> None:
    talk = Talk(hold_s=50.0)
    call = talk.call("gate_result", request_id="r9")
    look = talk.wanted(LookUp)
    waits = row(phase="waiting", expires_at=UNTIL, rule="lights")
    talk.bridge.found(look.number, waits, talk.now)
    talk.wait(50.0)
    assert talk.answer(call)["_meta"]["agentgate/request_id"] == "r9"
    assert [type(event) for event in talk.events()] == [LookUp]
    more = talk.call("gate_result", request_id="r9")
    talk.wanted(LookUp)
    talk.call("light_set", on=True)
    talk.asked()  # what was looked at is no ask of ours that it could wait for
    talk.wait(50.0)
    assert any(message.get("id") == more for message in talk.heard())


def test_a_look_is_given_up_without_withdrawing_anything() -> None:
    talk = Talk()
    call, _ = looking(talk)
    talk.cancel(call)
    talk.wait(100.0)
    assert wanted(talk) == []
    assert talk.heard() == []


def test_a_look_that_fails_is_repeated_and_one_at_what_is_gone_is_not() -> None:
    talk = Talk()
    call, _ = looking(talk)
    look = next_look(talk)
    slow = Refusal(ErrorCode.LIMIT_EXCEEDED, "too many", 3.0)
    talk.bridge.not_found(look.number, slow, talk.now)
    assert talk.heard() == []
    look = next_look(talk)
    gone = Refusal(ErrorCode.NOT_FOUND, "no such request")
    talk.bridge.not_found(look.number, gone, talk.now)
    assert "no such request" in talk.text(call)


def test_a_gateway_that_refuses_us_ends_a_look() -> None:
    talk = Talk()
    call, _ = looking(talk)
    talk.bridge.link_refused("bad token")
    assert "bad token" in talk.text(call)
    talk.wait(100.0)
    assert wanted(talk) == []
