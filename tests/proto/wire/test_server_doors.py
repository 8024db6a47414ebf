"""The gateway's wire on paths of faces: what is answered by rule, and upgrades that are asked."""

from __future__ import annotations

import pytest
from tests.proto.support import BINARY, TEXT, cuts, frames_in, from_client
from tests.proto.wires import LIMITS, Seen, server
from tests.vectors.http1 import chunked, get
from tests.vectors.websocket import ACCEPT, BAD_UPGRADES, MESSAGE_MAX, upgrade

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.events import (
    Alive,
    Binary,
    HttpRequest,
    Served,
    Text,
    Upgraded,
    UpgradeRequest,
)
from agentgate_proto.wire.routes import Route, Routes
from agentgate_proto.wire.server import ServerWire

CHAT = Route(face="chat", path="/chat/{room}", websocket=True, methods=frozenset({"GET", "POST"}))
FILES = Route(
    face="files", path="/files", websocket=True, binary=True, message_bytes_max=2 * MESSAGE_MAX
)
TINY = Route(face="tiny", path="/tiny", websocket=True, binary=True, message_bytes_max=10)
PLAIN = Route(face="plain", path="/plain", methods=frozenset({"GET"}))
DOORS = Doors(
    routes=Routes([CHAT, FILES, TINY, PLAIN]), origins=frozenset({"https://console.example"})
)


def visited(limits: Limits = LIMITS) -> Seen[ServerWire]:
    return server(limits, DOORS)


def asking(path: str, **changes: str | None) -> bytes:
    return upgrade(request_line=f"GET {path} HTTP/1.1", **changes)


def opened(path: str) -> Seen[ServerWire]:
    seen = visited().receive(asking(path))
    seen.wire.accept_upgrade()
    seen.sent = seen.wire.data_to_send()
    return seen.forget()


def test_an_upgrade_on_a_path_of_a_face_is_asked_however_it_arrives() -> None:
    data = asking("/chat/7?ticket=x", sec_websocket_protocol="a, b")
    for pieces in cuts(data):
        seen = visited().receive(*pieces)
        [event] = seen.events
        assert isinstance(event, UpgradeRequest)
        assert (event.route, event.values, event.target) == (
            CHAT,
            {"room": "7"},
            "/chat/7?ticket=x",
        )
        assert event.subprotocols == ("a", "b")
        assert event.headers.get("host") == "gate:8443"
        assert seen.sent == b""


@pytest.mark.parametrize("path", ["/", "/chat", "/chat/", "/chat/7/", "//chat/7", "/CHAT/7"])
def test_the_native_protocol_keeps_every_path_that_no_face_claims(path: str) -> None:
    assert visited().receive(asking(path)).events == [Upgraded()]


def test_what_is_accepted_opens_the_websocket_and_what_came_meanwhile_is_read() -> None:
    seen = visited().receive(asking("/chat/7", sec_websocket_protocol="a, b"))
    seen.forget().receive(from_client(TEXT, b"early"))
    assert seen.events == []
    seen.wire.accept_upgrade("b", {"x-a": "1"})
    seen.receive(from_client(TEXT, b"late"))
    assert seen.events == [Text("early"), Text("late")]
    assert seen.sent.startswith(b"HTTP/1.1 101 ")
    for line in (b"Sec-WebSocket-Accept: " + ACCEPT, b"Sec-WebSocket-Protocol: b", b"x-a: 1"):
        assert line + b"\r\n" in seen.sent


@pytest.mark.parametrize("status", [300, 302, 400, 401, 403, 404, 429, 500, 503, 599])
def test_what_is_refused_is_answered_and_ends_the_connection(status: int) -> None:
    seen = visited().receive(asking("/chat/7"))
    with pytest.raises(RemoteProtocolError, match=f"HTTP {status}: not today"):
        seen.wire.refuse_upgrade(status, "not today", [("retry-after", "5")])
    seen.forget().receive(asking("/chat/7"), from_client(TEXT, b"x"))
    assert (seen.events, seen.failed) == ([], None)
    assert seen.sent.startswith(b"HTTP/1.1 %d " % status)
    assert b"retry-after: 5\r\n" in seen.sent.lower()
    assert seen.sent.endswith(b'{"error": "not today"}')


@pytest.mark.parametrize("status", [0, 99, 101, 200, 204, 304, 600])
def test_what_refuses_nothing_is_our_own_error_and_the_upgrade_still_waits(status: int) -> None:
    seen = visited().receive(asking("/chat/7"))
    with pytest.raises(LocalProtocolError, match="refuses nothing"):
        seen.wire.refuse_upgrade(status, "what")
    seen.wire.accept_upgrade()
    assert seen.wire.data_to_send().startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nb"}, {"x\n": "a"}, {"x": "\ud800"}, {"content-length": "1"}]
)
def test_an_answer_that_is_no_http_is_our_own_error_and_the_upgrade_still_waits(
    headers: dict[str, str],
) -> None:
    seen = visited().receive(asking("/chat/7"))
    with pytest.raises(LocalProtocolError):
        seen.wire.accept_upgrade(headers=headers)
    with pytest.raises(LocalProtocolError):
        seen.wire.refuse_upgrade(403, "no", headers)
    with pytest.raises(LocalProtocolError, match="did not offer"):
        seen.wire.accept_upgrade("a")
    assert (seen.wire.opened, seen.wire.data_to_send()) == (False, b"")
    seen.wire.accept_upgrade()
    assert seen.receive(from_client(TEXT, b"x")).events[1:] == [Text("x")]


