"""What model requests may cost and did: reserved before they are sent, settled once."""

from __future__ import annotations

from msgspec.structs import replace

from agentgate_proto.records.session import EventKind
from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus, added
from agentgate_proto.sessions.budgets import Budgets, Objection, day_of
from agentgate_proto.sessions.context import Context, estimated
from agentgate_proto.sessions.run import Run
from agentgate_proto.sessions.session import Session


def reserve(
    budgets: Budgets, session: Session, run: Run, context: Context, now: float
) -> UsageRow | Objection:
    """Reserve what the next attempt may cost at the most; the row goes with the next write."""
    micros = most(run, context.tokens_max, context.request.max_tokens)
    principal, model = session.record.principal, run.model
    objection = budgets.reserve(principal, model.name, micros, now, forced=run.allowed)
    if objection is not None:
        return objection
    row = UsageRow(
        id=f"{run.id}.{run.iteration}.{run.tries}",  # never twice: tries count on
        session=session.id,
        principal=principal,
        run=run.id,
        model=model.name,
        model_id=model.model_id,
        at=now,
        day=day_of(now),
        status=UsageStatus.RESERVED,
        reserved_micros=micros,
        cost_micros=micros,
        usage=Usage(input=context.tokens, is_estimate=True),
        prices=model.pricing.version,
    )
    session.account(row)
    return row


def most(run: Run, read: int, written: int) -> int | None:
    """Return what so many tokens may cost at the most, in micro-dollars; None: nobody knows.

    What goes to a prompt cache costs more than what is only read.
    """
    prices = run.model.pricing
    plain = prices.cost(Usage(input=read, output=written), "")
    kept = prices.cost(Usage(input=read, output=written, cache_write=read), "")
    return None if plain is None or kept is None else max(plain, kept)


def settle(
    budgets: Budgets,
    session: Session,
    run: Run,
    now: float,
    *,
    billed: bool,
    is_whole: bool = False,
    model_id: str = "",
) -> None:
    """The attempt is over: what it took is known, or estimated.

    Args:
        budgets: what may be spent.
        session, run: whose.
        now: UTC seconds.
        billed: nobody has counted, but its vendor may have; False: it refused the request.
        is_whole: the answer has come to its end. Of one that has not, vendors have told what was
            read, and of what was written nothing, or not all.
        model_id: which model answered, if it says so.
    """
    attempt = run.attempt
    assert attempt is not None, "an attempt is over"
    run.attempt = None
    usage, written = attempt.usage, estimated(attempt.said)
    if usage is not None:
        session.last_tokens = attempt.estimate, usage.input
        if not is_whole and usage.output < written:
            usage = replace(usage, output=written, is_estimate=True)
    elif billed:
        usage = Usage(input=attempt.estimate, output=written, is_estimate=True)
    else:
        usage = Usage()
    cost = run.model.pricing.cost(usage, model_id) if usage != Usage() else 0
    if cost is None:  # its price was known, and is no more: it cost what it might have cost
        cost = attempt.row.reserved_micros
    row = replace(
        attempt.row,
        status=UsageStatus.SETTLED,
        usage=usage,
        cost_micros=cost,
        model_id=model_id or attempt.row.model_id,
    )
    session.account(row)
    budgets.settle(row.principal, row.model, row.day, row.reserved_micros, cost)
    run.usage = added(run.usage, usage)
    run.cost_micros += cost or 0
    run.unknown += cost is None
    data = {
        "run": run.id,
        "iteration": run.iteration,
        "attempt": run.tries,
        "model": row.model,
        "model_id": row.model_id,
        "usage": usage,
        "cost_micros": cost,
    }
    session.log.append(EventKind.USAGE, data, now)
