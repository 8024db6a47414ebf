"""One connection to Home Assistant's WebSocket, as a machine without sockets or clocks.

::

    OPENING  --upgraded-->  AUTHENTICATING  --auth_ok-->  OPEN
       \\________________________|__________________________|____>  CLOSED

Bytes go in by ``receive_data``, and out by ``data_to_send``; after each of the two ends of an
input, take ``next_event`` until it is None. A command is either never sent, or sent and answered,
or sent and nobody knows: ``unsent`` tells which, for those that have no answer when it ends.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from random import Random
from typing import Any, Final

import msgspec

from agentgate_proto.errors import RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.client import ClientWire
from agentgate_proto.wire.events import Close, Rejected, Text, Upgraded, WireEvent
from agentgate_server.errors import NotStarted
from agentgate_server.tools.home_assistant.messages import (
    ERROR_CHARS_MAX,
    Answer,
    Ended,
    Event,
    Heard,
    Problem,
    Pushed,
    Ready,
    command,
    heard,
)

PATH: Final = "/api/websocket"

LIMITS: Final = Limits(message_bytes_max=32_000_000, queued_bytes_max=8_000_000)
"""One message may be all states of a large house, some megabytes; commands are small."""

OPENING_S: Final = 15.0
"""From the connection to a token that was taken; Home Assistant gives 10 s for the latter."""

SILENCE_S: Final = 20.0
"""Without a byte for this long it is asked whether it is there."""

PONG_S: Final = 20.0
"""Without a byte for this long after that, it is dead."""

COMMANDS_MAX: Final = 256
"""Commands without an answer: more than all places for calls and reads together."""


class State(Enum):
    """Where the connection is in its life."""

    OPENING = auto()
    AUTHENTICATING = auto()
    OPEN = auto()
    CLOSED = auto()


class Machine:
    """See the module.

    Args:
        authority: for the Host header.
        base: the path before ``/api``, "" as a rule.
        token: the access token.
        masks: see :class:`ClientWire`.
        now: monotonic seconds.

    Attributes:
        state: see :class:`State`.
        version: of Home Assistant, or "".
    """

    def __init__(self, authority: str, base: str, token: str, masks: Random, now: float) -> None:
        self.state = State.OPENING
        self.version = ""
        self._token = token
        self._wire = ClientWire(authority, f"{base}{PATH}", [], LIMITS, masks)
        self._events: deque[Event] = deque()
        self._last_id = 0
        self._waiting: set[int] = set()
        self._queued: set[int] = set()
        self._subscribed: set[int] = set()
        self._deadline = now + OPENING_S
        self._pinged = False

    # Input

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes of Home Assistant's."""
        if self.state is State.CLOSED:
            return
        self._wire.receive_data(data)
        try:
            while (event := self._wire.next_event()) is not None:
                self._take(event)
        except RemoteProtocolError as error:
            self._end(f"its WebSocket broke the protocol: {error}")
        except ValueError as error:
            self._end(str(error))
        if self.state is State.OPEN:
            self._deadline, self._pinged = now + SILENCE_S, False

    def receive_eof(self, reason: str = "the connection was closed") -> None:
        """Take note that nothing more comes."""
        rejected = self._wire.give_up() if self.state is State.OPENING else None
        self._end(refusal(rejected) if rejected is not None else reason)

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` is due, in monotonic seconds; None: never."""
        return None if self.state is State.CLOSED else self._deadline

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self.state is State.CLOSED or now < self._deadline:
            return
        if self.state is not State.OPEN:
            self._end("it did not answer the WebSocket in time")
        elif self._pinged:
            self._end(f"nothing came from it for {SILENCE_S + PONG_S:g} s")
        else:
            self._put("ping", {})
            self._deadline, self._pinged = now + PONG_S, True

    # Output

    def command(self, kind: str, fields: dict[str, Any], *, subscribes: bool = False) -> int:
        """Queue a command; return its id. Its ``Answer`` comes as an event, or ``Ended``.

        Args:
            kind: its type, such as ``call_service``.
            fields: what else is in it.
            subscribes: events under its id are wanted.

        Raises:
            NotStarted: it can't be sent now.
        """
        if self.state is not State.OPEN:
            raise NotStarted("the connection to Home Assistant does not stand; nothing was sent")
        if len(self._waiting) >= COMMANDS_MAX or len(self._wire.out) > LIMITS.queued_bytes_max:
            raise NotStarted(
                f"Home Assistant has not answered {len(self._waiting)} commands; nothing was sent"
            )
        number = self._put(kind, fields)
        self._waiting.add(number)
        self._queued.add(number)
        if subscribes:
            self._subscribed.add(number)
        return number

    def abandon(self, number: int) -> None:
        """Nobody waits for an answer any more; it is dropped when it comes."""
        self._waiting.discard(number)

    def unsent(self, number: int) -> bool:
        """Whether no byte of a command has been taken to be sent."""
        return number in self._queued

    def data_to_send(self) -> bytes:
        """Take what is to be sent; it must all be sent, or ``receive_eof`` be called."""
        self._queued.clear()
        return self._wire.data_to_send()

    def next_event(self) -> Event | None:
        """Return the next event, or None."""
        return self._events.popleft() if self._events else None

    # Inside

    def _take(self, event: WireEvent) -> None:
        match event:
            case _ if self.state is State.CLOSED:
                pass  # it came with what ended it
            case Upgraded():
                self.state = State.AUTHENTICATING
            case Text(text=text):
                for message in heard(text):
                    self._hear(message)
            case Rejected():
                self._end(refusal(event))
            case Close(code=code, reason=reason):
                self._end(f"it closed the WebSocket ({code}{f': {reason}' if reason else ''})")

    def _hear(self, message: Heard) -> None:
        match message.type, self.state:
            case "auth_required", State.AUTHENTICATING:
                self._wire.send_text(
                    msgspec.json.encode({"type": "auth", "access_token": self._token})
                )
            case "auth_ok", State.AUTHENTICATING:
                self.state, self.version = State.OPEN, message.ha_version[:32]
                self._events.append(Ready(self.version))
            case "auth_invalid", State.AUTHENTICATING:
                self._end("it refuses the gateway's token", is_refused=True)
            case "result", State.OPEN:
                self._answered(message)
            case "event", State.OPEN if message.id in self._subscribed:
                self._events.append(Pushed(message.id, message.event))

    def _answered(self, message: Heard) -> None:
        if message.id not in self._waiting:
            return
        self._waiting.remove(message.id)
        if message.success:
            self._events.append(Answer(message.id, message.result))
            return
        self._subscribed.discard(message.id)
        problem = message.error or Problem()
        text = " ".join(problem.message.split())[:ERROR_CHARS_MAX]
        self._events.append(Answer(message.id, code=problem.code[:64], message=text))

    def _put(self, kind: str, fields: dict[str, Any]) -> int:
        self._last_id += 1
        self._wire.send_text(command(self._last_id, kind, fields))
        return self._last_id

    def _end(self, reason: str, *, is_refused: bool = False) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._wire.forget_input()
        self._events.append(Ended(reason, is_refused))


def refusal(rejected: Rejected) -> str:
    """Say why there is no WebSocket."""
    if not rejected.status:
        return rejected.reason
    return f"it answered {rejected.status} where its WebSocket should be ({PATH})"
