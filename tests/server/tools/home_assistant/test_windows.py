"""Windows: every way to say from when until when, at a time that the test tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agentgate_server.errors import ArgumentError
from agentgate_server.tools.home_assistant.windows import told, window_of

NOW = datetime(2026, 3, 10, 12, 0, 0, 500_000, UTC).timestamp()


@pytest.mark.parametrize(
    ("args", "start", "end"),
    [
        ({}, "2026-03-09T12:00:00+00:00", "2026-03-10T12:00:00+00:00"),
        ({"hours": 1.5}, "2026-03-10T10:30:00+00:00", "2026-03-10T12:00:00+00:00"),
        ({"start": "2026-03-08T00:00Z"}, "2026-03-08T00:00:00+00:00", "2026-03-10T12:00:00+00:00"),
        (
            {"start": "2026-03-08T01:00+01:00", "hours": 2},
            "2026-03-08T00:00:00+00:00",
            "2026-03-08T02:00:00+00:00",
        ),
        ({"end": "2026-03-08T06:00", "hours": 6}, "2026-03-08T00:00:00", "2026-03-08T06:00:00"),
        ({"start": "2026-03-08"}, "2026-03-08T00:00:00", "2026-03-09T00:00:00"),
        (
            {"start": "2026-03-08", "end": "2026-03-10"},
            "2026-03-08T00:00:00",
            "2026-03-10T00:00:00",
        ),
        ({"start": "2027-01-01T00Z"}, "2027-01-01T00:00:00+00:00", "2027-01-02T00:00:00+00:00"),
    ],
)
def test_a_window_behind(args: dict[str, Any], start: str, end: str) -> None:
    window = window_of(args, NOW, 24)
    assert (window.start.isoformat(), window.end.isoformat()) == (start, end)


@pytest.mark.parametrize(
    ("args", "start", "end"),
    [
        ({}, "2026-03-10T12:00:00+00:00", "2026-03-11T12:00:00+00:00"),
        ({"hours": 1}, "2026-03-10T12:00:00+00:00", "2026-03-10T13:00:00+00:00"),
        ({"start": "2026-03-01T00:00Z"}, "2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00"),
        ({"end": "2026-03-12"}, "2026-03-11T00:00:00", "2026-03-12T00:00:00"),
    ],
)
def test_a_window_ahead(args: dict[str, Any], start: str, end: str) -> None:
    window = window_of(args, NOW, 24, ahead=True)
    assert (window.start.isoformat(), window.end.isoformat()) == (start, end)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"start": "yesterday"}, "'start' must be a time such as 2026-01-31T08:00"),
        ({"end": 5}, "'end' must be a time such as"),
        ({"start": "1" * 65}, "'start' must be a time such as"),
        ({"start": "0001-01-01T00:00+23:00"}, "'start' must be a time such as"),
        ({"end": "0001-01-01"}, "must be in this millennium"),
        ({"start": "9999-12-31"}, "must be in this millennium"),
        ({"hours": 0}, "'hours' must be a number above 0 and at most 744"),
        ({"hours": 745}, "'hours' must be a number"),
        ({"hours": True}, "'hours' must be a number"),
        ({"hours": float("nan")}, "'hours' must be a number"),
        ({"start": "2026-03-08", "end": "2026-03-09", "hours": 1}, "give two of 'start', 'end'"),
        ({"start": "2026-03-08", "end": "2026-03-08"}, "'end' must be after 'start'"),
        ({"start": "2026-03-08Z", "end": "2026-03-09"}, "'start' must be a time"),
        (
            {"start": "2026-03-08T00Z", "end": "2026-03-09"},
            "both 'start' and 'end' with a zone, or",
        ),
        (
            {"start": "2026-01-01T00Z"},
            "from 'start' to 'end' may be 744 hours at most: ask in parts",
        ),
    ],
)
def test_what_is_no_window_is_refused(args: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        window_of(args, NOW, 24)


def test_a_window_in_a_zone_is_that_of_the_house() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    asked = window_of({"start": "2026-03-08T00:00", "hours": 1}, NOW, 24)
    assert asked.within(berlin).start.isoformat() == "2026-03-08T00:00:00+01:00"
    assert asked.within(None) == asked
    asked = window_of({"start": "2026-03-08T00:00Z", "hours": 1}, NOW, 24)
    assert asked.within(berlin).end.isoformat() == "2026-03-08T02:00:00+01:00"


def test_times_are_told_in_the_zone_without_fractions_and_nothing_else_is_changed() -> None:
    assert told("2026-03-08T01:02:03.456789+00:00", None) == "2026-03-08T01:02:03+00:00"
    berlin = ZoneInfo("Europe/Berlin")
    assert told("2026-07-08T01:02:03.456789+00:00", berlin) == "2026-07-08T03:02:03+02:00"
    for other in ("today", 5, None, "1" * 65, "0001-01-01T00:00+00:00"):
        assert told(other, ZoneInfo("America/New_York")) == other
