"""The server's half of the opening handshake: which requests are good, and their answers."""

from __future__ import annotations

import pytest
from tests.proto.wires import DOORS, LIMITS
from tests.vectors.websocket import ACCEPT, BAD_UPGRADES, GOOD_UPGRADES, KEY, upgrade

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.wire.heads import RequestHead
from agentgate_proto.wire.http1 import HttpServer
from agentgate_proto.wire.upgrade import (
    OFFER,
    acceptance,
    objection,
    subprotocols,
    wants_websocket,
)


def head_of(data: bytes) -> RequestHead:
    """Read a request that HTTP has nothing against."""
    http = HttpServer(LIMITS, bytearray(), DOORS)
    http.receive_data(data)
    head = http.next_request()
    assert head is not None
    return head


@pytest.mark.parametrize("line", ["X: websocket", "Upgrade: h2c", "Connection: upgrade"])
def test_a_request_without_an_upgrade_to_websocket_wants_none(line: str) -> None:
    assert not wants_websocket(
        head_of(f"GET / HTTP/1.1\r\nHost: g\r\n{line}\r\n\r\n".encode()).headers
    )


@pytest.mark.parametrize("value", ["websocket", "WebSocket", "h2c, websocket", "websocket2"])
def test_what_names_websocket_wants_one_be_it_in_a_bad_way(value: str) -> None:
    assert wants_websocket(head_of(upgrade(upgrade=value)).headers)


@pytest.mark.parametrize("name", GOOD_UPGRADES)
def test_there_is_no_objection_to_a_good_request(name: str) -> None:
    head = head_of(GOOD_UPGRADES[name])
    assert objection(head) is None
    assert (b"Sec-WebSocket-Accept", ACCEPT) in acceptance(head)


def test_the_options_of_a_connection_may_come_in_several_lines() -> None:
    data = upgrade(connection="Upgrade")
    for both in (b"connection: Upgrade\r\nconnection: x", b"connection: x\r\nconnection: Upgrade"):
        assert objection(head_of(data.replace(b"connection: Upgrade", both))) is None


OBJECTIONS = {
    "another method": "a GET request",
    "only the head of it": "a GET request",
    "an older HTTP": "needs HTTP/1.1",
    "a body": "has no body",
    "no connection header": "Connection: Upgrade",
    "another connection header": "Connection: Upgrade",
    "a connection header beyond ASCII": "not ASCII",
    "another connection header beyond ASCII": "not ASCII",
    "a subprotocol beyond ASCII": "not ASCII",
    "an extension beyond ASCII": "not ASCII",
    "almost the right upgrade": "Upgrade: websocket",
    "two upgrades": "Upgrade: websocket",
    "another version": "Sec-WebSocket-Version: 13",
    "two versions": "Sec-WebSocket-Version: 13",
    "no version": "Sec-WebSocket-Version: 13",
    "no key": "Sec-WebSocket-Key of 16 bytes",
    "a key that is no base64": "Sec-WebSocket-Key of 16 bytes",
    "a key of 15 bytes": "Sec-WebSocket-Key of 16 bytes",
    "a key with something behind": "Sec-WebSocket-Key of 16 bytes",
}


@pytest.mark.parametrize("name", OBJECTIONS)
def test_the_objection_says_what_is_wrong(name: str) -> None:
    data, status = BAD_UPGRADES[name]
    found = objection(head_of(data))
    assert found is not None
    assert found[0] == status
    assert OBJECTIONS[name] in found[1]
    assert KEY not in found[1]


def test_subprotocols_are_offered_in_one_line_or_several_best_first() -> None:
    offered = upgrade(sec_websocket_protocol="a, b,,\r\nsec-websocket-protocol: c")
    assert subprotocols(head_of(offered)) == ["a", "b", "c"]
    assert subprotocols(head_of(upgrade())) == []


def test_a_subprotocol_that_was_offered_can_be_taken() -> None:
    head = head_of(upgrade(sec_websocket_protocol="a, b"))
    assert (b"Sec-WebSocket-Protocol", b"b") in acceptance(head, "b")
    assert all(name != b"Sec-WebSocket-Protocol" for name, _ in acceptance(head))


@pytest.mark.parametrize("subprotocol", ["c", "A", "a, b", "a\r\nx: y", " a"])
def test_no_other_subprotocol_can_be_taken(subprotocol: str) -> None:
    head = head_of(upgrade(sec_websocket_protocol="a, b"))
    with pytest.raises(LocalProtocolError, match="did not offer"):
        acceptance(head, subprotocol)
    with pytest.raises(LocalProtocolError, match="did not offer"):
        acceptance(head_of(upgrade()), subprotocol)


def test_further_headers_follow_those_of_the_handshake() -> None:
    assert acceptance(head_of(upgrade()), headers={"x-a": "1"})[-1] == (b"x-a", b"1")


@pytest.mark.parametrize(
    "name",
    [
        *("upgrade", "Connection", "Sec-WebSocket-Accept", "sec-websocket-protocol"),
        *("Sec-WebSocket-Extensions", "content-length", "Transfer-Encoding"),
    ],
)
def test_no_further_header_says_anything_of_the_handshake(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        acceptance(head_of(upgrade()), headers=[(name, "x")])


def test_the_offer_says_which_version_is_spoken() -> None:
    assert (b"sec-websocket-version", b"13") in OFFER
