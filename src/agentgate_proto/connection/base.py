"""One connection, the part that both ends share: its life, keep-alive, limits and closing.

Theory of operation. ``receive_data`` stores bytes. ``next_event`` does the work, one event at a
time, and is the only place where input changes the state: so the adapter always acts on the state
that it sees. Input can cause output (pongs, error answers), so after draining the events the
adapter sends what ``data_to_send`` returns. ``next_deadline`` is a pure query; when it is due,
``handle_timer`` is called, and then events and output are drained as after input.

The rule for the adapter: after every call that changes anything, drain ``next_event`` until None,
then send ``data_to_send``. Nothing here raises on what the peer does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from agentgate_proto.connection.events import Answered, Closed, Event, Progressed
from agentgate_proto.connection.requests import BatchAnswer, InFlight, Outstanding
from agentgate_proto.connection.state import FRAMED, State, Step, advance
from agentgate_proto.connection.timers import Deadline, Timer, Timers
from agentgate_proto.errors import ConnectionClosedError, LocalProtocolError, RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.rpc.jsonrpc import (
    NULL,
    Batch,
    Failure,
    Invalid,
    Message,
    Request,
    RequestId,
    Success,
    decode,
    encode_notification,
    encode_request,
)
from agentgate_proto.wire.events import Alive, Binary, Close, Pong, Text, WireEvent
from agentgate_proto.wire.websocket import Wire

ABNORMAL_CLOSURE = 1006
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
AUTH_FAILED = 4401
TAKEN_OVER = 4409

KEEPALIVE_PREFIX = b"alive:"
SLOW = "slow consumer"
NO_LIFE = "no sign of life from the peer"  # why a connection ended, if a ping was not answered

PROGRESSED = Progressed()

SomeWire = TypeVar("SomeWire", bound=Wire)


class Connection(ABC, Generic[SomeWire]):
    """What a client's and a server's connection have in common.

    Args:
        wire: the WebSocket layer of the right kind.
        limits: caps and times.
        now: monotonic seconds; every later ``now`` is on the same clock. Going back is ignored.

    Attributes:
        state: see :class:`agentgate_proto.connection.state.State`.
        latency_s: the last measured round trip of a ping, or None.
        heard_at: when the last bytes came.
        held_bytes: of the output, what the adapter has taken and the system has not.
    """

    def __init__(self, wire: SomeWire, limits: Limits, now: float) -> None:
        self.state = State.OPENING
        self.limits = limits
        self.latency_s: float | None = None
        self.heard_at = now
        self.wire = wire
        self.held_bytes = 0
        self.timers: Timers[Timer] = Timers()
        self.timers.set(Timer.OPENING, now + limits.opening_s)
        self.now = now
        self._unarmed: tuple[Timer, float] | None = None
        self._in_flight = InFlight(limits.requests_in_flight_max)
        self._outstanding = Outstanding()
        self._events: deque[Event] = deque()
        self._inbox: deque[tuple[Message, BatchAnswer | None]] = deque()
        self._held = bytearray()
        self._paused = False
        self._take_text: Callable[[str], None] = self._on_text
        self._unread = False  # whether the wire may have an event: it is asked for far more often
        self._pings = 0
        self._ping_sent_at = 0.0
        self._probed_at = 0.0

    # Input

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the peer. Drain ``next_event`` afterwards.

        Too many of them while ``auth`` is being decided end the connection.
        """
        self._clock(now)
        if self.state is State.CLOSED:
            return
        self.heard_at = self.now
        if not self._paused:
            self._unread = True
            self.wire.receive_data(data)
        elif len(self._held) + len(data) <= self.limits.input_bytes_max:
            self._held += data
        else:
            self._fail(RemoteProtocolError("too much input before the auth reply", 1009))

    def receive_eof(self, now: float) -> None:
        """Take note that the peer will send nothing more."""
        self._clock(now)
        self._cut(ABNORMAL_CLOSURE, "the peer closed the connection", by_peer=True)

    def send_failed(self, reason: str, now: float) -> None:
        """Take note that output could not be sent: the connection is dead."""
        self._clock(now)
        self._cut(ABNORMAL_CLOSURE, reason, by_peer=True)

    def handle_timer(self, now: float) -> None:
        """Do what is due. Drain ``next_event`` afterwards."""
        self._clock(now)
        while (timer := self.timers.pop_due(self.now)) is not None:
            self._on_timer(timer)
            self._clock(now)  # what it did may have set a timer as a command does
        deadline = self.timers.next_deadline()
        assert deadline is None or deadline.at > self.now, "a timer that does not advance"

    # Output

    def next_event(self) -> Event | None:
        """Return the next event, or None: nothing more until there is input or a timer.

        ``Progressed`` comes after many steps that nobody need hear of.
        """
        events = self._events
        steps = 0
        while not events and not self._paused:
            if steps == self.limits.steps_max:
                return PROGRESSED
            steps += 1
            if self._inbox:
                message, batch = self._inbox.popleft()
                self._on_message(message, batch)
            elif self._unread:
                self._unread = self._read_wire()
            else:
                break
        return events.popleft() if events else None

    @property
    def queued_bytes(self) -> int:
        """Output that the peer has not taken yet."""
        return len(self.wire.out) + self.held_bytes

    def data_to_send(self, bytes_max: int | None = None) -> bytes:
        """Take the queued output, or as much of it. Send it in order, or call ``send_failed``."""
        return self.wire.data_to_send(bytes_max)

    def next_deadline(self) -> Deadline[Timer] | None:
        """Return when ``handle_timer`` wants to be called and why, or None. Changes nothing."""
        return self.timers.next_deadline()

    # Commands

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; without effect if the end has begun already.

        Until the peer's close frame is there, input is still read: what it answers or
        acknowledges counts, what it asks for does not.
        """
        if self.state is State.OPENING:
            self._cut(code, reason, by_peer=False)
        elif self.state in FRAMED:
            self.wire.send_close(code, reason)
            self._step(Step.CLOSE_SENT)
            self.timers.clear()
            self._set_from_command(Timer.CLOSING, self.limits.closing_s)
            self._resume()

    def abort(self, reason: str) -> None:
        """End the connection at once, without a handshake."""
        self._cut(ABNORMAL_CLOSURE, reason, by_peer=False)

    def send_request(self, request_id: RequestId, method: str, params: Any) -> None:
        """Ask the peer; ``Answered`` will follow, unless the connection ends before.

        Raises:
            ConnectionClosedError: the connection is closing or closed.
            LocalProtocolError: the id is in use, or the connection is not open yet.
        """
        self._check_open()
        text = encode_request(request_id, method, params)
        self._outstanding.add(request_id, method)
        self._send_text(text)

    def forget_request(self, request_id: RequestId) -> None:
        """Wait no more for the answer to a request of ours: it will be dropped if it comes."""
        self._outstanding.settle(request_id)

    def send_notification(self, method: str, params: Any) -> None:
        """Tell the peer something. Raises as ``send_request``."""
        self._check_open()
        self._send_text(encode_notification(method, params))

    def ping(self, now: float) -> None:
        """Measure the round trip; the answer shows in ``latency_s``. Raises as ``send_request``."""
        self._check_open()
        self._clock(now)
        self._ping()

    # What the two ends do differently

    @abstractmethod
    def _on_message(self, message: Message, batch: BatchAnswer | None) -> None:
        """Take one message in the state in which the connection is now."""

    @abstractmethod
    def _on_opening(self, event: WireEvent) -> None:
        """Take an event of the opening handshake."""

    def _on_binary(self, data: bytes) -> None:
        """Take a binary message, which only a face's wire lets through."""
        raise AssertionError("this end takes no binary messages")

    def _on_pong(self, payload: bytes) -> None:
        """Take a pong that is not one of our keep-alives."""

    def _on_own_timer(self, timer: Timer) -> None:
        """Take a timer that only one end sets."""

    def _unasked(self, answer_id: RequestId) -> str | None:
        """Return the method of a request that another connection made, or None."""
        return None

    # The shared work

    def _clock(self, now: float) -> None:
        if now > self.now:
            self.now = now
        if self._unarmed is not None:
            timer, delay_s = self._unarmed
            self._unarmed = None
            if timer in self.timers.deadlines:
                self.timers.set(timer, self.now + delay_s)

    def _set_from_command(self, timer: Timer, delay_s: float) -> None:
        """Set a timer from a command, which knows no time: the clock may be old by hours.

        The timer is due at once, and the call that this brings says from when the delay runs.
        """
        self._unarmed = (timer, delay_s)
        self.timers.set(timer, self.now)

    def _step(self, step: Step) -> None:
        self.state = advance(self.state, step)

    @property
    def _ending(self) -> bool:
        """Whether a send has lost the race with the end of the connection."""
        return self.state in (State.CLOSING, State.CLOSED)

    def _check_open(self) -> None:
        if self.state is State.OPEN:
            return
        state = self.state.name.lower()
        if self._ending:
            raise ConnectionClosedError(f"the connection is {state}")
        raise LocalProtocolError(f"the connection is {state}, not open yet")

    def _read_wire(self) -> bool:
        """Take one event from the wire; return whether there was one."""
        if self.state is State.CLOSED:
            return False
        try:
            event = self.wire.next_event()
        except RemoteProtocolError as error:
            self._fail(error)
            return True
        match event:
            case None:
                return False
            case Text(text):
                self._take_text(text)
            case Binary(data):
                self._on_binary(data)
            case Pong(payload):
                if payload == KEEPALIVE_PREFIX + b"%d" % self._pings:
                    self.latency_s = self.now - self._ping_sent_at
                self._on_pong(payload)
            case Close(code, reason):
                self._end(Step.CLOSE_RECEIVED, code, reason, by_peer=True)
            case Alive() if self.wire.opened:
                pass
            case Alive():
                self._events.append(PROGRESSED)  # of a body: a step that costs as much as many
            case _:
                self._on_opening(event)
        return True

    def _on_text(self, text: str) -> None:
        decoded = decode(text, batch_items_max=self.limits.batch_items_max)
        if isinstance(decoded, Batch):
            answers = sum(isinstance(message, Request | Invalid) for message in decoded.messages)
            batch = BatchAnswer(answers)
            self._inbox.extend((message, batch) for message in decoded.messages)
        else:
            self._on_message(decoded, None)

    def _on_answer(self, answer: Success | Failure) -> None:
        """Match an answer to a request of ours; what nobody waits for is dropped."""
        method = self._outstanding.settle(answer.id) or self._unasked(answer.id)
        if method is None:
            return
        if isinstance(answer, Success):
            event = Answered(id=answer.id, method=method, result=answer.result, error=None)
        else:
            event = Answered(id=answer.id, method=method, result=NULL, error=answer.error)
        self._events.append(event)

    def _on_timer(self, timer: Timer) -> None:
        match timer:
            case Timer.SILENCE:
                if self.heard_at + self.limits.silence_s > self.now:
                    if self.wire.partial_bytes:
                        self._ping()  # a pong to the peer would wait behind its long message
                    self.timers.set(Timer.SILENCE, self.heard_at + self.limits.silence_s)
                else:
                    self._ping()
                    self._probed_at = self.now
                    self.timers.set(Timer.PONG, self.now + self.limits.pong_s)
            case Timer.PONG:
                if self.heard_at >= self._probed_at:
                    self.timers.set(Timer.SILENCE, self.heard_at + self.limits.silence_s)
                else:
                    self._cut(ABNORMAL_CLOSURE, NO_LIFE, by_peer=True)
            case Timer.CLOSING:
                self._cut(ABNORMAL_CLOSURE, "the peer did not answer the close", by_peer=False)
            case _:
                self._on_own_timer(timer)

    def _ping(self) -> None:
        self._pings += 1
        self._ping_sent_at = self.now
        self.wire.send_ping(KEEPALIVE_PREFIX + b"%d" % self._pings)

    def _start_keepalive(self) -> None:
        self.timers.clear()
        self.timers.set(Timer.SILENCE, self.now + self.limits.silence_s)

    def _send_text(self, text: bytes) -> None:
        """Queue a message, if there is room."""
        if len(self.wire.out) + self.held_bytes + len(text) > self.limits.queued_bytes_max:
            self._fail_slow()
        else:
            self.wire.send_text(text)

    def _fail_slow(self) -> None:
        """End the connection with 1013: the peer does not take what it asked for."""
        if self.wire.drop_output():
            self._fail(RemoteProtocolError(SLOW, TRY_AGAIN_LATER))
        else:
            self._cut(TRY_AGAIN_LATER, SLOW, by_peer=False)

    def _fail(self, error: RemoteProtocolError) -> None:
        """End the connection because of what the peer did (RFC 6455 section 7.1.7)."""
        if self.state in FRAMED:
            self.wire.send_close(error.code, error.reason)
        self._cut(error.code, error.reason, by_peer=False, cap=error.cap)

    def _cut(self, code: int, reason: str, *, by_peer: bool, cap: str = "") -> None:
        if self.state is not State.CLOSED:
            self._end(Step.CUT, code, reason, by_peer=by_peer, cap=cap)

    def _end(self, step: Step, code: int, reason: str, *, by_peer: bool, cap: str = "") -> None:
        by_peer = by_peer and self.state is not State.CLOSING
        self._step(step)
        self.timers.clear()
        self._inbox.clear()
        self._held.clear()
        self.wire.forget_input()
        self._events.append(Closed(code=code, reason=reason, by_peer=by_peer, cap=cap))

    def _pause(self) -> None:
        self._paused = True

    def _resume(self) -> None:
        self._paused = False  # and _unread still holds, since auth was read from the wire
        self.wire.receive_data(bytes(self._held))
        self._held.clear()
