"""What both ends share: keep-alive, limits, closing. Each test runs on both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.byhand import ByHand, Doorman, Visitor, batch, notification
from tests.proto.either import Opened, both_ends, due, only
from tests.proto.joined import open_pair, unopened_pair
from tests.proto.support import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from agentgate_proto.connection.events import Answered, Authenticated, Closed
from agentgate_proto.connection.state import State
from agentgate_proto.connection.timers import Timer
from agentgate_proto.errors import ConnectionClosedError, LocalProtocolError
from agentgate_proto.limits import Limits

# Opening


@pytest.mark.parametrize("chunk_bytes", [None, 1, 7])
def test_two_ends_meet_and_authenticate(chunk_bytes: int | None) -> None:
    pair = unopened_pair(chunk_bytes=chunk_bytes)
    pair.pump()
    assert (pair.client.state, pair.server.state) == (State.OPEN, State.OPEN)
    [event] = pair.client_end.events
    assert isinstance(event, Authenticated)
    assert event.result.principal == "hub"
    assert pair.now == 0.0


@pytest.mark.parametrize("make", [Doorman, Visitor])
def test_an_opening_handshake_that_does_not_come_ends_the_connection(
    make: type[Doorman | Visitor],
) -> None:
    peer = make()
    assert due(peer) == (10.0, Timer.OPENING)
    peer.tick(10.0)
    assert peer.machine.state is State.CLOSED
    assert peer.frames == []


# Closing


@both_ends
def test_our_close_ends_with_the_peers(opened: Opened) -> None:
    peer = opened()
    peer.machine.close(1001, "going away")
    peer.drain()
    assert peer.heard() == ["close 1001 going away"]
    assert peer.machine.state is State.CLOSING
    peer.machine.close(1012, "again")
    peer.send(peer.frame(CLOSE, b"\x03\xe9"))
    assert only(peer) == Closed(code=1001, reason="", by_peer=False)
    assert (peer.heard(), peer.machine.next_deadline()) == ([], None)


@both_ends
@pytest.mark.parametrize(
    ("payload", "code", "reason", "echo"),
    [
        (b"", 1005, "", "close 1000"),
        (b"\x03\xe8", 1000, "", "close 1000"),
        (b"\x0f\xa0why \xc3\xa9", 4000, "why é", "close 4000"),
    ],
)
def test_the_peers_close_is_answered_with_its_code(
    opened: Opened, payload: bytes, code: int, reason: str, echo: str
) -> None:
    peer = opened()
    peer.send(peer.frame(CLOSE, payload) + peer.frame(TEXT, b"too late"))
    assert only(peer) == Closed(code=code, reason=reason, by_peer=True)
    assert peer.heard() == [echo]


def test_when_both_close_at_once_both_are_done_and_neither_blames_the_other() -> None:
    pair = open_pair()
    pair.client.close(1000)
    pair.server.close(1012, "restart")
    pair.pump()
    assert pair.client_end.events == [Closed(code=1012, reason="restart", by_peer=False)]
    assert pair.server_end.events == [Closed(code=1000, reason="", by_peer=False)]


@both_ends
def test_a_peer_that_does_not_answer_our_close_has_five_seconds_from_the_close(
    opened: Opened,
) -> None:
    peer = opened()
    peer.now = 15.0  # nothing has happened for a while, and a command tells no time
    peer.machine.close(1001)
    peer.tick(0.0)
    assert due(peer) == (20.0, Timer.CLOSING)
    peer.tick(4.9)
    peer.send(peer.frame(PONG))
    peer.tick(0.1)
    assert only(peer) == Closed(
        code=1006, reason="the peer did not answer the close", by_peer=False
    )


@both_ends
def test_while_closing_nothing_is_sent_and_input_does_not_answer_itself(opened: Opened) -> None:
    peer = opened()
    peer.machine.close(1001)
    peer.drain()
    peer.heard()
    for verb, *args in (("send_request", 1, "m", {}), ("send_notification", "m", {}), ("ping", 0)):
        with pytest.raises(ConnectionClosedError, match="the connection is closing"):
            getattr(peer.machine, verb)(*args)
    peer.say("{", "[1]", notification("what", {}))
    peer.send(peer.frame(PING))
    assert (peer.heard(), peer.happened()) == ([], [])


@both_ends
def test_a_close_that_crosses_the_peers_in_one_piece_leaves_no_timer(opened: Opened) -> None:
    peer = opened()
    peer.machine.send_request("q-1", "m", {})
    peer.on_event = lambda event: peer.machine.close(1001)
    answer = peer.frame(TEXT, b'{"jsonrpc":"2.0","result":1,"id":"q-1"}')
    peer.send(answer + peer.frame(CLOSE, b"\x03\xe8"))
    assert [type(event) for event in peer.happened()] == [Answered, Closed]
    peer.send(b"more")
    assert peer.machine.next_deadline() is None


@both_ends
def test_a_violation_while_closing_is_not_answered(opened: Opened) -> None:
    peer = opened()
    peer.machine.close(1001)
    peer.drain()
    peer.heard()
    peer.send(peer.frame(BINARY, b"x"))
    assert (only(peer).code, peer.heard()) == (1003, [])


@both_ends
def test_a_reason_that_is_too_long_for_a_close_frame_is_cut(opened: Opened) -> None:
    peer = opened()
    peer.machine.close(1001, "ä" * 100)
    peer.drain()
    assert peer.heard() == ["close 1001 " + "ä" * 61]


@both_ends
def test_an_end_without_a_handshake_says_who_ended_it(opened: Opened) -> None:
    for verb, args, reason, by_peer in (
        ("abort", ["enough"], "enough", False),
        ("receive_eof", [0.0], "the peer closed the connection", True),
        ("send_failed", ["broken pipe", 0.0], "broken pipe", True),
    ):
        peer = opened()
        for _ in range(2):
            getattr(peer.machine, verb)(*args)
        peer.drain()
        assert only(peer) == Closed(code=1006, reason=reason, by_peer=by_peer)


@both_ends
@pytest.mark.parametrize("as_batch", [False, True])
def test_what_came_in_one_piece_with_the_end_is_dropped(opened: Opened, as_batch: bool) -> None:
    peer = opened()
    answers = []
    for n in (1, 2):
        peer.machine.send_request(n, "m", {})
        answers.append(f'{{"jsonrpc":"2.0","result":{n},"id":{n}}}')
    peer.on_event = lambda event: peer.machine.abort("enough")
    texts = [batch(*answers)] if as_batch else answers
    peer.say(*texts)
    assert [type(event) for event in peer.happened()] == [Answered, Closed]


@both_ends
@pytest.mark.parametrize("verb", ["receive_data", "receive_eof", "send_failed", "handle_timer"])
def test_every_input_tells_the_time_and_only_bytes_are_a_sign_of_life(
    opened: Opened, verb: str
) -> None:
    peer = opened()
    assert (peer.machine.now, peer.machine.heard_at) == (0.0, 0.0)
    args: dict[str, list[Any]] = {"receive_data": [b"\x81"], "send_failed": ["broken pipe"]}
    getattr(peer.machine, verb)(*args.get(verb, []), 7.0)
    heard_at = 7.0 if verb == "receive_data" else 0.0
    assert (peer.machine.now, peer.machine.heard_at) == (7.0, heard_at)
    peer.machine.abort("enough")
    peer.machine.receive_data(b"x", 9.0)
    assert peer.machine.heard_at == heard_at


@pytest.mark.parametrize("make", [Doorman, Visitor])
def test_before_any_byte_the_peer_was_heard_when_the_connection_began(
    make: type[Doorman | Visitor],
) -> None:
    assert make(now=5.0).machine.heard_at == 5.0


@both_ends
def test_nothing_happens_any_more_on_a_closed_connection(opened: Opened) -> None:
    peer = opened()
    peer.machine.send_request(1, "m", {})
    peer.machine.abort("enough")
    peer.drain()
    peer.happened()
    peer.heard()
    peer.say('{"jsonrpc":"2.0","result":1,"id":1}')
    peer.machine.handle_timer(1e9)
    peer.machine.close(1000)
    peer.drain()
    assert (peer.happened(), peer.heard(), peer.machine.next_deadline()) == ([], [], None)
    with pytest.raises(ConnectionClosedError, match="the connection is closed"):
        peer.machine.send_notification("m", {})


@pytest.mark.parametrize("make", [Doorman, Visitor])
def test_a_close_before_the_handshake_needs_none(make: type[Doorman | Visitor]) -> None:
    peer = make()
    peer.machine.close(1012, "restart")
    peer.drain()
    assert only(peer) == Closed(code=1012, reason="restart", by_peer=False)
    assert peer.frames == []


def test_before_a_connection_is_open_a_send_is_our_own_error() -> None:
    for peer in (Doorman(), Visitor(), Doorman().upgrade(), Visitor().upgrade()):
        with pytest.raises(LocalProtocolError, match="not open yet"):
            peer.machine.send_notification("m", {})


@pytest.mark.parametrize("direction", ["to_client", "to_server"])
def test_a_direction_that_is_cut_is_noticed_by_both_ends(direction: str) -> None:
    pair = open_pair()
    getattr(pair, direction).cut(0.0)
    pair.wait(60.0)
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.CLOSED)


# What the peer must not do


VIOLATIONS: dict[str, tuple[int, Callable[[ByHand], bytes]]] = {
    "binary": (1003, lambda a: a.frame(BINARY, b"x")),
    "no UTF-8": (1007, lambda a: a.frame(TEXT, b"\xff")),
    "reserved bit": (1002, lambda a: a.frame(TEXT, b"x", reserved=4)),
    "unknown opcode": (1002, lambda a: a.frame(3, b"x")),
    "large ping": (1002, lambda a: a.frame(PING, b"x" * 126)),
    "ping in fragments": (1002, lambda a: a.frame(PING, fin=False)),
    "nothing to continue": (1002, lambda a: a.frame(CONTINUATION, b"x")),
    "half a close code": (1002, lambda a: a.frame(CLOSE, b"\x03")),
    "close code 1006": (1002, lambda a: a.frame(CLOSE, b"\x03\xee")),
    "large": (1009, lambda a: a.frame(TEXT, b"x" * 201)),
    "large in fragments": (
        1009,
        lambda a: a.frame(TEXT, b"x", fin=False) + a.frame(CONTINUATION, b"x" * 200),
    ),
    "many fragments": (
        1009,
        lambda a: a.frame(TEXT, fin=False) + a.frame(CONTINUATION, fin=False) * 3,
    ),
}


@both_ends
@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_closed_with_its_code_and_ends_the_connection(
    opened: Opened, name: str
) -> None:
    peer = opened(Limits(message_bytes_max=200, fragments_max=3))
    code, make = VIOLATIONS[name]
    peer.send(make(peer) + peer.frame(TEXT, b"too late"))
    event = only(peer)
    assert isinstance(event, Closed)
    assert (event.code, event.by_peer) == (code, False)
    [close] = peer.heard()
    assert close.startswith(f"close {code} {event.reason[:20]}")


# Output


@both_ends
def test_a_slow_consumer_is_closed_with_1013_and_gets_whole_frames_only(opened: Opened) -> None:
    peer = opened(Limits(queued_bytes_max=1_000))
    sent = 0
    while peer.machine.state is State.OPEN:
        peer.machine.send_notification("news", {"n": sent, "text": "x" * 50})
        sent += 1
        if sent == 6:  # the socket takes this much, and then nothing more
            peer.rest = peer.machine.data_to_send()
    assert sent < 20
    peer.drain()
    *news, close = peer.heard()
    assert [message["params"]["n"] for message in news] == [0, 1, 2, 3, 4, 5]
    assert close == "close 1013 slow consumer"
    assert peer.rest == b""
    assert only(peer) == Closed(code=1013, reason="slow consumer", by_peer=False)


@both_ends
def test_a_slow_consumer_that_has_begun_with_a_large_message_is_cut(opened: Opened) -> None:
    """No close frame fits into the midst of it, and its rest would have to be kept for one."""
    peer = opened(Limits(queued_bytes_max=200_000))
    peer.drain()
    peer.machine.send_notification("news", {"text": "x" * 150_000})
    assert len(peer.machine.data_to_send(1_000)) == 1_000
    peer.machine.send_notification("news", {"text": "x" * 100_000})
    assert peer.machine.data_to_send() == b""
    peer.drain()
    assert only(peer) == Closed(code=1013, reason="slow consumer", by_peer=False)


@both_ends
def test_a_message_larger_than_the_queue_may_be_is_not_sent(opened: Opened) -> None:
    peer = opened(Limits(queued_bytes_max=1_000))
    peer.machine.send_request(1, "m", {"text": "x" * 1_000})
    peer.drain()
    assert peer.heard() == ["close 1013 slow consumer"]


@both_ends
def test_pings_of_a_peer_that_takes_no_pongs_are_bounded(opened: Opened) -> None:
    peer = opened(Limits(queued_bytes_max=1_000))
    for _ in range(100):
        peer.machine.receive_data(peer.frame(PING, b"x" * 100), 0.0)
        while peer.machine.next_event() is not None:
            pass
    assert len(peer.machine.data_to_send()) < 1_200


@both_ends
def test_an_answer_is_reported_once(opened: Opened) -> None:
    peer = opened()
    peer.machine.send_request("q-1", "m", {})
    answer = '{"jsonrpc":"2.0","result":[1],"id":"q-1"}'
    failure = '{"jsonrpc":"2.0","error":{"code":5,"message":"no"},"id":"q-1"}'
    peer.say(answer, answer, failure, f"[{failure}]")
    event, *again = peer.happened()
    assert isinstance(event, Answered)
    assert (event.id, event.method, bytes(event.result)) == ("q-1", "m", b"[1]")
    assert all(answer.method == "tool_request" for answer in again), "as if asked before, elsewhere"
    peer.machine.send_request("q-1", "m", {})
    peer.say(failure)
    assert only(peer).error.code == 5


def test_held_input_is_forgotten_when_the_connection_ends() -> None:
    visitor = Visitor(Limits(input_bytes_max=100)).knock()
    visitor.say("x" * 50)
    visitor.send(bytes(100))
    assert only(visitor).code == 1009
    assert not visitor.server._held


def test_held_input_is_taken_when_the_pause_is_over() -> None:
    visitor = Visitor().knock()
    visitor.say("{")
    visitor.server.close(1012)
    visitor.send(visitor.frame(CLOSE, b"\x03\xf4"))
    assert only(visitor) == Closed(code=1012, reason="", by_peer=False)
