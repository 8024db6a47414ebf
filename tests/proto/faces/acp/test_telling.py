"""What of a log an editor is told: pieces of it, one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.acp.telling import (
    RESULT_CHARS_MAX,
    Teller,
    Told,
    result_update,
    since,
    told_by,
)
from agentgate_proto.records.session_views import SessionEvent

AT = "2026-11-29T18:13:20.500Z"


def event(kind: str, offset: int = 0, count: int = 1, **data: Any) -> SessionEvent:
    raw = msgspec.Raw(msgspec.json.encode({"run": "r", **data}))
    return SessionEvent(offset=offset, count=count, kind=kind, at=AT, data=raw)


def tell(teller: Teller, it: SessionEvent, *, past: bool) -> list[tuple[str, int]]:
    told = teller.tell(it, told_by(it.data), past=past, own=False)
    return [(update["content"]["text"], end) for update, end in told]


def test_what_was_held_is_told_with_where_each_of_it_ended() -> None:
    teller = Teller({}, 0)
    assert tell(teller, event("thinking", 0, text="hm"), past=True) == []
    assert tell(teller, event("text", 1, 2, text="on", cuts=[1]), past=True) == []
    assert tell(teller, event("text", 3, text="e"), past=True) == []
    assert tell(teller, event("text", 4, text=" two"), past=False) == [
        ("hm", 1),
        ("one", 4),
        (" two", 5),
    ]


def test_an_empty_text_is_not_told() -> None:
    teller = Teller({}, 0)
    assert tell(teller, event("text", text=""), past=False) == []
    assert tell(teller, event("text", text=""), past=True) == []
    assert teller.settle() == []


def test_what_was_shown_before_is_said_to_be_withdrawn() -> None:
    teller = Teller({}, 0)
    tell(teller, event("text", text="x"), past=True)
    teller.hush()
    teller.hush()
    (told,) = tell(teller, event("reset", 1, reason="overloaded"), past=True)
    assert "overloaded" in told[0]
    assert tell(teller, event("reset", 2, reason="again"), past=True) == []


@pytest.mark.parametrize(
    ("offset", "text"), [(3, "one two three"), (5, "one two three"), (6, "two three"), (7, "three")]
)
def test_a_text_begins_where_it_is_wanted(offset: int, text: str) -> None:
    it = event("text", 5, 3, text="one two three", cuts=[4, 8])
    assert since(it, told_by(it.data), offset).text == text


def test_a_context_that_is_fuller_than_its_model_says_is_as_large_as_that() -> None:
    teller = Teller({}, 0)
    usage = {"input": 40, "output": 2}
    it = event("usage", model="unknown", usage=usage, cost_micros=5)
    (told,) = teller.tell(it, told_by(it.data), past=False, own=False)
    assert (told[0]["used"], told[0]["size"]) == (42, 42)
    assert told[0]["cost"] == {"amount": 5e-06, "currency": "USD"}


def result(**more: Any) -> Any:
    return result_update(msgspec.convert({"call": "c", **more}, Told))


def test_a_result_is_told_whole_and_shown_as_text() -> None:
    told = result_update(
        msgspec.json.decode('{"call":"c","status":"executed","result":{"on":true}}', type=Told)
    )
    assert told["status"] == "completed"
    assert msgspec.json.encode(told["rawOutput"]) == b'{"on":true}'
    assert told["content"][0]["content"]["text"] == '{"on":true}'


@pytest.mark.parametrize("status", ["denied", "expired", "failed", "unknown", "cancelled"])
def test_what_did_not_run_to_its_end_has_failed(status: str) -> None:
    text = f'{{"call":"c","status":"{status}","error":"so it is","late":true}}'
    told = result_update(msgspec.json.decode(text, type=Told))
    assert told["status"] == "failed"
    assert "rawOutput" not in told
    assert told["content"][0]["content"]["text"] == f"{status}: so it is"


def test_of_a_long_result_the_beginning_is_shown() -> None:
    text = msgspec.json.encode({"call": "c", "status": "executed", "result": "x" * 20_000})
    told = result_update(msgspec.json.decode(text, type=Told))
    assert len(told["content"][0]["content"]["text"]) == RESULT_CHARS_MAX + 2


def test_what_people_made_of_a_call_stands_below_its_result_with_what_ran() -> None:
    text = b'{"call":"c","status":"executed","result":"on","word":"softly","edited":{"level":3}}'
    told = result_update(msgspec.json.decode(text, type=Told))
    result, people = (block["content"]["text"] for block in told["content"])
    assert result == "on"
    assert people == (
        'A person has changed the arguments before it ran; these were: {"level":3}. '
        "The person who was asked says: softly"
    )
    assert msgspec.json.encode(told["rawInput"]) == b'{"level":3}'
    text = b'{"call":"c","status":"denied","error":"Denied by user: no","word":"no"}'
    told = result_update(msgspec.json.decode(text, type=Told))
    assert [block["content"]["text"] for block in told["content"]] == ["denied: Denied by user: no"]
    assert "rawInput" not in told
