"""The methods about what models cost: usage, budgets, prices. ``messages.METHODS`` has them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.records.session import UsageBy
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import Name

Day = Annotated[str, msgspec.Meta(pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]


class ReportUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say what model requests took: the caller's own; an operator sees everybody's.

    Attributes:
        by: what the rows are about.
        session: only of this session; "": of all.
        since: only from this day (UTC) on, ``2026-11-29``; "": from the first.
    """

    by: UsageBy = UsageBy.MODEL
    session: Name = ""
    since: Day = ""


class UsageLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a report.

    Attributes:
        key: the model, the day, the principal or the session.
        usage: tokens; input includes what came from the cache.
        cost_micros: in millionths of a dollar; of those whose cost is known.
        unknown: requests whose cost nobody knows.
        requests: how many.
        reserved_micros: of ``cost_micros``, what is reserved for requests that are under way.
    """

    key: str
    usage: Usage
    cost_micros: int
    unknown: int = 0
    requests: int = 0
    reserved_micros: int = 0


class BudgetLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a budget stands that counts for the caller.

    Attributes:
        name: the budget's.
        principal, model: for whom and for what; "*": for each, or all.
        per: "day" or "month", UTC.
        limit_micros, spent_micros: what may be spent, and what was, reserved money included.
        over: what is done beyond it: "deny" or "ask".
    """

    name: str
    principal: str
    model: str
    per: str
    limit_micros: int
    spent_micros: int
    over: str


class UsageReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What model requests took.

    Attributes:
        rows: one for each key, the dearest first; days the newest first. The first thousand.
        total: of all, of those that have no row as well.
        budgets: those that count for the caller.
        prices: the version of the price table.
    """

    rows: list[UsageLine]
    total: UsageLine
    budgets: list[BudgetLine] = []
    prices: str = ""


class ListModels(msgspec.Struct, frozen=True, kw_only=True):
    """List the models that the caller may talk to."""


class ModelRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model.

    Attributes:
        name: what to ask for.
        model_id: what its vendor calls it.
        backend: who is asked: "anthropic", "openai", "process" or "rehearsal".
        is_default: it is the one for sessions that name none.
        context_tokens: how many tokens it is given to read at the most.
        input_micros, output_micros: what a million tokens cost; None: nobody knows.
    """

    name: str
    model_id: str
    backend: str
    is_default: bool = False
    context_tokens: int = 0
    input_micros: int | None = None
    output_micros: int | None = None


class ModelList(msgspec.Struct, frozen=True):
    """The models, by name."""

    models: list[ModelRow]
