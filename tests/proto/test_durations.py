"""Durations: what people write, what is meant, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.durations import FORM, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("15m", 900.0),
        ("1h30m", 5_400.0),
        ("2d", 172_800.0),
        ("1.5h", 5_400.0),
        ("0.25s", 0.25),
        ("0s", 0.0),
        ("1d2h3m4.5s", 93_784.5),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "m", "-5m", "1e3s", "10 m", " 1m", "1m ", "٣m", "1M", "5min", "1w"),
        *("30m1h", "1m1m", "1.5h30m", "1.h", ".5h", "1.2345s", "1234567890s", "1h30", "1m\n"),
    ],
)
def test_what_is_none_is_refused_and_told_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=FORM):
        parse_duration(text)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match=r"^'9{40}' is no duration"):
        parse_duration("9" * 10_000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0004, "0s"),
        (0.25, "0.25s"),
        (59.9996, "1m"),
        (90.0, "1m30s"),
        (900.0, "15m"),
        (5_400.0, "1h30m"),
        (86_400.0, "1d"),
        (93_784.5, "1d2h3m4.5s"),
    ],
)
def test_seconds_are_written_shortly(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10**12))
@quick
def test_what_is_written_is_read_as_the_same(thousandths: int) -> None:
    seconds = thousandths / 1_000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.0005)


@given(st.text(alphabet="0123456789.dhms -", max_size=30))
@quick
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0.0
