"""What an attempt cost: as its vendor counted, or as much as was seen of it."""

from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.limits import SessionLimits
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.prices import ModelPrices, Price
from agentgate_proto.records.session import EventKind, OpenRun, SessionRecord
from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus
from agentgate_proto.sessions.budgets import Budget, Budgets
from agentgate_proto.sessions.history import History
from agentgate_proto.sessions.run import Attempt, Run
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.spending import settle

NOW = 1_795_000_000.0
MODEL = ModelInfo(
    name="m",
    model_id="m-1",
    backend="rehearsal",
    max_tokens=10,
    context_tokens=100,
    pricing=ModelPrices(
        "m-1", find=lambda name: None, configured=Price(input=1_000_000, output=10_000_000)
    ),
)


def settled(
    usage: Usage | None, said: int, *, billed: bool = True, is_whole: bool = False
) -> tuple[Usage, int]:
    """Settle an attempt that has said so many characters; return what it took and cost."""
    record = SessionRecord(
        id="s", principal="p", epoch="e", model="m", created_at=NOW, updated_at=NOW
    )
    session = Session(record, History(1_000, 100), SessionLimits())
    stored = OpenRun(id="r", message_id="i", first=0, model="m", max_iterations=1, started_at=NOW)
    run = Run(stored, MODEL)
    budgets = Budgets(
        [Budget(name="b", principal="*", model="*", per="day", limit_micros=10**6, over="deny")]
    )
    assert budgets.reserve("p", "m", 500, NOW) is None
    row = UsageRow(
        id="r.1.1",
        session="s",
        principal="p",
        run="r",
        model="m",
        model_id="m-1",
        at=NOW,
        day="2026-11-18",
        status=UsageStatus.RESERVED,
        reserved_micros=500,
    )
    run.attempt = Attempt("c", row, estimate=20, first=0)
    run.attempt.usage, run.attempt.said = usage, said
    settle(budgets, session, run, NOW, billed=billed, is_whole=is_whole)
    assert run.attempt is None
    told = session.log.newest()
    assert told.kind is EventKind.USAGE
    data = msgspec.json.decode(told.data)
    assert msgspec.convert(data["usage"], Usage) == run.usage
    (line,) = budgets.lines("p", NOW)
    assert line.spent_micros == data["cost_micros"]
    return run.usage, data["cost_micros"]


@pytest.mark.parametrize(
    ("usage", "said", "is_whole", "wanted"),
    [
        (Usage(input=9, output=2), 40, True, Usage(input=9, output=2)),
        (Usage(input=9, output=0), 40, False, Usage(input=9, output=10, is_estimate=True)),
        (Usage(input=9, output=12), 40, False, Usage(input=9, output=12)),
        (Usage(input=9, cache_read=3), 0, False, Usage(input=9, cache_read=3)),
        (None, 41, False, Usage(input=20, output=11, is_estimate=True)),
        (None, 0, False, Usage(input=20, is_estimate=True)),
    ],
)
def test_what_an_attempt_took_is_counted_or_what_was_seen_of_it(
    usage: Usage | None, said: int, is_whole: bool, wanted: Usage
) -> None:
    assert settled(usage, said, is_whole=is_whole) == (wanted, wanted.input + 10 * wanted.output)


def test_a_request_that_was_refused_costs_nothing() -> None:
    assert settled(None, 0, billed=False) == (Usage(), 0)
