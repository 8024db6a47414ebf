"""What many small things cost, and what is left of a connection that is over."""

from __future__ import annotations

from tests.proto.byhand import UPGRADE
from tests.proto.face_visitor import DOORS, HEALTH

from agentgate_proto.connection.base import PROGRESSED
from agentgate_proto.connection.events import Closed, HttpRequested
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.limits import Limits


def test_a_flood_of_pings_ends_its_turns() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    server.receive_data(UPGRADE + b"\x89\x80\0\0\0\0" * 1_000, 0.0)
    turns = 0
    while server.next_event() == PROGRESSED:
        turns += 1
    assert turns == 1_000 // Limits().steps_max


def test_what_was_not_read_is_not_kept_after_the_end() -> None:
    """Whoever holds on to a connection that is over, holds no input."""
    waits = ServerConnection(0.0, Limits(), DOORS)
    waits.receive_data(HEALTH + b"x" * 100_000, 0.0)
    assert isinstance(waits.next_event(), HttpRequested)
    body = ServerConnection(0.0, Limits(), DOORS)
    body.recognise()
    body.receive_data(b"POST /any HTTP/1.1\r\nHost: g\r\nContent-Length: 60000\r\n\r\n" + b"x", 0.0)
    assert body.next_event() is None
    message = ServerConnection(0.0, Limits(), DOORS)
    message.receive_data(UPGRADE + b"\x01\xfe\x03\xe8" + bytes(1_004) + b"\x80\xfe\x03\xe8", 0.0)
    assert message.next_event() is None
    for server in (waits, body, message):
        server.receive_eof(0.0)
        assert isinstance(server.next_event(), Closed)
        http = server.wire.http
        assert not any((http._input, http._body.data, server.wire._input, server.wire._message))
