"""The client: a call book, and the connections that it needs.

The machine holds at most one connection. When it breaks or can't be made, the next attempt is
scheduled (``backoff``); when one is authenticated, the call book reconciles and goes on.

The adapter dials when told to, moves bytes, calls ``handle_timer`` at ``next_deadline``, and after
each of these, and after each command, drains ``next_event`` and sends ``data_to_send``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.call_book import CallBook
from agentgate_proto.client.calls import error_of
from agentgate_proto.client.events import (
    ClientEvent,
    ClientState,
    Dial,
    HangUp,
    Pushed,
    Refusal,
    StateChanged,
)
from agentgate_proto.client.providing import Providing
from agentgate_proto.connection.base import ABNORMAL_CLOSURE, TAKEN_OVER
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import (
    Answered,
    Authenticated,
    Closed,
    Event,
    Notified,
    Progressed,
    Refused,
    ToolAsked,
)
from agentgate_proto.errors import (
    AgentGateError,
    Disconnected,
    ErrorCode,
    exception_for,
)
from agentgate_proto.limits import UNCLAIMED_ROWS_MAX
from agentgate_proto.rpc.messages import AuthResult
from agentgate_proto.rpc.tool_methods import StopTool

Connect = Callable[[float], ClientConnection]
"""Makes the machine of a new connection; takes ``now``. Must not raise: host and headers have been
tried out before."""


class ClientMachine:
    """See the module. Times are monotonic seconds.

    Args:
        connect: makes the connection machine for each attempt.
        backoff: the schedule of attempts.
        instance: names this process among all that use its ``client_id``, ever: a fresh UUID.
        kept_max: outcomes for which no call waits, at most; see :class:`.unclaimed.Unclaimed`.

    Attributes:
        state: see :class:`ClientState`.
        last_error: why the last attempt or connection ended, or None.
        auth: what the gateway said when it took the token, or None.
        connection: the connection, from ``dialed`` until ``HangUp``.
    """

    def __init__(
        self,
        connect: Connect,
        backoff: Backoff,
        *,
        instance: str = "",
        kept_max: int = UNCLAIMED_ROWS_MAX,
    ) -> None:
        self.state = ClientState.IDLE
        self.last_error: AgentGateError | None = None
        self.auth: AuthResult | None = None
        self.connection: ClientConnection | None = None
        self._connect = connect
        self._backoff = backoff
        self._events: deque[ClientEvent] = deque()
        self._book = CallBook(self._events, instance, kept_max)
        self._providing = Providing(self._events)
        self._retry_at: float | None = None
        self._flushing: ClientConnection | None = None

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Standing calls that the gateway did not take when it was asked last."""
        return self._book.standing.refusals

    def handle_of(self, request_id: int | str) -> int | None:
        """Return the handle of a call that was sent under this id and is not settled, or None."""
        return self._book.handle_of(request_id)

    # Output

    def next_event(self) -> ClientEvent | None:
        """Return the next event, or None."""
        return self._events.popleft() if self._events else None

    def data_to_send(self) -> bytes:
        """Take the output for the connection; after ``HangUp``, what it has still to say."""
        connection = self.connection or self._flushing
        return connection.data_to_send() if connection is not None else b""

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        at = self._book.next_deadline()
        if self._retry_at is not None and (at is None or self._retry_at < at):
            at = self._retry_at
        deadline = self.connection.next_deadline() if self.connection is not None else None
        return deadline.at if deadline is not None and (at is None or deadline.at < at) else at

    # Commands

    def open(self) -> None:
        """Begin to connect; without effect while that is under way or done."""
        if self.state in (ClientState.IDLE, ClientState.CLOSED):
            self._backoff.succeeded()
            self.last_error = self.auth = None
            self._dial()

    def call(self, method: str, params: msgspec.Struct, timeout_s: float | None, now: float) -> int:
        """Make a call; ``Settled`` will follow with the handle that is returned.

        Raises:
            AgentGateConnectionError: the client is not open, or has given up.
            AgentGateError: too many calls are waiting (-32006), or the parameters cannot be sent.
        """
        self._check_open()
        handle = self._book.add(method, params, timeout_s, now)
        self._drain()
        return handle

    def stand(
        self, method: str, params: msgspec.Struct, later: msgspec.Struct | None = None
    ) -> int:
        """Make a call now, and again on every connection, before all others go out.

        ``later`` takes the place of ``params`` once there was an answer.

        The first answer is ``Settled`` with the handle that is returned, later ones are ``Stood``.
        The client is ``CONNECTED`` when all such calls have been answered, if only with an error,
        or an answer has not come for STANDING_WAIT_S.
        When it is closed they are forgotten. Raises as ``call``.
        """
        self._check_open()
        handle = self._book.standing.add(method, params, later)
        self._book.go_on()
        self._drain()
        return handle

    def unstand(self, handle: int) -> None:
        """Do not make a standing call any more, and tell no answer to it. What it has brought about
        on this connection stays as it is."""
        self._book.standing.remove(handle)

    def abandon(self, handle: int) -> None:
        """The caller is gone: the call is withdrawn if that is possible, and not reported."""
        self._book.abandon(handle)
        self._drain()

    def returned(self, call: str, data: Any) -> None:
        """A tool that ``CallAsked`` was for has returned."""
        self._providing.returned(call, data)

    def failed(self, call: str, code: ErrorCode, message: str) -> None:
        """A tool that ``CallAsked`` was for has failed: -32004, or did not run: -32602, -32601; or
        nobody knows: -32007. The text is for who asked."""
        self._providing.failed(call, code, message)

    def close(self, why: str = "the client was closed") -> None:
        """End it: every call is settled at once, the connection closes politely.

        Args:
            why: what calls are told, until it is opened again.
        """
        if self.state is ClientState.CLOSED:
            return
        if self.connection is not None:
            self.connection.close()
        self._end(lost(why), None)

    # Input

    def dialed(self, now: float) -> None:
        """The socket that ``Dial`` asked for is open."""
        if self.state is ClientState.CONNECTING and self.connection is None:
            self.connection = self._connect(now)
        else:
            self._events.append(HangUp())

    def dial_failed(self, message: str, now: float, *, final: bool) -> None:
        """No socket could be opened; ``final``: another attempt would end the same."""
        if self.state is ClientState.CONNECTING and self.connection is None:
            self._attempt_failed(lost(message), now, final=final)

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the gateway."""
        if self.connection is not None:
            self.connection.receive_data(data, now)
            self._drain()

    def receive_eof(self, now: float) -> None:
        """The gateway closed the socket."""
        if self.connection is not None:
            self.connection.receive_eof(now)
            self._drain()

    def send_failed(self, reason: str, now: float) -> None:
        """The socket took no more output."""
        if self.connection is not None:
            self.connection.send_failed(reason, now)
            self._drain()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._retry_at is not None and self._retry_at <= now:
            self._retry_at = None
            self._dial()
        self._book.handle_timer(now)
        self._note_ready()
        if self.connection is not None:
            self.connection.handle_timer(now)
            self._drain()

    def _check_open(self) -> None:
        if self.state in (ClientState.IDLE, ClientState.CLOSED):
            raise error_of(self.last_error or lost("not connected; call connect() first"))

    # Connections

    def _drain(self) -> None:
        while self.connection is not None and (event := self.connection.next_event()) is not None:
            self._on_event(event, self.connection)

    def _on_event(self, event: Event, connection: ClientConnection) -> None:
        match event:
            case Authenticated(result=auth):
                again = self.auth is not None
                self.auth = auth
                self._book.connected(connection, auth, again=again)
                self._note_ready()
            case Answered():
                self._book.answered(event)
                self._note_ready()
            case ToolAsked():
                self._providing.asked(connection, event)
            case Notified(params=StopTool(call=call)):
                self._providing.stop(call)
            case Notified(params=params):
                self._events.append(Pushed(params))
            case Refused(code=code, message=message, final=final, retry_after_s=at_least_s):
                # At first whoever waits for connect() is told (seed 001, FR1-AC2); later only the
                # token itself is a reason to give up: a proxy says 404 while its gateway restarts
                is_auth = code == ErrorCode.AUTHENTICATION
                final = (final or is_auth) if self.auth is None else (final and is_auth)
                error = exception_for(code, message)
                self._attempt_failed(error, connection.now, final=final, at_least_s=at_least_s)
            case Progressed():
                pass
            case _:
                assert isinstance(event, Closed), "the other events are a gateway's"
                # a client that took its place back would be replaced by its successor, and so on
                final = event.code == TAKEN_OVER and event.by_peer
                self._attempt_failed(lost(why_closed(event)), connection.now, final=final)

    def _note_ready(self) -> None:
        if self._book.ready and self.state is not ClientState.CONNECTED:
            self.last_error = None
            self._backoff.succeeded()
            self._change(ClientState.CONNECTED)

    def _dial(self) -> None:
        self._flushing = None
        self._change(ClientState.CONNECTING)
        self._events.append(Dial())

    def _attempt_failed(
        self, error: AgentGateError, now: float, *, final: bool, at_least_s: float = 0.0
    ) -> None:
        self._hang_up()
        self.last_error = error
        self._retry_at = None if final else self._backoff.failed(now)
        if self._retry_at is not None:
            self._retry_at = max(self._retry_at, now + at_least_s)
            self._book.disconnected()
            self._change(ClientState.RECONNECTING, error, self._retry_at - now)
        else:
            self._end(error if final else lost(f"Connection lost: {error.message}"), error)

    def _end(self, for_calls: AgentGateError, error: AgentGateError | None) -> None:
        """Stop for good."""
        self._hang_up()
        self._retry_at = None
        self.last_error = for_calls
        self._book.fail_all(for_calls)
        self._providing.end()
        self._change(ClientState.CLOSED, error)

    def _hang_up(self) -> None:
        """Let go of the connection; its last output is for the adapter to flush."""
        if self.connection is not None:
            self._flushing, self.connection = self.connection, None
            self._events.append(HangUp())

    def _change(
        self, state: ClientState, error: AgentGateError | None = None, retry_in_s: float = 0.0
    ) -> None:
        self.state = state
        self._events.append(StateChanged(state, error, retry_in_s))


def lost(message: str) -> Disconnected:
    """The error for a gateway that cannot be reached."""
    return Disconnected(ErrorCode.CONNECTION_LOST, message)


def why_closed(closed: Closed) -> str:
    """Say for people why a connection is over."""
    if closed.code == ABNORMAL_CLOSURE or not closed.by_peer:
        return closed.reason
    text = f"the gateway closed the connection ({closed.code})"
    return f"{text}: {closed.reason}" if closed.reason else text
