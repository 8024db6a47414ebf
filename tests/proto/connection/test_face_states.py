"""What faces do: every state with every verb, and with what a peer may send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.byhand import Visitor, request
from tests.proto.face_visitor import (
    ASK_CHAT,
    GET_STREAM,
    http_asked,
    messaging,
    streaming,
    upgrade_asked,
    visitor,
)
from tests.proto.product import cell, deed
from tests.proto.support import BINARY, CLOSE, PING, PONG, TEXT, frame, from_client

from agentgate_proto.connection.state import State


def ending(at: Visitor, end: str) -> Visitor:
    if end == "close":
        at.server.close(1012, "bye")
    else:
        at.server.abort("enough")
    at.tick(0.0)
    at.heard()
    at.happened()
    return at


def refused() -> Visitor:
    at = upgrade_asked()
    at.server.refuse_upgrade(403, "no")
    at.drain()
    at.happened()
    return at


STATES: dict[str, Callable[[], Visitor]] = {
    "OPENING": visitor,
    "HTTP": http_asked,
    "STREAM": streaming,
    "ASKED": upgrade_asked,
    "AUTHENTICATING": lambda: visitor().upgrade(),
    "DECIDING": lambda: visitor().knock(),
    "OPEN": lambda: visitor().enter(),
    "FACE": messaging,
    "CLOSING": lambda: ending(messaging(), "close"),
    "CLOSED": lambda: ending(messaging(), "abort"),
    "REFUSED": refused,
}

Input = Callable[[Visitor], Any]


def send(data: bytes) -> Input:
    return lambda at: at.send(data)


def next_timer(at: Visitor) -> None:
    deadline = at.server.next_deadline()
    if deadline is not None:
        at.server.handle_timer(deadline.at)


INPUTS: dict[str, Input] = {
    "send_http": lambda at: at.server.send_http(200, b"{}", "application/json"),
    "start_http": lambda at: at.server.start_http(200, "text/plain"),
    "send_http_body": lambda at: at.server.send_http_body(b"x"),
    "send_http_body, nothing": lambda at: at.server.send_http_body(b""),
    "end_http": lambda at: at.server.end_http(),
    "accept_upgrade": lambda at: at.server.accept_upgrade(),
    "accept_upgrade, not offered": lambda at: at.server.accept_upgrade("chat"),
    "refuse_upgrade": lambda at: at.server.refuse_upgrade(403, "no"),
    "refuse_upgrade, no refusal": lambda at: at.server.refuse_upgrade(200, "no"),
    "send_message, text": lambda at: at.server.send_message('"x"'),
    "send_message, bytes": lambda at: at.server.send_message(b"x"),
    "send_message, half a character": lambda at: at.server.send_message("\ud800"),
    "send_request": lambda at: at.server.send_request(1, "m", {}),
    "send_notification": lambda at: at.server.send_notification("m", {}),
    "ping": lambda at: at.server.ping(0.0),
    "close": lambda at: at.server.close(1012, "bye"),
    "abort": lambda at: at.server.abort("enough"),
    "receive_eof": lambda at: at.server.receive_eof(0.0),
    "next timer": next_timer,
    "plain HTTP": send(GET_STREAM),
    "an upgrade": send(ASK_CHAT),
    "a text": send(from_client(TEXT, b'"x"')),
    "a call": send(from_client(TEXT, request(7, "list_tools").encode())),
    "a binary": send(from_client(BINARY, b"x")),
    "a ping frame": send(from_client(PING, b"x")),
    "a pong frame": send(from_client(PONG, b"x")),
    "a close frame": send(from_client(CLOSE, b"\x03\xe8")),
    "unmasked": send(frame(TEXT, b"x")),
}

MISUSE = "LocalProtocolError"
LOST = "ConnectionClosedError"
NATIVE = "AUTHENTICATING DECIDING OPEN"
OVER = "CLOSING CLOSED REFUSED"
BY_PEER = "Closed(1006, by peer) →CLOSED"

EXPECTED: dict[str, dict[str, str]] = {
    "send_http": {"HTTP": "200", f"OPENING STREAM ASKED FACE {NATIVE}": MISUSE},
    "start_http": {"HTTP": "200", f"OPENING STREAM ASKED FACE {NATIVE}": MISUSE},
    "send_http_body": {f"OPENING HTTP ASKED FACE {NATIVE}": MISUSE, OVER: LOST},
    "send_http_body, nothing": {f"OPENING HTTP ASKED FACE {NATIVE}": MISUSE, OVER: LOST},
    "end_http": {f"OPENING HTTP ASKED FACE {NATIVE}": MISUSE},
    "accept_upgrade": {f"OPENING HTTP STREAM FACE {NATIVE}": MISUSE, "ASKED": "101 →FACE"},
    "accept_upgrade, not offered": {f"OPENING HTTP STREAM ASKED FACE {NATIVE}": MISUSE},
    "refuse_upgrade": {
        f"OPENING HTTP STREAM FACE {NATIVE}": MISUSE,
        "ASKED": "403 Closed(1002) →CLOSED",
    },
    "refuse_upgrade, no refusal": {f"OPENING HTTP STREAM ASKED FACE {NATIVE}": MISUSE},
    "send_message, text": {f"OPENING HTTP STREAM ASKED {NATIVE}": MISUSE, "FACE": "x", OVER: LOST},
    "send_message, bytes": {
        f"OPENING HTTP STREAM ASKED {NATIVE}": MISUSE,
        "FACE": "b'x'",
        OVER: LOST,
    },
    "send_message, half a character": {
        f"OPENING HTTP STREAM ASKED FACE {NATIVE}": MISUSE,
        OVER: LOST,
    },
    "send_request": {
        "OPENING HTTP STREAM ASKED FACE AUTHENTICATING DECIDING": MISUSE,
        "OPEN": "asks",
        OVER: LOST,
    },
    "send_notification": {
        "OPENING HTTP STREAM ASKED FACE AUTHENTICATING DECIDING": MISUSE,
        "OPEN": "tells",
        OVER: LOST,
    },
    "ping": {
        "OPENING HTTP STREAM ASKED FACE AUTHENTICATING DECIDING": MISUSE,
        "OPEN": "ping",
        OVER: LOST,
    },
    "close": {
        "OPENING HTTP STREAM ASKED": "Closed(1012) →CLOSED",
        f"FACE {NATIVE}": "close 1012 bye →CLOSING",
    },
    "abort": {f"OPENING HTTP STREAM ASKED FACE CLOSING {NATIVE}": "Closed(1006) →CLOSED"},
    "receive_eof": {
        f"OPENING HTTP STREAM ASKED FACE {NATIVE}": BY_PEER,
        "CLOSING": "Closed(1006) →CLOSED",
    },
    "next timer": {
        "OPENING CLOSING": "Closed(1006) →CLOSED",
        "FACE OPEN": "ping",
        "AUTHENTICATING DECIDING": "-32005 close 4401 Authentication timeout →CLOSING",
    },
    "plain HTTP": {
        "OPENING": "HttpRequested",
        "FACE AUTHENTICATING OPEN": "close 1002 Invalid opcode 0x7 Closed(1002) →CLOSED",
        "CLOSING": "Closed(1002) →CLOSED",
    },
    "an upgrade": {
        "OPENING": "UpgradeAsked",
        "FACE AUTHENTICATING OPEN": "close 1002 Invalid opcode 0x7 Closed(1002) →CLOSED",
        "CLOSING": "Closed(1002) →CLOSED",
    },
    "a text": {
        "FACE": "MessageReceived",
        "OPEN": "-32600",
        "AUTHENTICATING": "-32005 close 4401 auth must be the first message →CLOSING",
    },
    "a call": {
        "FACE": "MessageReceived",
        "OPEN": "Called",
        "AUTHENTICATING": "-32005 close 4401 auth must be the first message →CLOSING",
    },
    "a binary": {
        "FACE": "MessageReceived",
        "AUTHENTICATING OPEN": (
            "close 1003 binary messages are not spoken here Closed(1003) →CLOSED"
        ),
    },
    "a ping frame": {"FACE AUTHENTICATING OPEN": "pong"},
    "a pong frame": {},
    "a close frame": {
        "FACE AUTHENTICATING OPEN": "close 1000 Closed(1000, by peer) →CLOSED",
        "CLOSING": "Closed(1000) →CLOSED",
    },
    "unmasked": {
        "FACE AUTHENTICATING OPEN": (
            "close 1002 server received unexpected unmasked frame Closed(1002) →CLOSED"
        ),
        "CLOSING": "Closed(1002) →CLOSED",
    },
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", INPUTS)
def test_each_input_does_in_each_state_what_the_table_says(name: str, state: str) -> None:
    at = STATES[state]()
    assert deed(at, lambda: INPUTS[name](at)) == cell(EXPECTED[name], state)
    assert (at.server.state is State.CLOSED) <= (at.server.next_deadline() is None)


def test_the_table_has_a_row_for_every_input() -> None:
    assert EXPECTED.keys() == INPUTS.keys()


def test_nothing_more_is_to_be_read_once_what_comes_next_is_there_as_well() -> None:
    at = upgrade_asked()
    assert at.server.takes_input
    at.send(from_client(TEXT, b"early"))
    assert not at.server.takes_input
    at.server.accept_upgrade()
    at.drain()
    assert at.server.takes_input
