"""The gateway's end of a connection, the part that faces use: plain HTTP, upgrades, messages.

A connection begins as plain HTTP. A request is answered whole, or by a stream: what is queued of
one is bounded, a stream that has nothing to say says that it is alive, and whoever takes nothing
is cut. An upgrade on a path that no face owns leads to the native protocol (``server``); on a path
of a face, the face is asked, and after that its messages flow, and it alone knows what they mean.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NoReturn

from agentgate_proto.connection.base import (
    ABNORMAL_CLOSURE,
    PROGRESSED,
    SLOW,
    TRY_AGAIN_LATER,
    Connection,
)
from agentgate_proto.connection.events import (
    BodyOffered,
    HttpRequested,
    MessageReceived,
    UpgradeAsked,
)
from agentgate_proto.connection.state import State, Step
from agentgate_proto.connection.timers import Timer
from agentgate_proto.errors import ConnectionClosedError, LocalProtocolError, RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.events import (
    BodyOffer,
    HttpRequest,
    Served,
    Upgraded,
    UpgradeRequest,
    WireEvent,
)
from agentgate_proto.wire.forwarded import client_address, is_this_machine
from agentgate_proto.wire.headers import Headers, Lines, encoded
from agentgate_proto.wire.server import ServerWire

DONE = "plain HTTP is done"


class FaceConnection(Connection[ServerWire]):
    """See the module.

    Args:
        now: monotonic seconds.
        limits: caps and times.
        doors: who may come in, and where to.
        peer: the address at the other end of the socket.

    Attributes:
        address: where the last request comes from, as far as trusted proxies tell.
        is_local: it was made on this machine.
        heads: how many requests have come whole.
    """

    def __init__(self, now: float, limits: Limits, doors: Doors, peer: str) -> None:
        super().__init__(ServerWire(limits, doors), limits, now)
        self.wire.be_strict()
        self.address = peer
        self.is_local = False
        self.heads = 0
        self._doors = doors
        self._peer = peer
        self._alive = b""
        self._said = False  # whether there was output since the last look at the stream
        self._put_bytes = 0  # of the stream, whether the peer has taken them or not
        self._taken_bytes = 0  # of these, at the last look
        self._took_at = now

    def sent(self, held_bytes: int) -> bool:
        """Take note of how much of the output that was taken the system has not taken yet.

        Of plain HTTP no further request is taken while there is any, or while much is queued:
        whoever asks and does not read is answered nothing more.

        Returns:
            whether a request may be taken that had to wait: drain ``next_event`` again.
        """
        self.held_bytes = held_bytes
        waited = self.wire.held_back
        self.wire.held_back = waited and self._is_backed_up
        self._unread = self._unread or waited
        return waited and not self.wire.held_back

    def cut_slow(self) -> None:
        """End the connection, because too much waits for the peer to take it."""
        if self.state is not State.CLOSED:
            self._fail_slow()

    @property
    def wants_time(self) -> bool:
        """Whether a command has set a timer, and :meth:`tick` should tell from when it runs."""
        return self._unarmed is not None

    def tick(self, now: float) -> None:
        """Tell the time, though nothing came and nothing is due."""
        self._clock(now)

    @property
    def _is_backed_up(self) -> bool:
        return self.held_bytes > 0 or len(self.wire.out) > self.limits.http_ahead_bytes_max

    @property
    def takes_input(self) -> bool:
        """Whether it makes sense to read: not while a request waits for its answer and what came
        after it is there as well. Nobody would look at it before."""
        return self.wire.opened or not self.wire.http.has_input_behind

    @property
    def is_doubted(self) -> bool:
        """Whether the peer was asked whether it is there, and has said nothing since."""
        return Timer.PONG in self.timers.deadlines and self.heard_at < self._probed_at

    @property
    def is_idle_http(self) -> bool:
        """Whether this is plain HTTP, and between two requests: any client expects it to end."""
        return not self.wire.opened and self.heads > 0 and self.wire.http.is_idle

    def turn_out(self, reason: str) -> None:
        """End the connection at once, because somebody else needs its place."""
        if self.state is State.OPENING:
            if not self.is_idle_http:
                self.wire.http.turn_out()
            self._cut(TRY_AGAIN_LATER, reason, by_peer=False)
        else:
            self._fail(RemoteProtocolError(reason, TRY_AGAIN_LATER))

    # Plain HTTP

    def send_http(self, status: int, body: bytes, content_type: str, headers: Lines = ()) -> None:
        """Answer ``HttpRequested``. Drain ``next_event`` again afterwards.

        Args:
            status: the HTTP status.
            body: left out where the request was ``HEAD``.
            content_type: of the body; "": there is none, as with 204 and 304.
            headers: further ones; ``cache-control`` is ``no-store`` unless it is among them.

        Raises:
            LocalProtocolError: there is no request to answer, or the answer is no HTTP.
        """
        if self._ending:
            return
        self.wire.send_http(status, body, content_type, headers)
        self._answered()

    def start_http(
        self, status: int, content_type: str, headers: Lines = (), *, alive: bytes = b""
    ) -> None:
        """Begin a streamed answer to ``HttpRequested``. If that is a ``HEAD``, the connection ends.

        Args:
            status: the HTTP status.
            content_type: of the body.
            headers: as for ``send_http``.
            alive: what is sent when there was nothing else from one look to the next, as a
                comment in server-sent events; b"": nothing.

        Raises:
            LocalProtocolError: as for ``send_http``.
        """
        if self._ending:
            return
        self.wire.start_http(status, content_type, headers)
        if not self.wire.http.streams:
            self._answered()
            return
        self._alive = alive
        self._said = True
        self._put_bytes, self._taken_bytes = self.queued_bytes, 0
        self._took_at = self.now
        self._set_from_command(Timer.STREAM, self.limits.stream_idle_s)

    def send_http_body(self, data: bytes) -> None:
        """Queue a part of a streamed answer; a peer that does not take them is cut.

        Raises:
            ConnectionClosedError: the connection is over.
            LocalProtocolError: no stream was begun, or it has ended.
        """
        if self._ending:
            raise ConnectionClosedError("the connection is closed")
        self._put(data)
        self._said = True
        if self.queued_bytes > self.limits.stream_bytes_max:
            self.wire.out.clear()
            self._cut(TRY_AGAIN_LATER, SLOW, by_peer=False)

    def end_http(self) -> None:
        """End a streamed answer. Drain ``next_event`` again afterwards.

        Raises:
            LocalProtocolError: no stream was begun, or it has ended.
        """
        if self._ending:
            return
        self.wire.http.end_response()
        self.timers.clear()
        self._answered()

    def recognise(self) -> None:
        """Take what the limits say, and not the little that strangers may send: it is known who is
        on the other end."""
        self.wire.recognise()

    def take_body(self) -> None:
        """Answer ``BodyOffered``: let it come. Drain ``next_event`` again afterwards."""
        if not self._ending:
            self.wire.http.take_body()
            self._unread = True

    def refuse_body(self, status: int, reason: str, headers: Lines = ()) -> None:
        """Answer ``BodyOffered`` with an HTTP status; the connection ends."""
        if not self._ending:
            self._end_by(lambda: self.wire.http.refuse(status, reason, encoded(headers)))

    # WebSockets of faces

    def accept_upgrade(self, subprotocol: str = "", headers: Lines = ()) -> None:
        """Answer ``UpgradeAsked``: messages flow. Drain ``next_event`` again afterwards.

        Args:
            subprotocol: one that the client offers, or "".
            headers: further ones of the answer.

        Raises:
            LocalProtocolError: nothing was asked, the subprotocol was not offered, or the headers
                can't be sent.
        """
        if self._ending:
            return
        self.wire.accept_upgrade(subprotocol, headers)
        self._take_text = self._on_message_of_face
        self._step(Step.FACE_UPGRADED)
        self._set_from_command(Timer.SILENCE, self.limits.silence_s)
        self._unread = True

    def refuse_upgrade(self, status: int, reason: str, headers: Lines = ()) -> None:
        """Answer ``UpgradeAsked`` with an HTTP status; the connection ends.

        Raises:
            LocalProtocolError: nothing was asked, or the answer is no refusal.
        """
        if self._ending:
            return
        self._end_by(lambda: self.wire.refuse_upgrade(status, reason, headers))

    def send_message(self, data: str | bytes) -> None:
        """Send a message on a face's WebSocket: a text, or bytes.

        A peer that does not take what it is sent is closed with 1013.

        Raises:
            ConnectionClosedError: the connection is closing or closed.
            LocalProtocolError: no face's messages flow here, or the text is not Unicode.
        """
        if self._ending:
            raise ConnectionClosedError(f"the connection is {self.state.name.lower()}")
        if self.state is not State.FACE:
            raise LocalProtocolError("no messages of a face flow here")
        if isinstance(data, str):
            try:
                text = data.encode()
            except UnicodeEncodeError:
                raise LocalProtocolError("a text that is not Unicode") from None
            self._send_text(text)
        elif self._has_room(len(data)):
            self.wire.send_binary(data)

    # Input

    @abstractmethod
    def _on_upgraded(self) -> None:
        """The native protocol begins."""

    def _on_opening(self, event: WireEvent) -> None:
        self._came_from(self.wire.http.headers)
        if isinstance(event, BodyOffer):  # the time for the whole request goes on
            offer = BodyOffered(target=event.target, headers=event.headers, route=event.route)
            self._events.append(offer)
            return
        self.timers.clear()
        self.heads += 1
        match event:
            case HttpRequest():
                # No timer: it is our turn, and an answer may need a disk
                self._events.append(
                    HttpRequested(
                        method=event.method,
                        target=event.target,
                        headers=event.headers,
                        body=event.body,
                        route=event.route,
                        values=event.values,
                    )
                )
            case UpgradeRequest():
                self._events.append(
                    UpgradeAsked(
                        route=event.route,
                        values=event.values,
                        target=event.target,
                        headers=event.headers,
                        subprotocols=event.subprotocols,
                    )
                )
            case Served():
                if self._has_room(0):
                    self._events.append(PROGRESSED)  # this is work, though it concerns nobody
                    self._answered()
            case _:
                assert isinstance(event, Upgraded), "a server's wire has no other event here"
                self._step(Step.UPGRADED)
                self._on_upgraded()

    def _on_binary(self, data: bytes) -> None:
        self._on_message_of_face(data)

    def _on_message_of_face(self, data: str | bytes) -> None:
        """Pass a message on; what comes after we began to close, nobody asked for."""
        if self.state is State.FACE:
            self._events.append(MessageReceived(data=data))

    def _on_own_timer(self, timer: Timer) -> None:
        if timer is Timer.STREAM:
            self._look_at_stream()
        else:
            self._cut(ABNORMAL_CLOSURE, "no whole request in time", by_peer=False)

    def _end_by(self, refuse: Callable[[], NoReturn]) -> None:
        try:
            refuse()
        except RemoteProtocolError as error:
            self._fail(error)

    def _put(self, data: bytes) -> None:
        before = self.queued_bytes
        self.wire.http.send_body(data)
        self._put_bytes += self.queued_bytes - before

    def _look_at_stream(self) -> None:
        """Say that the stream is alive; end it if the peer takes nothing of it any more."""
        taken_bytes = self._put_bytes - self.queued_bytes
        if taken_bytes > self._taken_bytes or not self.queued_bytes:
            self._took_at = self.now
        elif self.now - self._took_at >= self.limits.stream_stall_s:
            self._cut(ABNORMAL_CLOSURE, "the peer takes nothing", by_peer=False)
            return
        if self._alive and not self._said:
            self._put(self._alive)
        self._said = False
        self._taken_bytes = taken_bytes
        self.timers.set(Timer.STREAM, self.now + self.limits.stream_idle_s)

    def _has_room(self, size: int) -> bool:
        """Whether so many bytes more may be queued; a slow consumer is closed if not."""
        if self.queued_bytes + size > self.limits.queued_bytes_max:
            self._fail_slow()
            return False
        return True

    def _came_from(self, headers: Headers) -> None:
        trusted = self._doors.trusted_proxies
        self.address = client_address(self._peer, headers, trusted)
        self.is_local = is_this_machine(self._peer, headers, trusted)

    def _answered(self) -> None:
        """Get ready for the next request, which may have come already."""
        self._unread = True
        self.wire.held_back = self._is_backed_up
        self._set_from_command(Timer.OPENING, self.limits.http_idle_s)
        if self.wire.http.finished:
            self._cut(ABNORMAL_CLOSURE, DONE, by_peer=False)
