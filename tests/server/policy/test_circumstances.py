"""Rules that depend on who asks, for which kind of tool, when, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.policy.helpers import action, rules

from agentgate_proto.records.request import Effects
from agentgate_server.policy import rates
from agentgate_server.policy.hours import DAYS, own_zone_doubt, parse_hours
from agentgate_server.policy.rates import Rate, Rates, parse_rate


def at(text: str) -> float:
    """UTC seconds of a UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_rules_may_be_for_some_agents() -> None:
    policy = rules('agents: [bob, "kids-*"], action: deny', 'pattern: "*", action: allow')
    assert action(policy, "f", agent="bob") == "deny"
    assert action(policy, "f", agent="kids-room") == "deny"
    assert action(policy, "f", agent="bobby") == "allow"
    assert action(policy, "f", agent="Bob") == "allow"


def test_rules_may_be_for_tools_that_write() -> None:
    policy = rules("effects: write, action: deny", "effects: read, action: allow")
    assert action(policy, "f", effects=Effects.WRITE) == "deny"
    assert action(policy, "f", effects=Effects.READ) == "allow"


def test_rules_may_be_for_several_tools() -> None:
    policy = rules('tool: [stop, "re*"], action: deny')
    assert [action(policy, tool) for tool in ("stop", "restart", "start")] == [
        "deny",
        "deny",
        "ask",
    ]


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        ('"08:00-22:00", tz: UTC', "2026-11-20T07:59:59", "ask"),
        ('"08:00-22:00", tz: UTC', "2026-11-20T08:00:00", "allow"),
        ('"08:00-22:00", tz: UTC', "2026-11-20T21:59:59", "allow"),
        ('"08:00-22:00", tz: UTC', "2026-11-20T22:00:00", "ask"),
        ('"00:00-24:00", tz: UTC', "2026-11-20T23:59:59", "allow"),
        ('"22:00-06:00", tz: UTC', "2026-11-20T23:00:00", "allow"),
        ('"22:00-06:00", tz: UTC', "2026-11-20T05:59:00", "allow"),
        ('"22:00-06:00", tz: UTC', "2026-11-20T06:00:00", "ask"),
        # 20 November 2026 is a Friday.
        ('"08:00-22:00", tz: UTC, days: [fri]', "2026-11-20T12:00:00", "allow"),
        ('"08:00-22:00", tz: UTC, days: [Mon, TUE]', "2026-11-20T12:00:00", "ask"),
        ('"22:00-06:00", tz: UTC, days: [fri]', "2026-11-21T05:00:00", "allow"),
        ('"22:00-06:00", tz: UTC, days: [fri]', "2026-11-20T05:00:00", "ask"),
        # Berlin is an hour ahead of UTC in winter, two in summer.
        ('"08:00-22:00", tz: Europe/Berlin', "2026-11-20T07:00:00", "allow"),
        ('"08:00-22:00", tz: Europe/Berlin', "2026-07-20T06:00:00", "allow"),
        ('"08:00-22:00", tz: Europe/Berlin', "2026-07-20T20:00:00", "ask"),
    ],
)
def test_rules_may_be_for_some_hours(hours: str, moment: str, expected: str) -> None:
    policy = rules(f"tool: f, hours: {{between: {hours}}}, action: allow")
    assert action(policy, "f", now=at(moment)) == expected


def test_hours_without_a_zone_are_the_gateways_own() -> None:
    policy = rules('tool: f, hours: "08:00-22:00", action: allow')
    noon = datetime.fromtimestamp(at("2026-11-20T12:00:00")).astimezone().replace(hour=12)
    assert action(policy, "f", now=noon.timestamp()) == "allow"
    assert action(policy, "f", now=noon.replace(hour=3).timestamp()) == "ask"


