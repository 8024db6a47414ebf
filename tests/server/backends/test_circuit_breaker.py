"""The circuit of a backend: opens after failures in a row, tries one call, closes. Virtual time."""

import pytest

from agentgate_server.backends.circuit_breaker import CircuitBreaker, Permit, State
from agentgate_server.errors import NotStarted


def failing(circuit: CircuitBreaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        circuit.failed(circuit.admit(now), now, "no answer")


def open_circuit(now: float = 0.0) -> CircuitBreaker:
    circuit = CircuitBreaker("weather", failures_max=3)
    failing(circuit, 3, now)
    assert circuit.state is State.OPEN
    return circuit


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    circuit = CircuitBreaker("weather", failures_max=3)
    failing(circuit, 2)
    circuit.succeeded(circuit.admit(0.0))
    failing(circuit, 2)
    assert circuit.state is State.CLOSED
    failing(circuit, 1)
    assert circuit.state is State.OPEN


def test_a_refusal_says_since_when_why_and_when_it_is_tried_again() -> None:
    circuit = CircuitBreaker("weather", failures_max=2)
    failing(circuit, 1, now=100.0)
    failing(circuit, 1, now=140.0)
    with pytest.raises(NotStarted) as caught:
        circuit.admit(140.25)
    assert str(caught.value) == (
        "weather has failed for 40 s, 2 times in a row (no answer); nothing is sent to it; "
        "it is tried again in 1 s"
    )


def test_after_the_pause_one_call_goes_through_and_the_others_are_refused() -> None:
    circuit = open_circuit()
    probe = circuit.admit(1.0)
    assert circuit.state is State.HALF_OPEN
    with pytest.raises(NotStarted, match="another call is trying it now"):
        circuit.admit(1.0)
    circuit.succeeded(probe)
    assert circuit.state is State.CLOSED
    circuit.admit(1.0)


def test_the_pause_grows_to_a_cap_and_starts_over_after_a_success() -> None:
    circuit, now, pauses = open_circuit(), 0.0, []
    for _ in range(7):
        start = now
        while True:
            now += 0.5
            try:
                probe = circuit.admit(now)
            except NotStarted:
                continue
            break
        pauses.append(now - start)
        circuit.failed(probe, now, "no answer")
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    circuit.succeeded(circuit.admit(now + 30.0))
    failing(circuit, 3, now)
    circuit.admit(now + 1.0)


def test_a_trial_that_was_cancelled_leaves_the_next_call_to_try() -> None:
    circuit = open_circuit()
    circuit.dropped(circuit.admit(1.0))
    assert circuit.state is State.OPEN
    circuit.admit(1.0)
    assert circuit.state is State.HALF_OPEN


def test_calls_from_before_it_opened_do_not_count_against_it_again() -> None:
    circuit = CircuitBreaker("weather", failures_max=2)
    late = [circuit.admit(0.0) for _ in range(3)]
    failing(circuit, 2, now=1.0)
    probe = circuit.admit(2.0)
    for permit in late[:2]:
        circuit.failed(permit, 2.0, "no answer")
    circuit.dropped(late[2])
    assert (circuit.state, circuit.opened) == (State.HALF_OPEN, 1)
    circuit.succeeded(probe)
    circuit.failed(Permit(0), 3.0, "no answer")
    assert circuit.failures == 0


def test_a_late_success_shows_that_the_backend_lives() -> None:
    circuit = CircuitBreaker("weather", failures_max=2)
    late = circuit.admit(0.0)
    failing(circuit, 2, now=1.0)
    circuit.succeeded(late)
    assert circuit.state is State.CLOSED


def test_a_trial_of_before_a_late_success_is_a_call_like_any_other() -> None:
    circuit = CircuitBreaker("weather", failures_max=2)
    late = circuit.admit(0.0)
    failing(circuit, 2, now=1.0)
    probe = circuit.admit(2.0)
    circuit.succeeded(late)
    circuit.failed(probe, 3.0, "no answer")
    assert (circuit.state, circuit.failures) == (State.CLOSED, 1)
