"""The password throttle: guessers get nowhere, and owners stay welcome."""

from __future__ import annotations

import pytest

from agentgate_server.identity import password_throttle
from agentgate_server.identity.password_throttle import (
    BY_STRANGERS_PER_MINUTE,
    OF_ALL_PER_MINUTE,
    OF_ONE_PER_MINUTE,
    OF_RELAY_PER_MINUTE,
    PasswordThrottle,
)


def guess(throttle: PasswordThrottle, count: int, now: float = 0.0, **changes: str) -> float:
    """Guess so often; return the pause after the last."""
    who = {"agent": "house", "by": "wall", "address": "10.0.0.1", **changes}
    return [throttle.take(now=now, **who) for _ in range(count)][-1]


def test_one_guesses_so_often_then_evenly() -> None:
    throttle = PasswordThrottle()
    assert guess(throttle, OF_ONE_PER_MINUTE) == 0.0
    assert guess(throttle, 1) == pytest.approx(60.0 / OF_ONE_PER_MINUTE)
    assert guess(throttle, 1, now=6.0) == 0.0
    assert guess(throttle, 1, now=6.0) > 0.0
    assert guess(throttle, 1, agent="yard") == 0.0, "it is counted for each agent"
    assert guess(throttle, 1, by="other") == 0.0
    assert guess(throttle, 1, address="10.0.0.2") == 0.0
    assert guess(throttle, 1, behalf="ann") == 0.0, "and for each behind a relay"


def test_one_guesses_so_often_whoever_it_is_about() -> None:
    throttle = PasswordThrottle()
    pauses = [guess(throttle, 1, agent=f"a{n}") for n in range(OF_ALL_PER_MINUTE + 1)]
    assert not any(pauses[:-1])
    assert pauses[-1] > 0.0


def test_strangers_guess_so_often_together_and_keep_nobody_out_who_was_in_before() -> None:
    throttle = PasswordThrottle()
    assert guess(throttle, 1, by="owner") == 0.0
    throttle.was_right("house", "owner", "10.0.0.1")
    pauses = [guess(throttle, 1, by=f"b{n}") for n in range(BY_STRANGERS_PER_MINUTE + 1)]
    assert not any(pauses[:-1])
    assert pauses[-1] > 0.0
    assert guess(throttle, 1, by="owner") == 0.0
    assert throttle.is_welcome("house", "owner", "10.0.0.1")
    assert not throttle.is_welcome("yard", "owner", "10.0.0.1")
    throttle.forget()
    assert not throttle.is_welcome("house", "owner", "10.0.0.1")
    assert guess(throttle, 1, by="owner") > 0.0


def test_a_right_password_does_not_count() -> None:
    throttle = PasswordThrottle()
    for _ in range(1_000):
        assert guess(throttle, 1) == 0.0
        throttle.was_right("house", "wall", "10.0.0.1")
    assert guess(throttle, OF_ONE_PER_MINUTE) == 0.0


def test_what_one_behind_a_relay_has_right_the_relay_has() -> None:
    throttle = PasswordThrottle()
    throttle.was_right("house", "front", "10.0.0.1", "ann")
    assert throttle.is_welcome("house", "front", "10.0.0.1", "ann")
    assert throttle.is_welcome("house", "front", "10.0.0.1")
    assert not throttle.is_welcome("house", "front", "10.0.0.1", "eve")


def test_a_relay_gets_no_further_by_making_up_names_of_those_it_asks_for() -> None:
    throttle = PasswordThrottle()
    for _ in range(2 * OF_RELAY_PER_MINUTE):
        assert guess(throttle, 1, behalf="anna") == 0.0
        throttle.was_right("house", "wall", "10.0.0.1", "anna")
    for number in range(OF_RELAY_PER_MINUTE):
        new = {"agent": f"a{number}", "behalf": f"b{number}"}
        assert guess(throttle, 1, **new) == 0.0
    assert guess(throttle, 1, agent="new", behalf="new") > 0.0
    assert guess(throttle, 1, agent="new") == 0.0, "what it asks for itself"
    assert guess(throttle, 1, agent="new", behalf="new", by="other") == 0.0


def test_what_is_refused_counts_for_nothing() -> None:
    throttle = PasswordThrottle()
    guess(throttle, OF_ALL_PER_MINUTE)
    assert guess(throttle, OF_ALL_PER_MINUTE - OF_ONE_PER_MINUTE, agent="yard") > 0.0
    assert guess(throttle, OF_ALL_PER_MINUTE - 2 * OF_ONE_PER_MINUTE, agent="roof") > 0.0
    assert guess(throttle, OF_ONE_PER_MINUTE, agent="hall") == 0.0


def test_no_name_stands_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    throttle = PasswordThrottle()
    guess(throttle, OF_ONE_PER_MINUTE, by="a", agent="b/c")
    assert guess(throttle, 1, by="a/b", agent="c") == 0.0
    monkeypatch.setattr(password_throttle, "WELCOME_MAX", 1)
    throttle.was_right("house", "one", "10.0.0.1")
    throttle.was_right("house", "two", "10.0.0.1")
    assert len(throttle._welcome) == 1
