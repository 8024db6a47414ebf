"""The address throttle: a minute's worth at once, then evenly, and each address by itself."""

from __future__ import annotations

import pytest

from agentgate_server.identity import address_throttle
from agentgate_server.identity.address_throttle import AddressThrottle

HOME = "192.0.2.7"


def test_a_minutes_worth_may_be_done_at_once_and_then_one_at_a_time() -> None:
    throttle = AddressThrottle(20)
    assert [throttle.take(HOME, 100.0) for _ in range(20)] == [0.0] * 20
    assert throttle.take(HOME, 100.0) == pytest.approx(3.0)
    assert throttle.take(HOME, 102.0) == pytest.approx(1.0)
    assert throttle.take(HOME, 103.1) == 0.0
    assert throttle.take(HOME, 103.1) > 2.0


def test_what_may_not_be_done_does_not_count() -> None:
    throttle = AddressThrottle(20)
    for _ in range(1_000):
        throttle.take(HOME, 100.0)
    assert throttle.take(HOME, 103.1) == 0.0


def test_after_a_quiet_minute_all_is_forgotten() -> None:
    throttle = AddressThrottle(20)
    for _ in range(25):
        throttle.take(HOME, 100.0)
    assert [throttle.take(HOME, 161.0) for _ in range(20)] == [0.0] * 20
    assert throttle.take(HOME, 161.0) > 0.0


def test_who_queues_gets_a_turn_of_their_own() -> None:
    throttle = AddressThrottle(60)
    turns = [throttle.queue(HOME, 100.0, 5.0) for _ in range(63)]
    assert turns[:60] == [0.0] * 60
    assert turns[60:] == pytest.approx([1.0, 2.0, 3.0])
    assert throttle.queue(HOME, 102.0, 5.0) == pytest.approx(2.0)


def test_a_queue_that_is_too_long_grows_no_longer() -> None:
    throttle = AddressThrottle(60)
    turns = [throttle.queue(HOME, 100.0, 2.0) for _ in range(1_000)]
    assert turns[60:64] == pytest.approx([1.0, 2.0, 3.0, 3.0])
    assert max(turns) == pytest.approx(3.0)
    assert throttle.queue(HOME, 103.0, 2.0) == pytest.approx(0.0)


def test_one_address_is_nothing_to_another() -> None:
    throttle = AddressThrottle(1)
    assert throttle.take(HOME, 0.0) == 0.0
    assert throttle.take("192.0.2.8", 0.0) == 0.0
    assert throttle.take(HOME, 0.0) > 0.0


def test_the_addresses_of_one_network_are_one() -> None:
    throttle = AddressThrottle(1)
    assert throttle.take("2001:db8:1:2::1", 0.0) == 0.0
    assert throttle.take("2001:db8:1:2:ffff::9%eth0", 0.0) > 0.0
    assert throttle.take("2001:db8:1:3::1", 0.0) == 0.0


def test_the_oldest_address_is_forgotten_beyond_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_throttle, "ADDRESSES_MAX", 2)
    throttle = AddressThrottle(1)
    for address in ("a", "b", "a", "c"):  # a is seen again, b is the oldest then
        throttle.queue(address, 0.0, 60.0)
    assert throttle.take("b", 0.0) == 0.0
    assert throttle.take("c", 0.0) > 0.0
