"""The gateway's end before an upgrade: plain HTTP on the same port."""

from __future__ import annotations

import json

from tests.proto.byhand import UPGRADE, Visitor

from agentgate_proto.connection.events import Closed, HttpRequested
from agentgate_proto.connection.state import State
from agentgate_proto.connection.timers import Timer
from agentgate_proto.wire.headers import Headers

HEALTH = b"GET /health HTTP/1.1\r\nHost: gate.example\r\n\r\n"


def reply(visitor: Visitor, body: bytes, **headers: str) -> bytes:
    visitor.server.send_http(200, body, "application/json", headers)
    visitor.head = visitor.rest = b""
    visitor.drain()
    return visitor.head + b"\r\n\r\n" + visitor.rest


def test_plain_requests_are_served_one_after_the_other_on_one_connection() -> None:
    visitor = Visitor()
    visitor.send(b"POST /api HTTP/1.1\r\nHost: g\r\nX-Y: z\r\nContent-Length: 2\r\n\r\nhi" + HEALTH)
    headers = Headers([("host", "g"), ("x-y", "z"), ("content-length", "2")])
    [event] = visitor.happened()
    assert event == HttpRequested(method="POST", target="/api", headers=headers, body=b"hi")
    answer = reply(visitor, b"{}", **{"x-more": "1"})
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"x-more: 1\r\n" in answer
    assert answer.endswith(b"\r\n\r\n{}")
    [event] = visitor.happened()
    assert event.target == "/health"
    reply(visitor, b"")
    visitor.send(UPGRADE)
    assert visitor.server.state is State.AUTHENTICATING


def test_the_time_that_an_answer_takes_is_not_the_clients() -> None:
    visitor = Visitor()
    visitor.send(HEALTH)
    visitor.happened()
    assert visitor.server.next_deadline() is None
    visitor.tick(3_600.0)
    reply(visitor, b"{}")
    assert visitor.server.state is State.OPENING
    visitor.tick(0.0)
    assert visitor.server.next_deadline() == (3_630.0, Timer.OPENING)
    visitor.send(HEALTH[:5])
    visitor.tick(30.0)
    assert [event.reason for event in visitor.happened()] == ["no whole request in time"]


def test_a_connection_that_is_to_close_after_the_answer_is_closed() -> None:
    visitor = Visitor()
    visitor.send(b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
    visitor.happened()
    assert reply(visitor, b"{}").endswith(b"{}")
    [event] = visitor.happened()
    assert event == Closed(code=1006, reason="plain HTTP is done", by_peer=False)
    visitor.server.send_http(200, b"", "text/plain")
    visitor.drain()
    assert visitor.server.data_to_send() == b""


def test_a_bad_request_is_answered_and_the_connection_closed() -> None:
    visitor = Visitor()
    visitor.send(b"GET /\r\n\r\n" + HEALTH)
    assert visitor.head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(visitor.rest)["error"]
    [event] = visitor.happened()
    assert isinstance(event, Closed)
    assert event.reason.startswith("HTTP 400: ")
