"""A console's seat: its machine, between its socket and the gateway whose agents it talks to.

What the console wants done is done in order. A console that reads slowly is handed nothing more of
a history than its socket has room for: the reading is stopped, and begun again where it was when
there is room; the log keeps the rest.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import anyio

from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.faces.consoles.console import Console
from agentgate_proto.faces.consoles.effects import (
    Answer,
    Choose,
    Effect,
    Emit,
    LogIn,
    LogOut,
    Read,
    Say,
    StopReading,
)
from agentgate_proto.faces.socketio.application import Sockets
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.relay.link import Done, LoginDone, Reader, Stop

log = logging.getLogger(__name__)


class Desk(Protocol):
    """The gateway whose agents a console talks to. Nothing waits: see ``relay.link``."""

    def log_in(self, agent: str, password: str | None, done: LoginDone) -> None:
        """Log in to an agent, by its stored password if none is given; a login that goes well is
        in use by this console until ``log_out``."""
        ...

    def log_out(self, agent: str) -> None:
        """The console uses the agent no more."""
        ...

    def say(self, params: SendMessage, done: Done) -> None:
        """Say something to an agent."""
        ...

    def read(self, session: str, cursor: Cursor, reader: Reader) -> Stop:
        """Read the log of an agent's session, as a link does."""
        ...


class Seat:
    """See the module.

    Args:
        socket: which.
        console: the machine.
        sockets: the verbs of sockets.
        drained: called with the socket after something was done.

    Attributes:
        desk: whose agents it talks to; None: that is to be chosen, or the socket is gone.
    """

    def __init__(
        self,
        socket: int,
        console: Console,
        sockets: Sockets,
        drained: Callable[[int], None],
        desk: Desk | None = None,
    ) -> None:
        self.socket = socket
        self.console = console
        self.desk = desk
        self._sockets = sockets
        self._drained = drained
        self._readings: dict[int, Reading] = {}
        self._fresh: deque[Reading] = deque()  # that have not begun
        self._is_draining = False

    def drain(self) -> None:
        """Do all that is to be done; what is answered at once adds to it."""
        if self._is_draining:
            return
        self._is_draining = True
        try:
            while (effect := self.console.next_effect()) is not None:
                self._do(effect)
        finally:
            self._is_draining = False
        while self._fresh:  # now, so that what they bring is told before there is more of it
            self._fresh.popleft().go_on()
        self._drained(self.socket)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Do something that came from outside, and drain: a bug must cost one console, not the
        gateway that calls back."""
        try:
            yield
            self.drain()
        except Exception:
            log.exception("the console of socket %d failed", self.socket)
            self._sockets.close(self.socket)
            self._drained(self.socket)

    def has_room(self) -> bool:
        """Whether more of a history may be told now."""
        return self._sockets.has_room(self.socket)

    def made_room(self) -> None:
        """Go on with what was stopped."""
        for reading in list(self._readings.values()):
            reading.go_on()

    def choose(self, client: str, now: float) -> Desk | None:
        """Find the gateway that a console has chosen; a manager's console chooses none."""
        raise AssertionError(f"there is no choice: {client}")

    def leave(self) -> None:
        """The socket is gone."""
        self.console.close()
        self.drain()
        self.desk = None

    def forget(self, number: int) -> None:
        """A reading has ended by itself."""
        self._readings.pop(number, None)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Emit(event, payload):
                self._sockets.emit(self.socket, event, payload)
                return
            case Answer(ack, payload):
                self._sockets.answer(self.socket, ack, payload)
                return
            case Choose(client):
                self.desk = self.choose(client, anyio.current_time())
                return
        desk = self.desk
        assert desk is not None, "a console that has chosen nothing wants nothing of a gateway"
        match effect:
            case LogIn(number, agent, password):
                desk.log_in(agent, password, LoginEnd(self, desk, number))
            case LogOut(agent):
                desk.log_out(agent)
            case Say(number, params):
                desk.say(params, SayingEnd(self, number))
            case Read(number, session, epoch, offset):
                reading = Reading(self, desk, number, session, Cursor(epoch, offset))
                self._readings[number] = reading
                self._fresh.append(reading)
            case StopReading(number):
                if number in self._readings:  # else it has just ended by itself
                    self._readings.pop(number).end()


class LoginEnd:
    """Takes the end of a login; see ``LoginDone``."""

    def __init__(self, seat: Seat, desk: Desk, number: int) -> None:
        self._seat = seat
        self._desk = desk
        self._number = number

    def __call__(self, login: AgentLogin | None, error: AgentGateError | None) -> None:
        """See the class."""
        seat, now = self._seat, anyio.current_time()
        if seat.desk is not self._desk:  # the console has turned to another gateway, or is gone
            if login is not None:
                self._desk.log_out(login.agent)
            return
        with seat.guarding():
            if login is not None:
                seat.console.talks.logged_in(self._number, login, now)
            else:
                code, words, data = facts_of(error)
                seat.console.talks.login_failed(self._number, code, words, data, now)


class SayingEnd:
    """Takes the end of a message's way; see ``Done``."""

    def __init__(self, seat: Seat, number: int) -> None:
        self._seat = seat
        self._number = number

    def __call__(self, result: Any, error: AgentGateError | None) -> None:
        """See the class."""
        with self._seat.guarding():
            if error is None:
                self._seat.console.talks.said(self._number)
            else:
                code, words, _ = facts_of(error)
                self._seat.console.talks.not_said(self._number, code, words)


class Reading:
    """Reads a log at the pace of a console; see ``Reader``."""

    def __init__(self, seat: Seat, desk: Desk, number: int, session: str, cursor: Cursor) -> None:
        self._seat = seat
        self._desk = desk
        self._number = number
        self._session = session
        self._cursor = cursor
        self._stop: Stop | None = None
        self._is_over = False
        self._is_paused = False

    def go_on(self) -> None:
        """Read on from where it was, if it was stopped."""
        if self._stop is None and not self._is_over:
            self._is_paused = False
            self._stop = self._desk.read(self._session, self._cursor, self)
            if self._is_paused:  # it has told much already, or has ended
                self._pause()

    def end(self) -> None:
        """Read no more."""
        self._is_over = True
        self._pause()

    def take(self, events: Sequence[Event]) -> None:
        """See the class."""
        for event in events:
            self._cursor = Cursor(self._cursor.epoch, event.offset + event.count)
            with self._seat.guarding():
                self._seat.console.talks.take(self._number, [event])
            if not self._seat.has_room():
                self._pause()
            if self._is_paused:
                return  # what is left is read again, if it is wanted

    def ended(self, error: AgentGateError | None) -> None:
        """See the class."""
        self._is_over = self._is_paused = True
        self._seat.forget(self._number)
        code, words = None, ""
        if error is not None:
            code, words, _ = facts_of(error)
        with self._seat.guarding():
            self._seat.console.talks.ended(self._number, code, words)

    def _pause(self) -> None:
        self._is_paused = True
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()


def facts_of(error: AgentGateError | None) -> tuple[ErrorCode, str, Any]:
    """Return the code of an error, its words and its data; an unknown code is our fault."""
    assert error is not None, "what has no result has an error"
    known = error.code in ErrorCode.__members__.values()
    code = ErrorCode(error.code) if known else ErrorCode.INTERNAL_ERROR
    return code, error.message, error.data
