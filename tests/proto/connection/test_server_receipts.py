"""Which outcomes the client has for certain (I6): acks of our SDK, pongs of old clients."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.proto.byhand import Visitor, notification, request
from tests.proto.joined import welcome
from tests.proto.support import PING, PONG, TEXT, from_client

from agentgate_proto.connection.events import Received
from agentgate_proto.errors import ErrorCode, LocalProtocolError
from agentgate_proto.limits import LEGACY_MESSAGE_BYTES_MAX
from agentgate_proto.records.outcome import Outcome, executed, failed
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.rpc.messages import RequestWaiting

BIG = b'"' + b"x" * LEGACY_MESSAGE_BYTES_MAX + b'"'


def record(n: int, outcome: Outcome) -> Record:
    """A record that is done."""
    return Record(
        rid=f"r{n}",
        principal="hub",
        client_id="",
        request_id=n,
        tool="x",
        args=executed(b"{}").data,
        signature="x",
        digest="d",
        effects=Effects.READ,
        phase=Phase.DONE,
        created_at=1.0,
        outcome=outcome,
        resolved_at=2.0,
    )


def called(client_id: str, *ids: int) -> Visitor:
    """A client that has made tool requests."""
    visitor = Visitor().enter(client_id=client_id)
    visitor.say(*(request(n, "tool_request", {"tool": "x"}) for n in ids))
    visitor.happened()
    return visitor


def old_client(*ids: int) -> Visitor:
    return called("", *ids)


def sdk(*ids: int) -> Visitor:
    return called("sdk-1", *ids)


def answer(visitor: Visitor, n: int, outcome: Outcome | None = None) -> None:
    visitor.server.send_outcome(n, outcome or executed(b"{}"), f"r{n}")


def pong(payload: bytes) -> bytes:
    return from_client(PONG, payload)


def pings(visitor: Visitor) -> list[bytes]:
    """Take the payloads of the pings that came."""
    payloads = [payload for opcode, payload in visitor.frames if opcode == PING]
    visitor.heard()
    return payloads


# Our SDK


def test_an_outcome_carries_its_number_and_an_ack_proves_all_up_to_it() -> None:
    visitor = sdk(1, 2, 3)
    for n in (1, 2, 3):
        answer(visitor, n, failed("no") if n == 2 else None)
    visitor.drain()
    first, second, third = visitor.heard()
    assert first["result"] == {"status": "executed", "data": {}, "seq": 1}
    assert second["error"] == {
        "code": -32004,
        "message": "no",
        "data": {"status": "failed", "seq": 2},
    }
    assert third["result"]["seq"] == 3
    visitor.say(notification("ack", {"seq": 2}))
    assert visitor.happened() == [Received(rids=("r1", "r2"))]
    visitor.say(notification("ack", {"seq": 2}), notification("ack", {"seq": 3}))
    assert visitor.happened() == [Received(rids=("r3",))]


@pytest.mark.parametrize("seq", [0, -1, 2, 2**70])
def test_an_ack_of_what_was_not_sent_proves_nothing(seq: int) -> None:
    visitor = sdk(1)
    answer(visitor, 1)
    visitor.say(notification("ack", {"seq": seq}))
    assert visitor.happened() == []


def test_an_outcome_without_a_rid_wants_no_receipt_and_has_no_number() -> None:
    visitor = sdk(1)
    visitor.server.send_outcome(1, executed(b"{}"), "")
    visitor.drain()
    assert visitor.heard()[0]["result"] == {"status": "executed", "data": {}}


def test_our_sdk_is_never_pinged_for_a_receipt_and_its_pongs_prove_nothing() -> None:
    visitor = sdk(1)
    answer(visitor, 1)
    visitor.drain()
    assert pings(visitor) == []
    visitor.send(pong(b"seq:1"))
    assert visitor.happened() == []


def test_rows_that_were_missed_are_acknowledged_all_together() -> None:
    visitor = sdk()
    visitor.say(request(9, "get_pending_results"))
    rows = [record(1, executed(b"1")), record(2, failed("no"))]
    visitor.server.send_pending_results(9, rows, [3], more=True)
    visitor.drain()
    [reply] = visitor.heard()
    assert [row["request_id"] for row in reply["result"]["results"]] == [1, 2]
    assert (reply["result"]["pending"], reply["result"]["seq"]) == ([3], 1)
    assert reply["result"]["more"] is True
    visitor.happened()
    visitor.say(notification("ack", {"seq": 1}))
    assert visitor.happened() == [Received(rids=("r1", "r2"))]


def test_an_outcome_or_error_of_an_earlier_connections_request_is_an_ordinary_response() -> None:
    visitor = sdk()
    answer(visitor, 41)
    visitor.server.send_error(42, ErrorCode.INTERNAL_ERROR)
    visitor.drain()
    assert [(message["id"], "error" in message) for message in visitor.heard()] == [
        (41, False),
        (42, True),
    ]
    with pytest.raises(LocalProtocolError):
        visitor.server.send_result(43, {})


def test_our_sdk_takes_a_large_result_whole() -> None:
    visitor = sdk(1)
    answer(visitor, 1, executed(BIG))
    visitor.drain()
    assert len(visitor.heard()[0]["result"]["data"]) == LEGACY_MESSAGE_BYTES_MAX


# Old clients, which never acknowledge


def test_a_pong_proves_what_was_sent_before_its_ping() -> None:
    visitor = old_client(1, 2)
    answer(visitor, 1)
    answer(visitor, 2)
    visitor.drain()
    assert pings(visitor) == [b"seq:2"]
    visitor.send(pong(b"seq:2"))
    assert visitor.happened() == [Received(rids=("r1", "r2"))]
    assert pings(visitor) == []


def test_one_ping_is_out_at_a_time_and_the_next_covers_all_that_came_between() -> None:
    visitor = old_client(1, 2, 3)
    for n in (1, 2, 3):
        answer(visitor, n)
        visitor.drain()
    assert pings(visitor) == [b"seq:1"]
    visitor.send(pong(b"seq:1"))
    assert visitor.happened() == [Received(rids=("r1",))]
    assert pings(visitor) == [b"seq:3"]
    visitor.send(pong(b"seq:3"))
    assert visitor.happened() == [Received(rids=("r2", "r3"))]


@pytest.mark.parametrize("payload", [b"", b"seq:", b"seq:0", b"seq:2", b"seq:1 ", b"alive:1"])
def test_any_other_pong_proves_nothing(payload: bytes) -> None:
    visitor = old_client(1)
    answer(visitor, 1)
    visitor.drain()
    visitor.send(pong(payload))
    assert visitor.happened() == []


def test_an_old_client_never_sees_our_additions() -> None:
    visitor = old_client(1, 2)
    answer(visitor, 1)
    answer(visitor, 2, failed("no"))
    visitor.say(request(3, "get_pending_results"))
    visitor.server.send_pending_results(3, [], [], more=False)
    visitor.drain()
    texts = [json.loads(payload) for opcode, payload in visitor.frames if opcode == TEXT]
    assert texts == [
        {"jsonrpc": "2.0", "result": {"status": "executed", "data": {}}, "id": 1},
        {"jsonrpc": "2.0", "error": {"code": -32004, "message": "no"}, "id": 2},
        {"jsonrpc": "2.0", "result": {"results": [], "pending": []}, "id": 3},
    ]


def test_nothing_comes_between_the_auth_result_and_the_first_reply() -> None:
    visitor = Visitor().knock()
    visitor.say(request(5, "get_pending_results"))
    visitor.server.accept_auth(*welcome())
    visitor.drain()
    for _ in range(3):
        visitor.tick(5.0)
    visitor.server.send_pending_results(5, [record(1, executed(b"1"))], [], more=False)
    visitor.drain()
    auth, reply, ping = visitor.heard()
    assert (auth["id"], reply["id"], ping) == ("auth-1", 5, "ping")


def test_without_outcomes_an_old_client_is_pinged_only_after_silence() -> None:
    visitor = old_client()
    visitor.say(request(1, "list_tools"))
    visitor.server.send_result(1, {"tools": []})
    visitor.tick(19.9)
    assert pings(visitor) == []
    visitor.tick(0.1)
    assert pings(visitor) == [b"alive:1"]


def test_a_result_that_an_old_client_would_choke_on_becomes_an_error_that_says_so() -> None:
    visitor = old_client(1)
    answer(visitor, 1, executed(BIG))
    visitor.drain()
    message, ping = visitor.heard()
    assert message["error"]["code"] == -32004
    assert "its result of 1048578 bytes is larger" in message["error"]["message"]
    assert ping == "ping"
    visitor.send(pong(b"seq:1"))
    assert visitor.happened() == [Received(rids=("r1",))]


def test_a_row_that_an_old_client_would_choke_on_becomes_an_error_that_says_so() -> None:
    visitor = old_client()
    visitor.say(request(1, "get_pending_results"))
    visitor.server.send_pending_results(1, [record(4, executed(BIG))], [], more=False)
    visitor.drain()
    [row] = visitor.heard()[0]["result"]["results"]
    assert (row["request_id"], row["status"]) == (4, "failed")
    assert "1 MiB" in row["error"]["message"]


@pytest.mark.parametrize("request_id", [2**63 - 1, "\x01" * 256])
def test_the_largest_result_that_an_old_client_gets_fits_its_message_limit(
    request_id: Any,
) -> None:
    visitor = Visitor().enter(client_id="")
    visitor.say(request(request_id, "tool_request", {"tool": "x"}))
    data = b'"' + b"x" * (LEGACY_MESSAGE_BYTES_MAX - 4_096 - 2) + b'"'
    visitor.server.send_outcome(request_id, executed(data), "r1")
    visitor.drain()
    (_, payload), _ = visitor.frames
    assert len(payload) <= LEGACY_MESSAGE_BYTES_MAX
    assert b'"error"' not in payload[:64]


def test_pongs_and_acks_count_until_the_very_end() -> None:
    visitor = old_client(1)
    answer(visitor, 1)
    visitor.drain()
    visitor.server.close(1012, "bye")
    visitor.send(pong(b"seq:1"))
    assert visitor.happened() == [Received(rids=("r1",))]


def test_no_ping_follows_a_close_frame() -> None:
    visitor = old_client(1)
    answer(visitor, 1)
    visitor.server.close(1012, "bye")
    visitor.drain()
    assert visitor.heard()[1:] == ["close 1012 bye"]


def test_a_push_needs_no_receipt() -> None:
    visitor = old_client()
    waiting = RequestWaiting(request_id=1, expires_at="2026-11-20T10:00:00.000Z")
    visitor.server.send_notification("request_waiting", waiting)
    visitor.drain()
    [message] = visitor.heard()
    assert message["params"] == {
        "request_id": 1,
        "expires_at": "2026-11-20T10:00:00.000Z",
        "rule": "",
    }
