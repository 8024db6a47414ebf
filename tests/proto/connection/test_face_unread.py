"""Plain HTTP whose answers are not read: nothing further is taken, whoever holds the output."""

from __future__ import annotations

from tests.proto.byhand import UPGRADE
from tests.proto.face_visitor import DOORS, HEALTH
from tests.proto.support import TEXT, frame

from agentgate_proto.connection.base import SLOW, TRY_AGAIN_LATER
from agentgate_proto.connection.events import Closed, HttpRequested
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.timers import Timer
from agentgate_proto.limits import SERVER_LIMITS, Limits

AHEAD = SERVER_LIMITS.http_ahead_bytes_max
LARGE = b"x" * (AHEAD + 1)


def asked(server: ServerConnection, times: int) -> None:
    """So many requests come behind each other."""
    server.receive_data(HEALTH * times, 0.0)


def answered(server: ServerConnection, body: bytes) -> int:
    """Answer whatever may be taken; return how many requests that were."""
    count = 0
    while isinstance(server.next_event(), HttpRequested):
        server.send_http(200, body, "text/plain")
        count += 1
    return count


def test_no_further_request_is_taken_while_a_large_answer_waits_to_be_sent() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    asked(server, 3)
    assert answered(server, LARGE) == 1
    assert len(server.data_to_send()) > AHEAD
    assert server.sent(0)
    assert answered(server, LARGE) == 1


def test_small_answers_go_together_up_to_a_bound() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    asked(server, 1_000)
    count = answered(server, b"x" * 100)
    assert 10 < count < 1_000
    assert AHEAD < server.queued_bytes < AHEAD + 1_000


def test_no_further_request_is_taken_while_the_pump_holds_output() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    asked(server, 2)
    assert answered(server, LARGE) == 1
    server.data_to_send()
    assert not server.sent(1)
    assert server.queued_bytes == 1
    asked(server, 2)
    assert answered(server, b"") == 0
    assert not server.sent(1)
    assert answered(server, b"") == 0
    assert server.sent(0)
    assert answered(server, b"") == 3


def test_what_the_pump_holds_holds_a_request_back_that_was_answered_late() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    asked(server, 2)
    assert isinstance(server.next_event(), HttpRequested)
    server.sent(5)
    server.send_http(200, b"", "text/plain")
    assert server.next_event() is None
    server.data_to_send()
    assert server.sent(0)
    assert isinstance(server.next_event(), HttpRequested)


def test_a_websocket_is_read_on_while_output_waits() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    server.receive_data(UPGRADE, 0.0)
    assert server.next_event() is None
    server.data_to_send()
    assert not server.sent(100_000)
    server.receive_data(frame(TEXT, b"no json", mask=bytes(4)), 0.0)
    server.next_event()
    assert b"-32005" in server.data_to_send()


def test_the_time_between_two_requests_begins_when_the_time_is_told() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    asked(server, 1)
    assert answered(server, b"") == 1
    assert server.wants_time
    server.tick(100.0)
    assert not server.wants_time
    deadline = server.next_deadline()
    assert deadline is not None
    assert (deadline.reason, deadline.at) == (Timer.OPENING, 100.0 + Limits().http_idle_s)


def test_who_is_cut_for_what_they_did_not_read_is_told_so_where_that_can_be() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    server.receive_data(UPGRADE, 0.0)
    server.next_event()
    server.data_to_send()
    server.cut_slow()
    assert server.next_event() == Closed(code=TRY_AGAIN_LATER, reason=SLOW, by_peer=False)
    assert server.data_to_send()[2:4] == TRY_AGAIN_LATER.to_bytes(2, "big")
    server.cut_slow()
    assert server.next_event() is None


def test_an_answer_by_http_is_broken_off() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    asked(server, 2)
    assert answered(server, LARGE) == 1
    server.cut_slow()
    assert server.next_event() == Closed(code=TRY_AGAIN_LATER, reason=SLOW, by_peer=False)
    assert server.data_to_send() == b""