def test_where_nothing_was_asked_nothing_can_be_decided() -> None:
    plain = visited().receive(get(target="/plain"))
    refused = visited().receive(asking("/chat/7"))
    with pytest.raises(RemoteProtocolError):
        refused.wire.refuse_upgrade(403, "no")
    flooded = visited().receive(asking("/chat/7"), b"x" * 600_000)
    assert flooded.failed is not None
    for seen in (visited(), plain, refused, flooded, opened("/chat/7")):
        with pytest.raises(LocalProtocolError, match="no upgrade waits"):
            seen.wire.accept_upgrade()
        with pytest.raises(LocalProtocolError, match="no upgrade waits"):
            seen.wire.refuse_upgrade(403, "no")


def test_an_upgrade_is_not_answered_as_a_plain_request() -> None:
    seen = visited().receive(asking("/chat/7"))
    with pytest.raises(LocalProtocolError, match="an upgrade waits"):
        seen.wire.send_http(200, b"what", "text/plain")
    with pytest.raises(LocalProtocolError, match="an upgrade waits"):
        seen.wire.start_http(200, "text/plain")
    assert seen.wire.data_to_send() == b""
    seen.wire.accept_upgrade()
    assert seen.wire.opened


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_a_bad_upgrade_is_refused_before_a_face_is_asked(name: str) -> None:
    data, status = BAD_UPGRADES[name]
    data = data.replace(b"GET / ", b"GET /chat/7 ").replace(b"POST / ", b"POST /chat/7 ")
    seen = visited().receive(data)
    assert seen.events == []
    assert seen.sent.startswith(b"HTTP/1.1 %d " % status)


def test_there_is_no_websocket_on_a_path_for_plain_http() -> None:
    seen = visited().receive(asking("/plain"))
    assert str(seen.failed).startswith("HTTP 404: no WebSocket here")
    assert seen.sent.startswith(b"HTTP/1.1 404 ")


def test_while_an_upgrade_is_being_decided_the_input_is_bounded() -> None:
    seen = visited().receive(asking("/chat/7"))
    held_max = LIMITS.http_held_bytes_max
    for _ in range(held_max // 1_000):
        seen.receive(b"x" * 1_000)
    assert seen.failed is None
    seen.receive(b"x" * 1_000)
    assert seen.failed is not None
    assert seen.sent.startswith(b"HTTP/1.1 400 ")


# Plain requests


def test_a_plain_request_says_whose_it_is() -> None:
    seen = visited().receive(get(target="/chat/7"))
    [event] = seen.events
    assert isinstance(event, HttpRequest)
    assert (event.route, event.values) == (CHAT, {"room": "7"})
    seen.wire.start_http(200, "text/event-stream")
    assert b"chunked" in seen.wire.data_to_send()
    [event] = visited().receive(get(target="/nobodys")).events
    assert isinstance(event, HttpRequest)
    assert (event.route, event.values) == (None, {})


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (get(target="/plain").replace(b"GET", b"OPTIONS"), 204),
        (get(target="/plain").replace(b"GET", b"PUT"), 405),
        (get(target="/files"), 426),
        (get(target="/files").replace(b"GET", b"OPTIONS"), 204),
    ],
)
def test_what_the_routes_answer_is_answered_and_the_connection_goes_on(
    data: bytes, status: int
) -> None:
    seen = visited().receive(data * 3 + get(target="/plain"))
    assert [type(event) for event in seen.events] == [Served, Served, Served, HttpRequest]
    assert seen.sent.count(b"HTTP/1.1 %d " % status) == 3


def test_a_flood_of_small_chunks_is_read_in_turns() -> None:
    wire = visited().wire
    wire.receive_data(chunked(b"1\r\nx\r\n", times=1_000) + b"0\r\n\r\n")
    turns = 0
    while (event := wire.next_event()) == Alive():
        turns += 1
    assert isinstance(event, HttpRequest)
    assert event.body == b"x" * 1_000
    assert turns > 50
    assert wire.next_event() is None


# Messages


def test_only_where_a_route_takes_binary_messages_they_come() -> None:
    assert opened("/files").receive(from_client(BINARY, b"\xff")).events == [Binary(b"\xff")]
    assert opened("/chat/7").receive(from_client(BINARY, b"\xff")).code == 1003
    assert visited().receive(asking("/"), from_client(BINARY, b"\xff")).code == 1003


@pytest.mark.parametrize(
    ("path", "size"), [("/tiny", 10), ("/chat/7", MESSAGE_MAX), ("/files", 2 * MESSAGE_MAX)]
)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_are_as_large_as_the_route_lets_them(path: str, size: int, opcode: int) -> None:
    if (path, opcode) == ("/chat/7", BINARY):
        return
    assert len(opened(path).receive(from_client(opcode, b"x" * size)).events) == 1
    assert opened(path).receive(from_client(opcode, b"x" * (size + 1))).code == 1009


def test_what_is_sent_has_no_cap_of_the_route() -> None:
    wire = opened("/tiny").wire
    wire.send_binary(b"x" * 1_000)
    wire.send_text(b"y" * 1_000)
    assert [len(payload) for _, payload in frames_in(wire.data_to_send())] == [1_000, 1_000]
