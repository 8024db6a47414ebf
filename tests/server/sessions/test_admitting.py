"""Which calls about sessions are taken."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.server.sessions.test_inspections import Told

from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    InspectSession,
    ListSessions,
    SendMessage,
    SetMetadata,
)
from agentgate_proto.rpc.usage_methods import ListModels, ReportUsage
from agentgate_server.sessions.admitting import Admitting
from agentgate_server.sessions.inspections import INSPECTIONS_MAX

NOW = 1_000.0


class Rates:
    """Counts, and objects when it is told to."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, float, int]] = []
        self.capped: list[tuple[str, str]] = []
        self.objection: tuple[str, float] | None = None

    def __call__(self, principal: str, now: float, size: int) -> tuple[str, float] | None:
        if self.objection is None:
            self.counted.append((principal, now, size))
        return self.objection

    def cap(self, owner: str, cap: str) -> None:
        self.capped.append((owner, cap))


def admitted(rates: Rates, params: msgspec.Struct, told: Told | None = None) -> Any:
    told = told or Told()
    return Admitting(rates, rates.cap).admit("ann", "relay", params, told, NOW)


def test_what_makes_work_counts_against_the_rates_of_who_calls() -> None:
    rates = Rates()
    for params in (
        DeleteSession(session="s"),
        InspectSession(session="s"),
        ListSessions(),
        ReportUsage(),
        SetMetadata(session="s", metadata=msgspec.Raw(b"{}")),
    ):
        assert admitted(rates, params) is not None
    assert rates.counted == [("relay", NOW, 0)] * 5


def test_what_is_kept_counts_by_its_bytes() -> None:
    rates = Rates()
    admitted(rates, SendMessage(session="s", text="x" * 50_000, message_id="m"))
    admitted(rates, CreateSession(metadata={"x": "x" * 9_000}))
    (_, _, said), (_, _, made) = rates.counted
    assert 50_000 < said < 50_200
    assert 9_000 < made < 9_200


def test_who_looks_on_or_stops_is_always_let_in() -> None:
    rates, told = Rates(), Told()
    rates.objection = ("too much", 2.0)
    for params in (
        AttachSession(session="s"),
        CancelRun(session="s"),
        GetSession(session="s"),
        ListModels(),
    ):
        assert admitted(rates, params, told) is told
    assert told.answers == []


def test_who_calls_too_often_is_told_for_how_long() -> None:
    rates, told = Rates(), Told()
    rates.objection = ("more than 600 requests a minute", 1.23456)
    assert admitted(rates, DeleteSession(session="s"), told) is None
    words = (ErrorCode.LIMIT_EXCEEDED, "more than 600 requests a minute", {"retry_after_s": 1.235})
    assert told.answers == [words]
    assert rates.capped == [("relay", "requests")]


def test_only_so_many_contexts_are_looked_at_at_once() -> None:
    rates, told = Rates(), Told()
    admitting = Admitting(rates, rates.cap)
    params = InspectSession(session="s")
    looks = [admitting.admit("ann", "ann", params, told, NOW) for _ in range(INSPECTIONS_MAX + 1)]
    assert looks[-1] is None
    assert None not in looks[:-1]
