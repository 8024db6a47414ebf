"""A seat: readings at the pace of a socket, and ends that come at once, later, or too late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.server.faces.plain_sockets import NOW, PlainSockets

from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.faces.consoles.manager import ManagerConsole
from agentgate_proto.faces.consoles.waiting import Waiting
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.faces.console_seat import Seat, facts_of
from agentgate_server.relay.link import Done, LoginDone, Reader, Stop

pytestmark = pytest.mark.anyio

AT = "2026-01-24T08:00:00.000Z"


class SlowDesk:
    """A desk of which the test says when it answers.

    Attributes:
        logins, sayings: the ends of what was asked for.
        readers: those that read, with where they began.
        used: agents in use, by how often.
    """

    def __init__(self) -> None:
        self.logins: list[LoginDone] = []
        self.sayings: list[Done] = []
        self.readers: list[tuple[Reader, Cursor]] = []
        self.stopped = 0
        self.out: list[str] = []
        self.at_once: Callable[[Reader], None] = lambda reader: None

    def log_in(self, agent: str, password: str | None, done: LoginDone) -> None:
        self.logins.append(done)

    def log_out(self, agent: str) -> None:
        self.out.append(agent)

    def say(self, params: SendMessage, done: Done) -> None:
        self.sayings.append(done)

    def read(self, session: str, cursor: Cursor, reader: Reader) -> Stop:
        self.readers.append((reader, cursor))
        self.at_once(reader)
        return self.stop

    def stop(self) -> None:
        self.stopped += 1


LOGIN = AgentLogin(agent="a1", name="Ada", session="s", epoch="e", oldest=0, next=0)


def lines(*texts: str, first: int = 0) -> list[Event]:
    return [
        Event(kind="message", data={"text": text}, offset=first + place, at=AT)
        for place, text in enumerate(texts)
    ]


def seat_of(desk: SlowDesk) -> tuple[Seat, PlainSockets]:
    sockets = PlainSockets()
    console = ManagerConsole("anna", "p", Waiting())
    return Seat(1, console, sockets, lambda socket: None, desk), sockets


def emit(seat: Seat, event: str, **argument: Any) -> None:
    seat.console.receive(event, [argument], 0, NOW)
    seat.drain()


def logged_in(desk: SlowDesk) -> tuple[Seat, PlainSockets]:
    seat, sockets = seat_of(desk)
    emit(seat, "login", agentId="a1", password="s")
    desk.logins[0](LOGIN, None)
    return seat, sockets


def shown(sockets: PlainSockets) -> list[str]:
    return [line["text"] for event, line in sockets.told[1] if event == "chatMessage"]


async def test_what_a_reading_brings_at_once_stops_it_when_there_is_no_room() -> None:
    desk = SlowDesk()
    desk.at_once = lambda reader: reader.take(lines("a", "b", "c"))
    seat, sockets = seat_of(desk)
    sockets.room[1] = 3  # the greeting is one
    emit(seat, "login", agentId="a1", password="s")
    desk.logins[0](LOGIN, None)
    assert shown(sockets) == ["a", "b"]
    assert desk.stopped == 1
    desk.at_once = lambda reader: reader.take(lines("c", first=2))
    sockets.room[1] = 9
    seat.made_room()
    assert [cursor for _, cursor in desk.readers] == [Cursor("e", 0), Cursor("e", 2)]
    assert shown(sockets) == ["a", "b", "c"]
    seat.made_room()
    assert len(desk.readers) == 2  # it goes on by itself


async def test_a_reading_that_ends_at_once_is_stopped_and_told() -> None:
    desk = SlowDesk()
    error = exception_for(ErrorCode.LOGIN_FAILED, "changed")
    desk.at_once = lambda reader: reader.ended(error)
    seat, sockets = logged_in(desk)
    assert [event for event, _ in sockets.told[1]] == ["loginSuccess", "loginError"]
    assert desk.out == ["a1"]
    seat.made_room()
    assert len(desk.readers) == 1


async def test_a_reading_that_was_ended_before_it_began_does_not_begin() -> None:
    desk = SlowDesk()
    seat, _ = seat_of(desk)
    emit(seat, "login", agentId="a1", password="s")
    seat.console.talks.logged_in(1, LOGIN, NOW)
    emit(seat, "logout")  # which is drained with the reading
    assert not desk.readers


async def test_that_the_gateway_behind_stops_is_not_told() -> None:
    desk = SlowDesk()
    _, sockets = logged_in(desk)
    desk.readers[0][0].ended(None)
    assert [event for event, _ in sockets.told[1]] == ["loginSuccess"]


async def test_a_message_is_acknowledged_when_it_is_taken_or_refused() -> None:
    desk = SlowDesk()
    seat, sockets = logged_in(desk)
    emit(seat, "chat", message="Hi")
    sockets.acks.clear()
    desk.sayings[0]({}, None)
    assert sockets.acks[0] == {"event": "chat", "received": True}
    emit(seat, "chat", message="Hi")
    desk.sayings[1](None, exception_for(ErrorCode.LIMIT_EXCEEDED, "too many wait"))
    assert sockets.acks[0] == {"error": {"message": "too many wait"}}


async def test_a_console_that_has_gone_leaves_what_it_used_and_what_comes_late_is_left_too() -> (
    None
):
    desk = SlowDesk()
    seat, _ = logged_in(desk)
    emit(seat, "chat", message="Hi")
    emit(seat, "login", agentId="a2", password="s")
    emit(seat, "login", agentId="a3", password="s")
    seat.leave()
    assert desk.stopped == 1
    desk.sayings[0]({}, None)
    desk.logins[1](AgentLogin(agent="a2", name="B", session="t", epoch="e", oldest=0, next=0), None)
    desk.logins[2](None, exception_for(ErrorCode.LOGIN_FAILED, ""))
    assert desk.out == ["a1", "a2"]


async def test_a_bug_costs_one_console_and_not_whoever_calls_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = SlowDesk()
    seat, sockets = logged_in(desk)
    emit(seat, "chat", message="Hi")
    desk.sayings[0]({}, None)
    desk.sayings[0]({}, None)  # it was said that this is called once
    assert sockets.closed == [1]
    assert "console of socket 1 failed" in caplog.text


def test_an_error_of_a_kind_that_is_not_known_is_ours() -> None:
    assert facts_of(AgentGateError(-1, "odd", {"x": 1})) == (
        ErrorCode.INTERNAL_ERROR,
        "odd",
        {"x": 1},
    )
