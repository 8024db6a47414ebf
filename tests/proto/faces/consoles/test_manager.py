"""The manager's namespace: seed 002's events from a console that talks to agents directly."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.faces.consoles.screen import (
    AT,
    answered,
    login_of,
    manager,
    reading,
    said,
    with_agent,
)

from agentgate_proto.faces.consoles.effects import LogIn, LogOut, Read, Say, StopReading
from agentgate_proto.faces.consoles.talks import NO_AGENT


def test_a_login_is_welcomed_and_then_the_whole_history_follows() -> None:
    screen = manager().emit("login", {"agentId": "a1", "password": "s"}, ack=1)
    assert screen.todo == [LogIn(1, "a1", "s")]
    screen.log_in()
    assert screen.told == [
        ("loginSuccess", {"message": "Welcome, Ada!", "agentId": "a1", "agentName": "Ada"})
    ]
    assert screen.acks == {1: {"event": "login", "received": True}}
    read = screen.only(Read)
    assert (read.session, read.epoch, read.offset) == ("agent:a1", "e", 0)
    screen.read(read.number, said("Hi"), answered("Hello"))
    assert screen.told[1:] == [
        ("chatMessage", {"from": "user", "text": "Hi", "timestamp": AT, "agentId": "a1"}),
        (
            "chatMessage",
            {
                "from": "agent",
                "response": {"type": "text", "result": "Hello"},
                "timestamp": AT,
                "agentId": "a1",
            },
        ),
    ]


def test_a_message_goes_to_the_session_and_waits_for_its_turn() -> None:
    screen, _ = with_agent()
    screen.emit("chat", {"message": "Hi", "agentId": "a1"}, ack=5)
    params = screen.todo[0]
    assert isinstance(params, Say)
    assert params.params.queue
    assert (params.params.session, params.params.text) == ("agent:a1", "Hi")
    assert 5 not in screen.acks
    screen.taken()
    assert screen.acks[5] == {"event": "chat", "received": True}
    assert not screen.told  # what is shown comes from the log


def test_a_logout_ends_the_reading() -> None:
    screen, number = with_agent()
    screen.emit("logout", {}, ack=2)
    assert screen.todo == [StopReading(number), LogOut("a1")]
    assert screen.told == [
        ("logoutSuccess", {"message": "Goodbye from Ada", "agentId": "a1", "agentName": "Ada"})
    ]
    assert screen.acks[2] == {"event": "logout", "received": True}
    screen.clear().read(number, said())
    assert not screen.told


@pytest.mark.parametrize(
    ("event", "argument", "words"),
    [
        ("login", {"password": "s"}, NO_AGENT),
        ("login", "a1", "Invalid payload of login: "),
        ("chat", {"agentId": "a1"}, "Invalid payload of chat: "),
        ("logout", {"agentId": 1}, "Invalid payload of logout: "),
        ("createTerminal", {}, "createTerminal is not offered here: login, chat, logout are"),
        ("x" * 1_000, {}, "x" * 300 + " … is not offered"),
    ],
)
def test_what_is_wrong_is_said(event: str, argument: Any, words: str) -> None:
    screen = manager().emit(event, argument, ack=1)
    ((name, problem),) = screen.told
    assert name == "error"
    assert problem["message"].startswith(words)
    assert screen.acks[1] == {"error": problem}
    assert not screen.todo


def test_an_event_without_an_argument_is_wrong_too_and_needs_no_acknowledgement() -> None:
    screen = manager().emit("chat")
    assert screen.told[0][0] == "error"
    assert not screen.acks


def test_a_login_without_a_password_is_tried_with_none_that_is_right() -> None:
    """So that it takes as long, and says as little, as one with a wrong one."""
    screen = manager().emit("login", {"agent": "Ada"})
    assert screen.todo == [LogIn(1, "Ada", "")]


def test_a_console_that_goes_leaves_all_it_used() -> None:
    screen, number = with_agent()
    screen.emit("login", {"agentId": "a2", "password": "s"}).log_in(login_of("a2", "Bob"))
    other = reading(screen)
    screen.console.close()
    screen.look()
    assert screen.todo == [StopReading(number), LogOut("a1"), StopReading(other), LogOut("a2")]
    assert screen.console.next_deadline() is None
