"""The client's end: every state with every input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.byhand import AUTH_RESULT, Doorman, batch, notification, request
from tests.proto.product import cell, deed
from tests.proto.support import BINARY, CLOSE, PING, PONG, TEXT, frame, from_client

from agentgate_proto.connection.state import State
from agentgate_proto.errors import ErrorCode

WAITING = {"request_id": 1, "expires_at": "2026-11-20T10:00:00.000Z"}


def closing() -> Doorman:
    doorman = Doorman().let_in()
    doorman.client.close()
    doorman.tick(0.0)
    doorman.heard()
    return doorman


def closed() -> Doorman:
    doorman = Doorman().let_in()
    doorman.client.abort("enough")
    doorman.drain()
    doorman.happened()
    return doorman


def authenticating() -> Doorman:
    doorman = Doorman().upgrade()
    doorman.heard()
    return doorman


STATES: dict[str, Callable[[], Doorman]] = {
    "OPENING": Doorman,
    "AUTHENTICATING": authenticating,
    "OPEN": lambda: Doorman().let_in(),
    "CLOSING": closing,
    "CLOSED": closed,
}

Input = Callable[[Doorman], Any]


def say(text: str) -> Input:
    return lambda doorman: doorman.say(text)


def send(data: bytes) -> Input:
    return lambda doorman: doorman.send(data)


def next_timer(doorman: Doorman) -> None:
    deadline = doorman.client.next_deadline()
    if deadline is not None:
        doorman.client.handle_timer(deadline.at)


def failure(code: int, request_id: str) -> str:
    return f'{{"jsonrpc":"2.0","error":{{"code":{code},"message":"no"}},"id":{request_id}}}'


def result(result: str, request_id: str) -> str:
    return f'{{"jsonrpc":"2.0","result":{result},"id":{request_id}}}'


INPUTS: dict[str, Input] = {
    "send_request": lambda d: d.client.send_request(1, "m", {}),
    "send_notification": lambda d: d.client.send_notification("m", {}),
    "ping": lambda d: d.client.ping(0.0),
    "saw": lambda d: d.client.saw(1),
    "saw many": lambda d: d.client.saw(64),
    "saw nothing": lambda d: d.client.saw(0),
    "send_ack": lambda d: d.client.send_ack(),
    "close": lambda d: d.client.close(),
    "abort": lambda d: d.client.abort("enough"),
    "send_failed": lambda d: d.client.send_failed("broken pipe", 0.0),
    "receive_eof": lambda d: d.client.receive_eof(0.0),
    "no data": lambda d: d.client.receive_data(b"", 0.0),
    "no timer": lambda d: d.client.handle_timer(0.0),
    "next timer": next_timer,
    "upgrade": lambda d: d.upgrade(),
    "HTTP 404": send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    "HTTP 103": send(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "no HTTP": send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "auth result": say(AUTH_RESULT),
    "odd auth result": say(result('{"status":"maybe"}', '"auth-1"')),
    "auth error": say(failure(-32005, '"auth-1"')),
    "auth timeout": say(failure(-32005, "null")),
    "result": say(result("1", "1")),
    "result, text id": say(result("1", '"1"')),
    "error": say(failure(1, "1")),
    "error, no id": say(failure(1, "null")),
    "push": say(notification("request_waiting", WAITING)),
    "push, wrong params": say(notification("request_waiting", {})),
    "the client's notification": say(notification("ack", {"seq": 1})),
    "unknown notification": say(notification("what", {})),
    "request as notification": say(notification("list_tools", {})),
    "request": say(request(1, "list_tools")),
    "tools.call": say(request(7, "tools.call", {"call": "c1", "tool": "temp"})),
    "tools.call, wrong params": say(request(7, "tools.call", {"call": "c1"})),
    "tools.call in a batch": say(batch(request(7, "tools.call", {"call": "c1", "tool": "temp"}))),
    "send_result": lambda d: d.client.send_result(7, {}),
    "send_error": lambda d: d.client.send_error(7, ErrorCode.TOOL_FAILED, "no"),
    "garbage": say("{"),
    "batch": say(batch(request(1, "what"), notification("request_waiting", WAITING), "1")),
    "ping frame": send(frame(PING, b"x")),
    "pong frame": send(frame(PONG, b"x")),
    "close frame": send(frame(CLOSE, b"\x03\xe8")),
    "binary": send(frame(BINARY, b"x")),
    "masked": send(from_client(TEXT, b"x")),
}

NOT_YET = "OPENING AUTHENTICATING"
LOST_RACE = {NOT_YET: "LocalProtocolError", "CLOSING CLOSED": "ConnectionClosedError"}
CUT_BY_PEER = {
    f"{NOT_YET} OPEN": "Closed(1006, by peer) →CLOSED",
    "CLOSING": "Closed(1006) →CLOSED",
}
NO_GATEWAY = "Refused Closed(1006) →CLOSED"
NOT_AUTH = {"AUTHENTICATING": "close 1000 Refused Closed(1006) →CLOSED"}


def violation(code: int, reason: str) -> dict[str, str]:
    return {
        "AUTHENTICATING OPEN": f"close {code} {reason} Closed({code}) →CLOSED",
        "CLOSING": f"Closed({code}) →CLOSED",
    }


HTTP_NOW = violation(1002, "Invalid attempt to fragment control frame")

EXPECTED: dict[str, dict[str, str]] = {
    "send_request": LOST_RACE | {"OPEN": "asks"},
    "send_notification": LOST_RACE | {"OPEN": "tells"},
    "ping": LOST_RACE | {"OPEN": "ping"},
    "saw": {},
    "saw many": {"OPEN": "tells"},
    "saw nothing": {},
    "send_ack": {},
    "close": {
        "OPENING": "Closed(1000) →CLOSED",
        "AUTHENTICATING OPEN": "close 1000 →CLOSING",
    },
    "abort": {f"{NOT_YET} OPEN CLOSING": "Closed(1006) →CLOSED"},
    "send_failed": CUT_BY_PEER,
    "receive_eof": CUT_BY_PEER,
    "no data": {},
    "no timer": {},
    "next timer": {
        "OPENING": NO_GATEWAY,
        "AUTHENTICATING": f"close 1000 {NO_GATEWAY}",
        "OPEN": "ping",
        "CLOSING": "Closed(1006) →CLOSED",
    },
    "upgrade": HTTP_NOW | {"OPENING": "asks →AUTHENTICATING"},
    "HTTP 404": HTTP_NOW | {"OPENING": NO_GATEWAY},
    "HTTP 103": HTTP_NOW,
    "no HTTP": violation(1002, "Invalid opcode 0x3") | {"OPENING": NO_GATEWAY},
    "auth result": {"AUTHENTICATING": "ping Authenticated →OPEN"},
    "odd auth result": NOT_AUTH,
    "auth error": NOT_AUTH,
    "auth timeout": NOT_AUTH,
    "result": NOT_AUTH | {"OPEN CLOSING": "Answered"},
    "result, text id": NOT_AUTH | {"OPEN CLOSING": "Answered"},
    "error": NOT_AUTH | {"OPEN CLOSING": "Answered"},
    "error, no id": NOT_AUTH,
    "push": NOT_AUTH | {"OPEN CLOSING": "Notified"},
    "push, wrong params": NOT_AUTH,
    "the client's notification": NOT_AUTH,
    "unknown notification": NOT_AUTH,
    "request as notification": NOT_AUTH,
    "request": NOT_AUTH | {"OPEN": "-32601"},
    "tools.call": NOT_AUTH | {"OPEN": "ToolAsked"},
    "tools.call, wrong params": NOT_AUTH | {"OPEN": "-32602"},
    "tools.call in a batch": NOT_AUTH | {"OPEN": "-32600"},
    "send_result": {f"{NOT_YET} OPEN": "LocalProtocolError"},
    "send_error": {f"{NOT_YET} OPEN": "LocalProtocolError"},
    "garbage": NOT_AUTH,
    "batch": NOT_AUTH | {"OPEN": "-32601 Notified", "CLOSING": "Notified"},
    "ping frame": {"AUTHENTICATING OPEN": "pong"},
    "pong frame": {},
    "close frame": {
        "AUTHENTICATING OPEN": "close 1000 Closed(1000, by peer) →CLOSED",
        "CLOSING": "Closed(1000) →CLOSED",
    },
    "binary": violation(1003, "binary messages are not spoken here"),
    "masked": violation(1002, "client received unexpected masked frame"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", INPUTS)
def test_each_input_does_in_each_state_what_the_table_says(name: str, state: str) -> None:
    doorman = STATES[state]()
    assert deed(doorman, lambda: INPUTS[name](doorman)) == cell(EXPECTED[name], state)
    assert (doorman.client.state is State.CLOSED) <= (doorman.client.next_deadline() is None)


def test_the_table_has_a_row_for_every_input() -> None:
    assert EXPECTED.keys() == INPUTS.keys()
