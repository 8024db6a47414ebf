"""Durations on a command line."""

from __future__ import annotations

import click
import pytest

from agentgate_cli.arguments import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("0.5", 0.5), ("1h30m", 5_400.0), (" 15m ", 900.0)]
)
def test_seconds_and_durations_are_taken(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "10 min", "nan", "inf", "0", "0s", "-5", "1e999"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


def test_a_number_is_refused_where_its_unit_could_be_minutes() -> None:
    with pytest.raises(click.BadParameter, match="'10' is no duration: write it as in 90s"):
        Duration(bare=False).convert("10", None, None)


def test_bounds_are_said() -> None:
    span = Duration(least_s=0.1, most_s=600)
    assert span.convert("10m", None, None) == 600.0
    with pytest.raises(click.BadParameter, match=r"'11m' must be 0.1 to 600 s"):
        span.convert("11m", None, None)
    with pytest.raises(click.BadParameter, match=r"'0' must be above 0"):
        Duration().convert("0", None, None)
