"""Conversations by Engine.IO 4 and Socket.IO 5, to the byte: what a client sends, and what it gets.

Ids of sessions are ``sid1``, ``sid2`` …, those of sockets ``socket1``, ``socket2`` …
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.proto.support import BINARY, CLOSE, MASK, TEXT, frame
from tests.vectors.websocket import ACCEPT, KEY

PATH = "/socket.io/?EIO=4&transport="
OPENING = (
    '0{{"sid":"sid{}","upgrades":[{}],"pingInterval":25000,"pingTimeout":20000,'
    '"maxPayload":1000000}}'
)
POLLING_OPENING = OPENING.format(1, '"websocket"')
PLACEHOLDER = '{"_placeholder":true,"num":0}'


def get(sid: str = "") -> bytes:
    """A poll; without a sid, it begins a session."""
    return asked("GET", f"polling&t=abc{f'&sid={sid}' if sid else ''}")


def post(sid: str, body: str) -> bytes:
    """A body of packets."""
    return asked("POST", f"polling&t=abc&sid={sid}", body)


def asked(method: str, transport: str, body: str = "") -> bytes:
    """A plain request."""
    head = f"{method} {PATH}{transport} HTTP/1.1\r\nHost: gate.example\r\n"
    data = body.encode()
    if data:
        head += f"Content-type: text/plain;charset=UTF-8\r\nContent-Length: {len(data)}\r\n"
    return head.encode() + b"\r\n" + data


def upgrade(sid: str = "") -> bytes:
    """An ask for a WebSocket."""
    beside = f"&sid={sid}" if sid else ""
    return (
        f"GET {PATH}websocket{beside} HTTP/1.1\r\nHost: gate.example\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def said(*messages: str | bytes) -> bytes:
    """Frames of a client."""
    return b"".join(
        frame(TEXT, each.encode(), mask=MASK)
        if isinstance(each, str)
        else frame(BINARY, each, mask=MASK)
        for each in messages
    )


def answered(
    body: str, content_type: str = "text/plain; charset=UTF-8", status: str = "200 "
) -> bytes:
    """The answer to a plain request."""
    data = body.encode()
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncache-control: no-store\r\n"
        f"vary: origin\r\ncontent-length: {len(data)}\r\n\r\n"
    ).encode() + data


def refused(code: int, message: str) -> bytes:
    """How the protocol refuses a plain request."""
    return answered(f'{{"code":{code},"message":"{message}"}}', "application/json", "400 ")


ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)


def told(*messages: str | bytes) -> bytes:
    """Frames of the server."""
    return b"".join(
        frame(TEXT, each.encode()) if isinstance(each, str) else frame(BINARY, each)
        for each in messages
    )


def closed(code: int, reason: str) -> bytes:
    """How the server closes a WebSocket."""
    return frame(CLOSE, code.to_bytes(2) + reason.encode())


OK = answered("ok", "text/html")


@dataclass(frozen=True)
class Turn:
    """What arrives on a connection, and what is sent on it, and on others, before the next turn."""

    line: int
    sent: bytes
    got: dict[int, bytes]


def turn(line: int, sent: bytes, *got: bytes, other: dict[int, bytes] | None = None) -> Turn:
    """A turn on a line whose answers come on it, and some on others."""
    return Turn(line, sent, {line: b"".join(got), **(other or {})})


BEGIN = turn(1, get(), answered(POLLING_OPENING))
ON_WEBSOCKET = turn(1, upgrade(), ACCEPTED, told(OPENING.format(1, "")))
JOINED = turn(1, said("40"), told('40{"sid":"socket1"}'))

CONVERSATIONS: dict[str, list[Turn]] = {
    "polling: join, speak, leave": [
        BEGIN,
        turn(1, post("sid1", "40"), OK),
        turn(1, get("sid1"), answered('40{"sid":"socket1"}')),
        turn(2, get("sid1")),
        turn(
            1,
            post("sid1", '42["message","€",1]'),
            OK,
            other={2: answered('42["message-back","€",1]')},
        ),
        turn(2, get("sid1")),
        turn(1, post("sid1", "1"), OK, other={2: answered("6")}),
        turn(1, get("sid1"), refused(1, "Session ID unknown")),
    ],
    "polling: bytes and an answer": [
        BEGIN,
        turn(1, post("sid1", f'40\x1e451-7["ask",{PLACEHOLDER}]\x1ebAAH/'), OK),
        turn(1, get("sid1"), answered(f'40{{"sid":"socket1"}}\x1e461-7[{PLACEHOLDER}]\x1ebAAH/')),
    ],
    "polling: two requests at once on one connection": [
        BEGIN,
        turn(1, post("sid1", "40") + get("sid1"), OK, answered('40{"sid":"socket1"}')),
    ],
    "polling: a bad body": [
        BEGIN,
        turn(2, get("sid1")),
        turn(1, post("sid1", "abc"), refused(3, "Bad request"), other={2: answered("1")}),
        turn(1, get("sid1"), refused(1, "Session ID unknown")),
    ],
    "polling: what begins nothing": [
        turn(1, asked("GET", "abc"), refused(0, "Transport unknown")),
        turn(1, get("none"), refused(1, "Session ID unknown")),
        turn(1, asked("PUT", "polling"), refused(2, "Bad handshake method")),
        turn(1, asked("GET", "websocket"), refused(3, "Bad request")),
        turn(1, asked("GET", "polling&EIO=3"), refused(5, "Unsupported protocol version")),
    ],
    "websocket: namespaces, with attachments in both": [
        ON_WEBSOCKET,
        turn(
            1,
            said("40/clients,", "40"),
            told('40/clients,{"sid":"socket1"}', '40{"sid":"socket2"}'),
        ),
        turn(
            1,
            said(f'451-/clients,["message",{PLACEHOLDER}]', b"\x00\x01\xff"),
            told(f'451-/clients,["message-back",{PLACEHOLDER}]', b"\x00\x01\xff"),
        ),
        turn(1, said('4212["ask",[]]'), told("4312[[]]")),
        turn(1, said("41/clients,", '42["message"]'), told('42["message-back"]')),
    ],
    "websocket: a namespace that there is not": [
        ON_WEBSOCKET,
        turn(1, said("40/random"), told('44/random,{"message":"Invalid namespace"}')),
        JOINED,
    ],
    "websocket: a bad packet": [
        ON_WEBSOCKET,
        JOINED,
        turn(
            1,
            said('42["message",1]', "42{}", '42["message",2]'),
            told('42["message-back",1]'),
            closed(1002, "a packet that is none"),
        ),
    ],
    "websocket: the client closes": [
        ON_WEBSOCKET,
        JOINED,
        turn(
            1,
            said('42["message",1]', "1"),
            told('42["message-back",1]'),
            closed(1000, "the client closed the session"),
        ),
    ],
    "upgrade: with a poll that waits": [
        BEGIN,
        turn(1, post("sid1", "40"), OK),
        turn(1, get("sid1"), answered('40{"sid":"socket1"}')),
        turn(1, get("sid1")),
        turn(2, upgrade("sid1"), ACCEPTED),
        turn(2, said("2probe"), told("3probe"), other={1: answered("6")}),
        turn(1, post("sid1", '42["message",1]'), OK),
        turn(1, get("sid1"), answered("6")),
        turn(2, said("5", '42["message",2]'), told('42["message-back",1]', '42["message-back",2]')),
        turn(1, get("sid1"), refused(3, "Bad request")),
        turn(3, upgrade("sid1"), ACCEPTED, closed(1000, "the session has a WebSocket")),
        turn(2, said('42["message",3]'), told('42["message-back",3]')),
    ],
    "upgrade: a WebSocket that is none": [
        BEGIN,
        turn(2, upgrade("sid1"), ACCEPTED),
        turn(2, said("5"), closed(1002, "no probe")),
        turn(1, post("sid1", "40") + get("sid1"), OK, answered('40{"sid":"socket1"}')),
    ],
}
