"""The other end made by hand: bytes in, frames out, nothing of the machine under test."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from tests.proto.joined import TOKEN, ignore, welcome
from tests.proto.support import BINARY, CLOSE, MASK, MASKS, PING, PONG, TEXT, frame

from agentgate_proto.connection.base import PROGRESSED
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.limits import CLIENT_LIMITS, SERVER_LIMITS, Limits
from agentgate_proto.principal import Role
from agentgate_proto.rpc.messages import Auth
from agentgate_proto.wire.doors import OPEN_DOORS, Doors

UPGRADE = (
    b"GET /any HTTP/1.1\r\nHost: gate.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
AUTH = '{"jsonrpc":"2.0","method":"auth","params":{"token":"a token of the hub"},"id":"auth-1"}'
AUTH_RESULT = '{"jsonrpc":"2.0","result":{"status":"authenticated"},"id":"auth-1"}'

NAMES = {PING: "ping", PONG: "pong"}


def request(request_id: int | str | None, method: str, params: Any = None) -> str:
    """A request as text; without params if there are none."""
    message = {"jsonrpc": "2.0", "method": method, "params": params, "id": request_id}
    return json.dumps({name: value for name, value in message.items() if value or name == "id"})


def notification(method: str, params: Any) -> str:
    """A notification as text."""
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params})


def batch(*texts: str) -> str:
    """A batch of messages."""
    return f"[{','.join(texts)}]"


def accept_key(key: bytes) -> bytes:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    return base64.b64encode(digest.digest())


def parse_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Cut whole frames off the front (RFC 6455 section 5.2); return them and what is left."""
    frames = []
    while len(data) >= 2:
        masked, length, at = data[1] & 0x80, data[1] & 0x7F, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at], "big")
        mask = data[at : at + 4] if masked else bytes(4)
        at += 4 if masked else 0
        if len(data) < at + length:
            break
        payload = bytes(byte ^ mask[n % 4] for n, byte in enumerate(data[at : at + length]))
        frames.append((data[0] & 0x0F, payload))
        data = data[at + length :]
    return frames, data


class ByHand:
    """What both kinds of hand-made peer do.

    Attributes:
        mask: the key of its frames, if it masks them.
        now: the clock.
        events: what the machine reported.
        on_event: acts on each event before the next one is asked for, as an adapter does.
        head: the head of the first HTTP message that the machine sent.
        frames: (opcode, payload) of the frames that it sent afterwards.
        rest: what it sent besides: the body of a plain HTTP answer, or half a frame.
    """

    mask: bytes | None = None

    def __init__(self, machine: ClientConnection | ServerConnection, now: float) -> None:
        self.machine: Any = machine
        self.now = now
        self.events: list[Any] = []
        self.on_event: Callable[[Any], None] = ignore
        self.head = b""
        self.frames: list[tuple[int, bytes]] = []
        self.rest = b""
        self.drain()

    def drain(self) -> None:
        """Do what an adapter does after every call."""
        while (event := self.machine.next_event()) is not None:
            if event == PROGRESSED:
                continue  # where a turn may end depends on the reads
            self.events.append(event)
            self.on_event(event)
        self.rest += self.machine.data_to_send()
        if not self.head and b"\r\n\r\n" in self.rest:
            self.head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        if self.head.startswith((b"GET ", b"HTTP/1.1 101 ")):
            frames, self.rest = parse_frames(self.rest)
            self.frames += frames

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.machine.receive_data(data, self.now)
        self.drain()

    def say(self, *texts: str) -> None:
        """Send text frames, all in one piece."""
        self.send(b"".join(self.frame(TEXT, text.encode()) for text in texts))

    def frame(self, opcode: int, payload: bytes = b"", **odd: Any) -> bytes:
        """Make a frame as this end sends it; options as for ``support.frame``."""
        return frame(opcode, payload, mask=self.mask, **odd)

    def tick(self, seconds: float) -> None:
        """Let time pass; the timer is handled if it is due."""
        self.now += seconds
        deadline = self.machine.next_deadline()
        if deadline is not None and deadline.at <= self.now:
            self.machine.handle_timer(self.now)
        self.drain()

    def heard(self) -> list[Any]:
        """Take what came: JSON of texts, bytes, ``"ping"``, ``"pong"``, ``"close 1000 why"``."""
        heard = [describe(*frame) for frame in self.frames]
        self.frames.clear()
        return heard

    def happened(self) -> list[Any]:
        """Take the events so far."""
        events, self.events = self.events, []
        return events


def describe(opcode: int, payload: bytes) -> Any:
    """Make a frame easy to compare."""
    if opcode == TEXT:
        return json.loads(payload)
    if opcode == BINARY:
        return payload
    if opcode == CLOSE:
        return f"close {int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}".strip()
    return NAMES[opcode]


class Visitor(ByHand):
    """A client made by hand, at a server connection."""

    mask = MASK

    def __init__(
        self,
        limits: Limits = SERVER_LIMITS,
        now: float = 0.0,
        doors: Doors = OPEN_DOORS,
        peer: str = "",
    ) -> None:
        self.server = ServerConnection(now, limits, doors, peer)
        super().__init__(self.server, now)

    def upgrade(self) -> Visitor:
        """Go through the opening handshake."""
        self.send(UPGRADE)
        return self

    def knock(self) -> Visitor:
        """Upgrade and send ``auth``; the gateway has not decided yet."""
        self.upgrade()
        self.say(AUTH)
        self.happened()
        return self

    def enter(self, role: Role = Role.AGENT, client_id: str = "sdk-1") -> Visitor:
        """Upgrade and authenticate."""
        self.upgrade()
        self.say(request("auth-1", "auth", {"token": TOKEN, "client_id": client_id}))
        self.server.accept_auth(*welcome(role))
        self.drain()
        self.heard()
        self.happened()
        return self


class Doorman(ByHand):
    """A gateway made by hand, before a client connection."""

    def __init__(
        self, limits: Limits = CLIENT_LIMITS, now: float = 0.0, auth: Auth | None = None
    ) -> None:
        auth = auth or Auth(token=TOKEN)
        self.client = ClientConnection(
            "gate.example", "/any", auth, now, masks=MASKS, limits=limits
        )
        super().__init__(self.client, now)

    def answer_upgrade(self) -> bytes:
        """The answer to the client's upgrade request."""
        match = re.search(rb"(?i)sec-websocket-key: (\S+)", self.head)
        assert match is not None, "a client sends a key"
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(match[1]) + b"\r\n\r\n"
        )

    def upgrade(self) -> Doorman:
        """Go through the opening handshake."""
        self.send(self.answer_upgrade())
        return self

    def let_in(self) -> Doorman:
        """Upgrade and take the token."""
        self.upgrade()
        self.say(AUTH_RESULT)
        self.heard()
        self.happened()
        return self
