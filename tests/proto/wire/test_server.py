"""The gateway's end of a WebSocket: the upgrade, good and bad, and plain HTTP before it."""

from __future__ import annotations

import pytest
from tests.proto.support import (
    TEXT,
    cuts,
    from_client,
)
from tests.proto.wires import open_server, server
from tests.vectors.websocket import (
    ACCEPT,
    BAD_UPGRADES,
    GOOD_UPGRADES,
    upgrade,
)

from agentgate_proto.errors import (
    LocalProtocolError,
)
from agentgate_proto.wire.events import HttpRequest, Text, Upgraded
from agentgate_proto.wire.headers import Headers


@pytest.mark.parametrize("name", GOOD_UPGRADES)
def test_a_good_upgrade_request_opens_the_websocket(name: str) -> None:
    seen = server().receive(GOOD_UPGRADES[name])
    assert (seen.events, seen.failed) == ([Upgraded()], None)
    assert seen.sent.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: " + ACCEPT in seen.sent


def test_an_upgrade_request_may_arrive_in_any_pieces_and_with_frames_behind_it() -> None:
    data = upgrade(sec_websocket_extensions="permessage-deflate") + from_client(TEXT, b"Hello")
    for pieces in cuts(data):
        assert server().receive(*pieces).events == [Upgraded(), Text("Hello")]


@pytest.mark.parametrize("name", ["with compression", "with subprotocols"])
def test_what_is_offered_is_declined_by_saying_nothing(name: str) -> None:
    seen = server().receive(GOOD_UPGRADES[name])
    assert b"extensions" not in seen.sent.lower()
    assert b"protocol:" not in seen.sent.lower()


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_a_bad_upgrade_request_is_answered_with_its_status(name: str) -> None:
    data, status = BAD_UPGRADES[name]
    for pieces in ([data], [data[:20], data[20:]], [data[:-1], data[-1:]]):
        seen = server().receive(*pieces)
        assert seen.events == []
        assert seen.sent.startswith(b"HTTP/1.1 %d " % status)
        assert seen.sent.count(b"HTTP/1.1 ") == 1
        assert f"HTTP {status}: " in str(seen.failed)
        assert seen.wire.opened is False


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_after_a_refused_handshake_nothing_is_taken(name: str) -> None:
    seen = server().receive(BAD_UPGRADES[name][0]).forget()
    seen.receive(from_client(TEXT, b"Hello"), upgrade())
    assert (seen.events, seen.sent) == ([], b"")


def test_a_client_of_another_version_is_told_which_one_is_spoken() -> None:
    sent = server().receive(BAD_UPGRADES["another version"][0]).sent.lower()
    assert b"sec-websocket-version: 13" in sent
    assert b"upgrade: websocket" in sent
    assert b"connection: close" in sent


def test_plain_http_is_served_until_a_request_asks_for_the_upgrade() -> None:
    seen = server().receive(b"POST /a HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi")
    headers = Headers([("host", "g"), ("content-length", "2")])
    assert seen.events == [HttpRequest("POST", "/a", headers, b"hi")]
    seen.wire.send_http(200, b"{}", "application/json", {"x-a": "b"})
    assert b"x-a: b" in seen.wire.data_to_send()
    assert seen.forget().receive(upgrade()).events == [Upgraded()]


def test_an_upgrade_waits_for_the_answer_to_the_request_before_it() -> None:
    seen = server().receive(b"GET /a HTTP/1.1\r\nHost: g\r\n\r\n" + upgrade())
    assert len(seen.events) == 1
    assert seen.sent == b""
    seen.wire.send_http(200, b"first", "text/plain")
    seen.forget().receive(from_client(TEXT, b"Hello"))
    assert seen.events == [Upgraded(), Text("Hello")]
    assert 0 < seen.sent.index(b"first") < seen.sent.index(b"HTTP/1.1 101 ")


def test_an_http_answer_without_a_request_is_our_own_error() -> None:
    for seen in (server(), open_server()):
        with pytest.raises(LocalProtocolError, match="no request to answer"):
            seen.wire.send_http(200, b"what", "text/plain")
        assert seen.wire.data_to_send() == b""
