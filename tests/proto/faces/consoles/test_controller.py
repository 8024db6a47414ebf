"""The controller's namespace: seed 002's events from a console that talks through here."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.faces.consoles.screen import (
    NOW,
    Screen,
    answered,
    controller,
    login_of,
    reading,
    said,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.consoles.controller import (
    CLOSED,
    HELD_CHARS_MAX,
    NO_ACCESS,
    NO_CLIENT,
    NO_CLIENT_ID,
    NO_EVENT,
    ControllerConsole,
    Remote,
)
from agentgate_proto.faces.consoles.effects import (
    Choose,
    LogIn,
    LogOut,
    Read,
    Say,
    StopReading,
)
from agentgate_proto.faces.consoles.talks import HELD_MAX, HELD_S, NO_AGENT, NOT_LOGGED_IN
from agentgate_proto.limits import MESSAGE_CHARS_MAX

SET = ("clientSet", {"clientId": "c1", "message": "Client context set"})


def machine(screen: Screen) -> ControllerConsole:
    assert isinstance(screen.console, ControllerConsole)
    return screen.console


def choose(screen: Screen, client: str = "c1", remote: Remote = Remote.UP) -> Screen:
    """Choose a gateway, which has the passwords of a1 and a2."""
    screen.emit("setClient", {"clientId": client})
    assert screen.next(Choose).client == client
    machine(screen).chosen(client, frozenset({"a1", "a2"}), remote, 1, screen.now)
    return screen.look()


def chosen() -> Screen:
    screen = choose(controller())
    screen.told.clear()
    return screen


def forward(screen: Screen, event: str, agent: str | None = "a1", **payload: Any) -> Screen:
    return screen.emit("forward", {"event": event, "payload": payload, "agentId": agent})


def test_a_client_is_set() -> None:
    screen = controller().emit("setClient", {"clientId": "c1"}, ack=1)
    assert screen.only(Choose) == Choose("c1")
    machine(screen).chosen("c1", (), Remote.UP, 1, NOW)
    assert screen.look().told == [SET]
    assert screen.acks[1] == {"event": "setClient", "received": True}
    screen.emit("setClient", {"clientId": "c1"}, ack=2).emit("setClient", {"clientId": "c1"})
    assert screen.told == [SET, SET, SET]
    assert screen.acks[2] == screen.acks[1]
    assert not screen.todo


def test_what_the_gateway_behind_says_is_forwarded_with_the_agent_named() -> None:
    screen = forward(chosen(), "login", "a1", password="s")
    assert screen.todo == [LogIn(1, "a1", "s")]
    screen.log_in()
    screen.read(screen.next(Read).number, said("Hi"), answered("Hello"))
    assert [event for event, _ in screen.told] == ["forwardedEvent"] * 3
    assert [each["event"] for _, each in screen.told] == [
        "loginSuccess",
        "chatMessage",
        "chatMessage",
    ]
    assert {each["agentId"] for _, each in screen.told} == {"a1"}
    assert screen.told[1][1]["payload"]["from"] == "user"


def test_a_login_without_a_password_takes_the_stored_one() -> None:
    screen = forward(chosen(), "login", None, agentId="a2", password="")
    assert screen.todo == [LogIn(1, "a2", None)]
    screen.clear().emit("forward", {"event": "login", "agentId": "a1"})
    assert screen.todo == [LogIn(2, "a1", None)]
    forward(screen.clear(), "login", "a9")
    ((event, told),) = screen.told
    assert (event, told["event"]) == ("forwardedEvent", "error")
    assert told["payload"]["message"] == "No stored credentials for agent a9"
    assert not screen.todo


def test_a_message_logs_in_by_itself_once_and_goes_then() -> None:
    screen = forward(chosen(), "chat", message="one")
    forward(screen, "chat", message="two")
    assert screen.todo == [LogIn(1, "a1", None)]
    screen.log_in()
    assert screen.told[0][1]["event"] == "loginSuccess"
    number = screen.next(Read).number
    assert [screen.next(Say).params.text, screen.next(Say).params.text] == ["one", "two"]
    forward(screen.clear(), "chat", message="three")
    assert [type(each) for each in screen.todo] == [Say]
    screen.clear()
    forward(screen, "logout")
    assert screen.todo == [StopReading(number), LogOut("a1")]


def test_an_own_login_beside_that_is_greeted_once_more_and_not_twice() -> None:
    screen = forward(chosen(), "chat", message="one")
    forward(screen, "login", password="s")
    by_itself, own = screen.next(LogIn), screen.next(LogIn)
    machine(screen).talks.logged_in(own.number, login_of(), NOW)
    screen.look()
    assert isinstance(screen.todo.pop(0), Read)
    assert screen.next(Say).params.text == "one"
    machine(screen).talks.logged_in(by_itself.number, login_of(), NOW)
    assert not screen.look().todo
    assert [each["event"] for _, each in screen.told] == ["loginSuccess"]


def test_a_message_to_an_agent_whose_password_nobody_has_waits_for_a_login() -> None:
    screen = forward(chosen(), "chat", "a9", message="one")
    assert not screen.todo
    screen.at(NOW + HELD_S)
    problem = {"message": "No stored credentials for agent a9", "agentId": "a9"}
    assert screen.told[0][1]["payload"] == problem
    forward(screen.clear(), "chat", None, message="one")
    screen.at(screen.now + HELD_S)
    assert screen.told[0][1]["payload"] == {"message": NOT_LOGGED_IN}


# Before setClient


def test_forwards_before_set_client_are_taken_after_it_in_their_order() -> None:
    screen = forward(controller(), "chat", message="two")
    forward(screen, "chat", message="three")
    forward(screen, "logout", "a2")
    assert not screen.todo
    assert not screen.told
    assert screen.console.next_deadline() == NOW + HELD_S
    choose(screen)
    assert screen.told[0] == SET
    assert screen.told[1][1]["payload"]["message"] == NOT_LOGGED_IN
    screen.log_in()
    assert isinstance(screen.todo.pop(0), Read)
    assert [screen.next(Say).params.text, screen.next(Say).params.text] == ["two", "three"]
    assert screen.console.next_deadline() is None


def test_they_wait_for_so_long() -> None:
    screen = controller().emit("forward", {"event": "logout", "agentId": "a1"}, ack=1)
    screen.at(NOW + 1).emit("forward", {"event": "logout", "agentId": "a1"}, ack=2)
    screen.at(NOW + HELD_S)
    assert screen.told == [("error", {"message": NO_CLIENT})]
    assert screen.acks == {1: {"error": {"message": NO_CLIENT}}}
    assert screen.console.next_deadline() == NOW + 1 + HELD_S


@pytest.mark.parametrize("message", ["x", "x" * MESSAGE_CHARS_MAX])
def test_so_many_of_them_and_so_much_text_waits(message: str) -> None:
    screen = controller()
    fit = min(HELD_MAX, HELD_CHARS_MAX // len(message))
    for _ in range(fit):
        forward(screen, "chat", message=message)
    assert not screen.told
    forward(screen, "chat", message=message)
    assert screen.told == [("error", {"message": NO_CLIENT})]


def test_if_the_client_is_refused_so_are_they() -> None:
    screen = controller().emit("forward", {"event": "logout", "agentId": "a1"}, ack=1)
    screen.emit("setClient", {"clientId": "c9"}, ack=2)
    machine(screen).refused()
    assert [each["message"] for _, each in screen.look().told] == [NO_ACCESS, NO_CLIENT]
    assert screen.acks[2] == {"error": {"message": NO_ACCESS}}
    assert screen.acks[1] == {"error": {"message": NO_CLIENT}}


def test_a_console_that_goes_takes_them_along() -> None:
    screen = forward(controller(), "logout")
    screen.console.close()
    assert screen.console.next_deadline() is None


# Another client


def test_one_client_at_a_time_and_nothing_of_the_former_follows() -> None:
    screen = forward(chosen(), "login").log_in()
    number = reading(screen)
    forward(screen, "chat", message="Hi")
    sent = screen.next(Say)
    forward(screen, "login", "a2")
    late = screen.next(LogIn)
    screen.emit("setClient", {"clientId": "c2"})
    assert screen.todo == [StopReading(number), LogOut("a1"), Choose("c2")]
    screen.todo.clear()
    machine(screen).chosen("c2", frozenset({"a1"}), Remote.UP, 1, NOW)
    forward(screen.clear(), "login").log_in()
    screen.clear().read(number, said())
    machine(screen).talks.not_said(sent.number, ErrorCode.SESSION_NOT_FOUND, "")
    screen.look()
    assert not screen.todo  # the agent of the same id there is another one
    machine(screen).talks.logged_in(late.number, login_of("a2"), NOW)
    assert screen.look().todo == [LogOut("a2")]


# How the gateway behind can be reached


def test_a_console_is_told_how_the_gateway_behind_can_be_reached() -> None:
    screen = chosen()
    for remote, attempt in [
        (Remote.AWAY, 1),
        (Remote.AWAY, 1),
        (Remote.AWAY, 2),
        (Remote.UP, 1),
        (Remote.UP, 1),
    ]:
        machine(screen).remote(remote, attempt)
    client = {"clientId": "c1"}
    assert screen.look().told == [
        ("remoteDisconnected", client),
        ("remoteReconnecting", {**client, "attempt": 1}),
        ("remoteReconnecting", {**client, "attempt": 2}),
        ("remoteReconnected", client),
    ]


@pytest.mark.parametrize(
    ("remote", "events"),
    [
        (Remote.UP, []),
        (Remote.AWAY, ["remoteReconnecting"]),
        (Remote.CLOSED, ["remoteDisconnected", "error"]),
    ],
)
def test_who_comes_while_it_is_away_is_told_at_once(remote: Remote, events: list[str]) -> None:
    screen = choose(controller(), remote=remote)
    assert [event for event, _ in screen.told] == ["clientSet", *events]


def test_a_link_that_is_closed_for_good_is_told_once() -> None:
    screen = chosen()
    machine(screen).remote(Remote.CLOSED, 1)
    assert screen.look().told == [
        ("remoteDisconnected", {"clientId": "c1"}),
        ("error", {"message": CLOSED}),
    ]


# What is wrong


@pytest.mark.parametrize(
    ("event", "argument", "words"),
    [
        ("setClient", {"clientId": ""}, NO_CLIENT_ID),
        ("setClient", {}, "Invalid payload of setClient: "),
        ("forward", {"event": "", "agentId": "a1"}, NO_EVENT),
        ("forward", {"agentId": "a1"}, "Invalid payload of forward: "),
        ("forward", {"event": "login"}, NO_AGENT),
        ("forward", {"event": "chat", "payload": {}}, "Invalid payload of forward: "),
        (
            "forward",
            {"event": "fileUpdate", "payload": {"filePath": "x"}},
            "fileUpdate can't be forwarded: login, chat, logout can",
        ),
        ("chat", {"message": "Hi"}, "chat is not offered here: setClient, forward are"),
    ],
)
def test_what_is_wrong_is_said(event: str, argument: Any, words: str) -> None:
    for screen in (controller(), chosen()):
        screen.emit(event, argument, ack=9)
        ((name, problem),) = screen.told
        assert name == "error"
        assert problem["message"].startswith(words)
        assert screen.acks[9] == {"error": problem}
        assert not screen.todo