@given(st.integers(0, 1_439), st.integers(0, 1_439), st.integers(0, 10_080))
def test_each_minute_of_the_week_is_within_hours_or_within_their_complement(
    first: int, end: int, minute: int
) -> None:
    if first == end:
        return
    one, other = (
        f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}"
        for a, b in ((first, end), (end, first))
    )
    now = (datetime(2026, 11, 16, tzinfo=UTC) + timedelta(minutes=minute)).timestamp()
    inside = parse_hours(one, DAYS, "UTC").contain(now)
    assert inside is not parse_hours(other, DAYS, "UTC").contain(now)


def test_a_rate_lets_so_many_through_in_any_minute() -> None:
    policy = rules("tool: f, rate: 2/min, action: allow", "tool: f, agents: x, action: deny")
    found = [action(policy, "f", now=now) for now in (0.0, 30.0, 59.0, 60.0, 61.0, 90.0)]
    assert found == ["allow", "allow", "ask", "allow", "ask", "allow"]


def test_each_agent_and_each_rule_has_its_own_count() -> None:
    policy = rules("tool: f, rate: 1/min, action: allow", "tool: g, rate: 1/min, action: allow")
    assert action(policy, "f", agent="a") == "allow"
    assert action(policy, "f", agent="b") == "allow"
    assert action(policy, "g", agent="a") == "allow"
    assert action(policy, "f", agent="a") == "ask"


def test_beyond_its_rate_a_rule_leaves_the_decision_to_the_next() -> None:
    policy = rules(
        "tool: f, rate: 1/h, action: allow, description: first",
        "tool: f, rate: 2/hour, action: allow, description: second",
    )
    assert [action(policy, "f") for _ in range(4)] == ["allow", "allow", "allow", "ask"]


def test_only_what_a_rule_allows_is_counted() -> None:
    policy = rules(
        "tool: f, args: {x: 1}, rate: 1/min, action: allow", "tool: f, args: {y: 1}, action: deny"
    )
    for args in ({"x": 2}, {"x": 1, "y": 1}, {"x": 1, "z": 1}):
        assert action(policy, "f", args) != "allow"
    assert action(policy, "f", {"x": 1}) == "allow"


@given(
    st.integers(1, 5),
    st.lists(st.floats(min_value=-100, max_value=100), max_size=30),
    st.floats(min_value=1, max_value=60),
)
def test_no_period_sees_more_than_the_rate_whatever_the_clock_does(
    count: int, steps: list[float], period_s: float
) -> None:
    counts, rate = Rates(), Rate(count, period_s)
    now = 0.0
    taken: list[float] = []
    for step in steps:
        now += step
        if counts.take(1, "a", rate, now):
            # A clock that was put back stands still for us until it has caught up.
            taken.append(max(now, *taken[-1:]) if taken else now)
    for first, last in zip(taken, taken[count:], strict=False):
        assert last - first >= period_s


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "COUNTERS_MAX", 2)
    policy = rules("tool: f, rate: 5/min, action: allow")
    found = [action(policy, "f", agent=agent) for agent in ("a", "b", "c", "a")]
    assert found == ["allow", "allow", "ask", "allow"]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/min", Rate(10, 60.0)),
        ("5 / s", Rate(5, 1.0)),
        ("100/hour", Rate(100, 3_600.0)),
        ("1/h", Rate(1, 3_600.0)),
    ],
)
def test_rates_are_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    ("zone", "is_one"),
    [
        ("", True),
        ("UTC", True),
        (":Europe/Berlin", True),
        ("/usr/share/zoneinfo/UTC", True),
        ("CET-1CEST,M3.5.0,M10.5.0/3", True),
        ("<+03>-3", True),
        ("TZ=America/Chicago", False),
        ("Europe/Berln", False),
        ("../etc/passwd", False),
    ],
)
def test_a_time_zone_that_names_nothing_is_doubted(zone: str, is_one: bool) -> None:
    doubt = own_zone_doubt({"TZ": zone})
    assert doubt == (
        "" if is_one else f"TZ={zone!r} names no time zone, so the gateway's own time is UTC"
    )
