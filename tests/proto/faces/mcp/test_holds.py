"""Holds: what is configured, what is usual, and what was seen of a client counts most."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.mcp.holds import (
    HOLD_MIN_S,
    HOLD_WITH_PROGRESS_S,
    SEEN_COUNTS_S,
    SEEN_MAX,
    Holds,
    is_timeout,
)

NOW = 1_000.0


def test_without_progress_a_hold_is_the_default_and_with_it_longer() -> None:
    holds = Holds(50.0)
    assert holds.hold_s("a", progress=False, now=NOW) == 50.0
    assert holds.hold_s("a", progress=True, now=NOW) == HOLD_WITH_PROGRESS_S
    assert Holds(900.0).hold_s("a", progress=True, now=NOW) == 900.0


def test_what_is_configured_for_a_principal_counts_in_either_case() -> None:
    holds = Holds(50.0, {"a": 280.0})
    assert holds.hold_s("a", progress=False, now=NOW) == 280.0
    assert holds.hold_s("a", progress=True, now=NOW) == 280.0
    assert holds.hold_s("b", progress=False, now=NOW) == 50.0


def test_a_client_that_hung_up_is_answered_before_that_the_next_time() -> None:
    holds = Holds(50.0, {"a": 280.0})
    holds.hung_up("a", progress=True, held_s=100.0, now=NOW)
    assert holds.hold_s("a", progress=True, now=NOW) == 80.0
    assert holds.hold_s("a", progress=False, now=NOW) == 280.0
    assert holds.hold_s("b", progress=True, now=NOW) == HOLD_WITH_PROGRESS_S


def test_what_was_seen_makes_no_hold_longer_than_it_was() -> None:
    holds = Holds(50.0)
    holds.hung_up("a", progress=False, held_s=300.0, now=NOW)
    assert holds.hold_s("a", progress=False, now=NOW) == 50.0


@pytest.mark.parametrize(("held_s", "expected_s"), [(19.9, 50.0), (20.0, 20.0), (24.0, 20.0)])
def test_there_is_a_floor_and_what_is_shorter_says_nothing(
    held_s: float, expected_s: float
) -> None:
    holds = Holds(50.0)
    holds.hung_up("a", progress=False, held_s=held_s, now=NOW)
    assert holds.hold_s("a", progress=False, now=NOW) == expected_s >= HOLD_MIN_S


def test_the_last_hang_up_counts_and_is_forgotten_after_a_day() -> None:
    holds = Holds(50.0)
    holds.hung_up("a", progress=False, held_s=30.0, now=NOW)
    holds.hung_up("a", progress=False, held_s=50.0, now=NOW + 1)
    assert holds.hold_s("a", progress=False, now=NOW + 1 + SEEN_COUNTS_S) == 40.0
    assert holds.hold_s("a", progress=False, now=NOW + 2 + SEEN_COUNTS_S) == 50.0


def test_of_very_many_the_oldest_are_forgotten() -> None:
    holds = Holds(50.0)
    for number in range(SEEN_MAX + 1):
        holds.hung_up(f"p{number}", progress=False, held_s=30.0, now=NOW)
    assert holds.hold_s("p0", progress=False, now=NOW) == 50.0
    assert holds.hold_s("p1", progress=False, now=NOW) == 24.0


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Request timed out", True),
        ("McpError: MCP error -32001: Request Timeout", True),
        ("the user pressed Escape", False),
        ("", False),
    ],
)
def test_only_some_reasons_say_that_time_ran_out(reason: str, expected: bool) -> None:
    assert is_timeout(reason) is expected
