"""Which events of a log are lines of a chat."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.faces.consoles.screen import AT, Event, answered, said

from agentgate_proto.faces.consoles.chat import (
    AHEAD,
    CUT,
    LINE_CHARS_MAX,
    begins_anew,
    line_of,
    loses_lines,
    lost_line,
    why,
)
from agentgate_proto.records.session import EventKind, RunStatus

QUIET = (RunStatus.COMPLETED, RunStatus.MAX_TOKENS)


def written(event: Event) -> Any:
    line = line_of(event, "a1")
    return None if line is None else msgspec.json.decode(msgspec.json.encode(line))


def test_what_a_person_says_is_a_line() -> None:
    assert written(said("Hi")) == {"from": "user", "text": "Hi", "timestamp": AT, "agentId": "a1"}


def test_what_the_agent_says_is_a_line() -> None:
    response = {"type": "text", "result": "Hello"}
    expected = {"from": "agent", "response": response, "timestamp": AT, "agentId": "a1"}
    assert written(answered("Hello")) == expected


def test_an_answer_without_words_is_none() -> None:
    """A model that wants a tool may say nothing."""
    assert line_of(answered(""), "a1") is None


@pytest.mark.parametrize("status", RunStatus)
@pytest.mark.parametrize("reason", ["", "the disk is full"])
def test_a_run_that_ended_otherwise_than_with_an_answer_says_why(
    status: RunStatus, reason: str
) -> None:
    event = Event("run_ended", {"run": "r", "status": status.value, "reason": reason})
    if status in QUIET:
        assert written(event) is None
        return
    response = written(event)["response"]
    assert response["type"] == "error"
    assert response["result"].endswith(reason)
    assert len(response["result"]) > len(reason) + 5


def test_a_line_is_no_longer_than_a_console_can_be_sent() -> None:
    fits, cut = written(said("x" * LINE_CHARS_MAX)), written(said("x" * LINE_CHARS_MAX + "y"))
    assert fits["text"] == "x" * LINE_CHARS_MAX
    assert cut["text"] == "x" * LINE_CHARS_MAX + CUT


def test_what_another_gateway_says_may_be_anything() -> None:
    assert written(Event("message", {"text": 7}))["text"] == ""
    assert written(Event("reply", {})) is None
    assert written(Event("run_ended", {"status": None}))["response"]["type"] == "error"
    assert written(Event("run_ended", {"status": ["x"]}))["response"]["type"] == "error"


def test_a_status_of_the_future_is_shown_as_it_is() -> None:
    assert why({"status": "bored"}) == "The answer ended as bored"


@pytest.mark.parametrize(
    "kind", sorted(set(EventKind) - {EventKind.MESSAGE, EventKind.REPLY, EventKind.RUN_ENDED})
)
def test_nothing_else_is_a_line(kind: EventKind) -> None:
    event = Event(kind.value, {})
    assert line_of(event, "a1") is None
    assert not loses_lines(event)


def test_what_a_crash_took_were_no_lines_and_what_is_not_kept_were() -> None:
    assert not loses_lines(Event("gap", {}, count=AHEAD))
    assert loses_lines(Event("gap", {}, count=AHEAD + 1))
    assert loses_lines(Event("gap", {"reason": "retention"}))
    assert not begins_anew(Event("gap", {"reason": "retention"}))
    assert not begins_anew(Event("text", {"reason": "epoch"}))
    assert begins_anew(Event("gap", {"reason": "epoch"}))
    assert begins_anew(Event("gap", {"reason": "ahead"}))
    assert lost_line(AT, "a1").response.type == "notice"
