"""Failed logins: a few are told one by one, a flood by its number."""

from __future__ import annotations

import math

from agentgate_proto.audit.logins import (
    AT_ONCE_MAX,
    LOGIN_FAILURES_MAX,
    PER_DAY_MAX,
    WINDOW_S,
    FailedLogins,
)
from agentgate_proto.quotas.denials import DAY_S, HOUR_S
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.rpc.behalf import OnBehalf

MORE = "more, told together"


def flood(logins: FailedLogins, count: int, now: float) -> list[AuditEntry]:
    return [entry for n in range(count) for entry in logins.failed(f"10.0.0.{n}", now)]


def test_a_few_failures_are_told_one_by_one() -> None:
    logins = FailedLogins()
    assert flood(logins, 2, 5.0) == [
        AuditEntry(event="login.failed", address="10.0.0.0"),
        AuditEntry(event="login.failed", address="10.0.0.1"),
    ]
    assert logins.due(5.0 + WINDOW_S) == []


def test_a_flood_is_told_by_its_number_when_its_minute_is_over() -> None:
    logins = FailedLogins()
    assert len(flood(logins, 1_000, 5.0)) == LOGIN_FAILURES_MAX
    assert logins.due(4.9 + WINDOW_S) == []
    rest = AuditEntry(event="login.failed", count=1_000 - LOGIN_FAILURES_MAX, detail=MORE)
    assert logins.due(5.0 + WINDOW_S) == [rest]
    assert logins.due(6.0 + WINDOW_S) == []


def test_the_next_failure_closes_the_minute_too() -> None:
    logins = FailedLogins()
    flood(logins, LOGIN_FAILURES_MAX + 1, 5.0)
    assert logins.failed("10.0.0.9", 6.0 + WINDOW_S) == [
        AuditEntry(event="login.failed", count=1, detail=MORE),
        AuditEntry(event="login.failed", address="10.0.0.9"),
    ]


def test_the_end_closes_it_at_once() -> None:
    logins = FailedLogins()
    flood(logins, LOGIN_FAILURES_MAX + 3, 5.0)
    assert logins.due(math.inf) == [AuditEntry(event="login.failed", count=3, detail=MORE)]


def test_wrong_passwords_of_agents_are_told_by_themselves() -> None:
    logins = FailedLogins("agent.login_failed")
    (entry,) = logins.failed("10.0.0.1", 5.0, agent="house", principal="wall")
    assert entry == AuditEntry(
        event="agent.login_failed", address="10.0.0.1", agent="house", principal="wall"
    )
    behalf = OnBehalf(principal="ann", hops=("e1",))
    (entry,) = logins.failed("10.0.0.1", 5.0, agent="house", principal="front", behalf=behalf)
    assert (entry.principal, entry.on_behalf_of, entry.hops) == ("front", "ann", ("e1",))
    for number in range(LOGIN_FAILURES_MAX - 1):
        logins.failed("10.0.0.1", 6.0 + number)
    (rest,) = logins.due(math.inf)
    assert (rest.event, rest.count) == ("agent.login_failed", 1)


def test_a_flood_that_goes_on_for_days_has_little_room_and_is_counted_to_the_last() -> None:
    logins = FailedLogins()
    entries = []
    days, each_s = 30, 5.0
    for number in range(int(days * DAY_S / each_s)):
        entries += logins.failed("10.0.0.1", number * each_s)
    assert AT_ONCE_MAX < len(entries) <= AT_ONCE_MAX + days * (PER_DAY_MAX + 24) + 1
    entries += logins.due(math.inf)
    told = sum(entry.count or 1 for entry in entries)
    assert told == int(days * DAY_S / each_s)


def test_what_has_no_room_waits_for_it_and_no_longer_than_an_hour() -> None:
    logins = FailedLogins()
    now = 0.0
    while logins.failed("10.0.0.1", now):
        now += WINDOW_S
    assert logins.due(now + WINDOW_S) == []
    rest = AuditEntry(event="login.failed", count=1, detail=MORE)
    assert logins.due(now + HOUR_S) == [rest]
    assert logins.due(now + 2 * HOUR_S) == []
    logins.failed("10.0.0.1", now + 2 * HOUR_S)
