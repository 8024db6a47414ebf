"""The gateway's end: every state with every input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.byhand import AUTH, UPGRADE, Visitor, batch, notification, request
from tests.proto.joined import welcome
from tests.proto.product import cell, deed
from tests.proto.support import BINARY, CLOSE, PING, PONG, TEXT, frame, from_client

from agentgate_proto.connection.state import State
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import executed

T = {"tool": "ha_get_state", "args": {"entity_id": "sensor.temp"}}
HEALTH = b"GET /health HTTP/1.1\r\nHost: gate.example\r\n\r\n"


def http_asked() -> Visitor:
    visitor = Visitor()
    visitor.send(HEALTH)
    visitor.happened()
    return visitor


def closing() -> Visitor:
    visitor = Visitor().enter()
    visitor.server.close(1012, "bye")
    visitor.tick(0.0)
    visitor.heard()
    return visitor


def closed() -> Visitor:
    visitor = Visitor().enter()
    visitor.server.abort("enough")
    visitor.drain()
    visitor.happened()
    return visitor


STATES: dict[str, Callable[[], Visitor]] = {
    "OPENING": Visitor,
    "HTTP": http_asked,
    "AUTHENTICATING": lambda: Visitor().upgrade(),
    "DECIDING": lambda: Visitor().knock(),
    "OPEN": lambda: Visitor().enter(),
    "CLOSING": closing,
    "CLOSED": closed,
}
"""OPENING with a plain request that waits for its answer is HTTP, AUTHENTICATING with a token that
is being checked is DECIDING."""

Input = Callable[[Visitor], Any]


def say(text: str) -> Input:
    return lambda visitor: visitor.say(text)


def send(data: bytes) -> Input:
    return lambda visitor: visitor.send(data)


def next_timer(visitor: Visitor) -> None:
    deadline = visitor.server.next_deadline()
    if deadline is not None:
        visitor.server.handle_timer(deadline.at)


INPUTS: dict[str, Input] = {
    "accept_auth": lambda v: v.server.accept_auth(*welcome()),
    "refuse_auth": lambda v: v.server.refuse_auth("no"),
    "turn_away": lambda v: v.server.turn_away("later", 1.0),
    "send_result": lambda v: v.server.send_result(1, {}),
    "send_error": lambda v: v.server.send_error(1, ErrorCode.DENIED_BY_POLICY),
    "send_outcome": lambda v: v.server.send_outcome(1, executed(b"{}"), "r1"),
    "send_pending_results": lambda v: v.server.send_pending_results(1, [], [], more=False),
    "send_http": lambda v: v.server.send_http(200, b"{}", "application/json"),
    "send_request": lambda v: v.server.send_request(1, "m", {}),
    "send_notification": lambda v: v.server.send_notification("m", {}),
    "ping": lambda v: v.server.ping(0.0),
    "close": lambda v: v.server.close(1012, "bye"),
    "abort": lambda v: v.server.abort("enough"),
    "send_failed": lambda v: v.server.send_failed("broken pipe", 0.0),
    "receive_eof": lambda v: v.server.receive_eof(0.0),
    "no data": lambda v: v.server.receive_data(b"", 0.0),
    "no timer": lambda v: v.server.handle_timer(0.0),
    "next timer": next_timer,
    "plain HTTP": send(HEALTH),
    "bad HTTP": send(b"GET / HTTP/1.1\r\n\r\n"),
    "upgrade": send(UPGRADE),
    "auth": say(AUTH),
    "auth, wrong params": say(request("auth-1", "auth", {"token": 5})),
    "call": say(request(7, "tool_request", T)),
    "call, wrong params": say(request(7, "tool_request", {"tool": 5})),
    "call, wrong role": say(request(7, "list_approvals")),
    "call, no id": say(request(None, "tool_request", T)),
    "unknown method": say(request(7, "what")),
    "the gateway's method": say(request(7, "request_waiting")),
    "notification as request": say(request(7, "ack", {"seq": 0})),
    "request as notification": say(notification("tool_request", T)),
    "ack": say(notification("ack", {"seq": 0})),
    "ack, wrong params": say(notification("ack", {"seq": "0"})),
    "answer": say('{"jsonrpc":"2.0","result":1,"id":1}'),
    "error": say('{"jsonrpc":"2.0","error":{"code":1,"message":"no"},"id":1}'),
    "garbage": say("{"),
    "no message": say("{}"),
    "batch": say(batch(request(7, "tool_request", T), notification("ack", {"seq": 0}))),
    "batch of notifications": say(batch(notification("ack", {"seq": 0}))),
    "ping frame": send(from_client(PING, b"x")),
    "pong frame": send(from_client(PONG, b"x")),
    "close frame": send(from_client(CLOSE, b"\x03\xe8")),
    "binary": send(from_client(BINARY, b"x")),
    "unmasked": send(frame(TEXT, b"x")),
}

NOT_YET = "OPENING HTTP AUTHENTICATING DECIDING"
MISUSE = "LocalProtocolError"
LOST_RACE = {NOT_YET: MISUSE, "CLOSING CLOSED": "ConnectionClosedError"}
CUT_BY_PEER = {NOT_YET: "Closed(1006, by peer) →CLOSED", "OPEN": "Closed(1006, by peer) →CLOSED"}
NOT_AUTH = {"AUTHENTICATING": "-32005 close 4401 auth must be the first message →CLOSING"}

EXPECTED: dict[str, dict[str, str]] = {
    "accept_auth": {"OPENING HTTP AUTHENTICATING OPEN": MISUSE, "DECIDING": "result →OPEN"},
    "refuse_auth": {
        "OPENING HTTP AUTHENTICATING OPEN": MISUSE,
        "DECIDING": "-32005 close 4401 no →CLOSING",
    },
    "turn_away": {
        "OPENING HTTP AUTHENTICATING OPEN": MISUSE,
        "DECIDING": "-32006 close 1013 later →CLOSING",
    },
    "send_result": {f"{NOT_YET} OPEN": MISUSE},
    "send_error": {NOT_YET: MISUSE, "OPEN": "-32003"},
    "send_outcome": {NOT_YET: MISUSE, "OPEN": "result"},
    "send_pending_results": {f"{NOT_YET} OPEN": MISUSE},
    "send_http": {"OPENING AUTHENTICATING DECIDING OPEN": MISUSE, "HTTP": "200"},
    "send_request": LOST_RACE | {"OPEN": "asks"},
    "send_notification": LOST_RACE | {"OPEN": "tells"},
    "ping": LOST_RACE | {"OPEN": "ping"},
    "close": {
        "OPENING HTTP": "Closed(1012) →CLOSED",
        "AUTHENTICATING DECIDING OPEN": "close 1012 bye →CLOSING",
    },
    "abort": {f"{NOT_YET} OPEN CLOSING": "Closed(1006) →CLOSED"},
    "send_failed": CUT_BY_PEER | {"CLOSING": "Closed(1006) →CLOSED"},
    "receive_eof": CUT_BY_PEER | {"CLOSING": "Closed(1006) →CLOSED"},
    "no data": {},
    "no timer": {},
    "next timer": {
        "OPENING CLOSING": "Closed(1006) →CLOSED",
        "AUTHENTICATING DECIDING": "-32005 close 4401 Authentication timeout →CLOSING",
        "OPEN": "ping",
    },
    "plain HTTP": {
        "OPENING": "HttpRequested",
        "AUTHENTICATING OPEN": "close 1002 Invalid opcode 0x7 Closed(1002) →CLOSED",
        "CLOSING": "Closed(1002) →CLOSED",
    },
    "bad HTTP": {
        "OPENING": "400 Closed(1002) →CLOSED",
        "AUTHENTICATING OPEN": "close 1002 Invalid opcode 0x7 Closed(1002) →CLOSED",
        "CLOSING": "Closed(1002) →CLOSED",
    },
    "upgrade": {
        "OPENING": "101 →AUTHENTICATING",
        "AUTHENTICATING OPEN": "close 1002 Invalid opcode 0x7 Closed(1002) →CLOSED",
        "CLOSING": "Closed(1002) →CLOSED",
    },
    "auth": {"AUTHENTICATING": "AuthAsked", "OPEN": "-32600"},
    "auth, wrong params": {
        "AUTHENTICATING": "-32602 close 4401 Expected `str`, got `int` - at `$.token` →CLOSING",
        "OPEN": "-32600",
    },
    "call": NOT_AUTH | {"OPEN": "Called"},
    "call, wrong params": NOT_AUTH | {"OPEN": "-32602"},
    "call, wrong role": NOT_AUTH | {"OPEN": "-32010"},
    "call, no id": NOT_AUTH | {"OPEN": "-32600"},
    "unknown method": NOT_AUTH | {"OPEN": "-32601"},
    "the gateway's method": NOT_AUTH | {"OPEN": "-32601"},
    "notification as request": NOT_AUTH | {"OPEN": "-32600"},
    "request as notification": NOT_AUTH,
    "ack": NOT_AUTH,
    "ack, wrong params": NOT_AUTH,
    "answer": NOT_AUTH,
    "error": NOT_AUTH,
    "garbage": NOT_AUTH | {"OPEN": "-32700"},
    "no message": NOT_AUTH | {"OPEN": "-32600"},
    "batch": NOT_AUTH | {"OPEN": "Called"},
    "batch of notifications": NOT_AUTH,
    "ping frame": {"AUTHENTICATING OPEN": "pong"},
    "pong frame": {},
    "close frame": {
        "AUTHENTICATING OPEN": "close 1000 Closed(1000, by peer) →CLOSED",
        "CLOSING": "Closed(1000) →CLOSED",
    },
    "binary": {
        "AUTHENTICATING OPEN": (
            "close 1003 binary messages are not spoken here Closed(1003) →CLOSED"
        ),
        "CLOSING": "Closed(1003) →CLOSED",
    },
    "unmasked": {
        "AUTHENTICATING OPEN": (
            "close 1002 server received unexpected unmasked frame Closed(1002) →CLOSED"
        ),
        "CLOSING": "Closed(1002) →CLOSED",
    },
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", INPUTS)
def test_each_input_does_in_each_state_what_the_table_says(name: str, state: str) -> None:
    visitor = STATES[state]()
    assert deed(visitor, lambda: INPUTS[name](visitor)) == cell(EXPECTED[name], state)
    assert (visitor.server.state is State.CLOSED) <= (visitor.server.next_deadline() is None)


def test_the_table_has_a_row_for_every_input() -> None:
    assert EXPECTED.keys() == INPUTS.keys()
