"""Keep-alive: silence, signs of life, round trips, clocks. Each test runs on both ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.either import ENDS, Opened, both_ends, due, only
from tests.proto.joined import open_pair
from tests.proto.support import PONG, TEXT, quick

from agentgate_proto.connection.events import Closed
from agentgate_proto.connection.state import State
from agentgate_proto.connection.timers import Timer


@both_ends
def test_after_20_s_of_silence_the_peer_is_asked_and_after_20_more_it_is_dead(
    opened: Opened,
) -> None:
    peer = opened()
    assert due(peer) == (20.0, Timer.SILENCE)
    peer.tick(20.0)
    assert peer.heard() == ["ping"]
    assert due(peer) == (40.0, Timer.PONG)
    peer.tick(20.0)
    assert only(peer) == Closed(code=1006, reason="no sign of life from the peer", by_peer=True)
    assert peer.machine.next_deadline() is None
    assert peer.heard() == []


@both_ends
def test_any_byte_is_a_sign_of_life(opened: Opened) -> None:
    peer = opened()
    peer.tick(19.0)
    half = peer.frame(TEXT, b"{}")
    peer.send(half[:1])
    peer.tick(1.0)
    assert (peer.heard(), due(peer)) == ([], (39.0, Timer.SILENCE))
    peer.tick(19.0)
    assert peer.heard() == ["ping"]
    peer.tick(5.0)
    peer.send(half[1:2])  # 44.0: no pong, but it is there
    peer.tick(15.0)
    assert (peer.happened(), due(peer)) == ([], (64.0, Timer.SILENCE))


@both_ends
def test_who_sends_a_long_message_hears_a_sign_of_life_meanwhile(opened: Opened) -> None:
    peer = opened()
    long = peer.frame(TEXT, b" " * 100)
    for sent in range(20, 38):
        peer.send(long[:sent] if sent == 20 else long[sent - 1 : sent])
        peer.tick(5.0)
    pings = peer.heard()
    assert set(pings) == {"ping"}
    assert 90.0 / 25.0 <= len(pings) <= 90.0 / 15.0, "one in each 20 s, from the last byte on"
    assert peer.machine.state is State.OPEN


@both_ends
def test_a_pong_that_comes_at_once_is_a_sign_of_life_as_well(opened: Opened) -> None:
    peer = opened()
    peer.tick(20.0)
    [(_, payload)] = peer.frames
    peer.send(peer.frame(PONG, payload))
    peer.tick(20.0)
    assert peer.happened() == []
    peer.tick(20.0)
    assert [type(event) for event in peer.happened()] == [Closed]


@both_ends
def test_measuring_the_round_trip_does_not_make_a_living_peer_dead(opened: Opened) -> None:
    peer = opened()
    peer.tick(20.0)
    peer.tick(5.0)
    peer.send(peer.frame(PONG))
    peer.tick(14.0)
    peer.machine.ping(peer.now)
    peer.tick(1.0)
    assert peer.happened() == []


@quick
@given(st.lists(st.floats(0.0, 60.0), max_size=8), st.sampled_from(sorted(ENDS)))
def test_a_peer_is_dead_exactly_40_s_after_its_last_byte(pauses: list[float], end: str) -> None:
    peer = ENDS[end]()
    heard_at = 0.0
    for pause in pauses:
        until = heard_at + pause
        while peer.machine.state is State.OPEN and due(peer).at <= until:
            peer.tick(due(peer).at - peer.now)
        if peer.machine.state is not State.OPEN:
            break
        peer.now = heard_at = until
        peer.send(peer.frame(PONG))
    while peer.machine.state is State.OPEN:
        peer.tick(due(peer).at - peer.now)
    assert peer.now == pytest.approx(heard_at + 40.0)


def test_the_round_trip_is_measured() -> None:
    pair = open_pair()
    assert pair.client.latency_s == 0.0  # the client asks as soon as it is open
    assert pair.server.latency_s is None
    pair.to_server.delay_s, pair.to_client.delay_s = 0.1, 0.2
    pair.client.ping(pair.now)
    pair.server.ping(pair.now)
    pair.wait(1.0)
    assert pair.client.latency_s == pytest.approx(0.3)
    assert pair.server.latency_s == pytest.approx(0.3)


@both_ends
def test_only_the_pong_for_the_latest_ping_measures(opened: Opened) -> None:
    peer = opened()
    peer.machine.latency_s = None
    for now in (1.0, 2.0):
        peer.machine.ping(now)
    peer.drain()
    (_, first), (_, second) = peer.frames
    peer.now = 5.0
    peer.send(peer.frame(PONG, first))
    peer.send(peer.frame(PONG, b"alive:"))
    assert peer.machine.latency_s is None
    peer.send(peer.frame(PONG, second))
    assert peer.machine.latency_s == 3.0


def test_two_idle_ends_stay_together_and_a_black_hole_is_noticed() -> None:
    pair = open_pair()
    pair.wait(3_600.0)
    assert (pair.client.state, pair.server.state) == (State.OPEN, State.OPEN)
    assert len(pair.to_server.sent) < 10_000
    pair.to_server.black_hole = pair.to_client.black_hole = True
    pair.wait(40.0)
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.CLOSED)


@both_ends
def test_a_clock_that_goes_back_is_ignored(opened: Opened) -> None:
    peer = opened()
    peer.machine.receive_data(peer.frame(PONG), 15.0)
    peer.machine.handle_timer(3.0)
    peer.machine.receive_data(peer.frame(PONG), 1.0)
    peer.machine.ping(2.0)
    assert (peer.machine.now, peer.machine.heard_at) == (15.0, 15.0)
    peer.machine.handle_timer(35.0)
    peer.drain()
    assert peer.heard() == ["ping", "ping"]


@both_ends
def test_a_timer_that_is_called_too_early_or_too_often_does_nothing(opened: Opened) -> None:
    peer = opened()
    for _ in range(3):
        peer.machine.handle_timer(19.9)
    assert due(peer) == (20.0, Timer.SILENCE)
    for _ in range(3):
        peer.machine.handle_timer(20.0)
    peer.drain()
    assert peer.heard() == ["ping"]
