"""What can be seen of sessions: lists, contexts, usage, and where a watcher begins."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import LIST_BYTES_MAX
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.session import (
    ListSessions as ListSessionsQuery,
)
from agentgate_proto.records.session import (
    SessionRecord,
    SumUsage,
    UsageBy,
)
from agentgate_proto.records.session_views import SectionName, SessionView, session_view
from agentgate_proto.records.storage import SessionAnswer
from agentgate_proto.records.usage import MICROS, Usage, UsageSum, added
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    Gap,
    Inspection,
    InspectSession,
    ListSessions,
    SessionList,
)
from agentgate_proto.rpc.usage_methods import (
    ModelList,
    ModelRow,
    ReportUsage,
    UsageLine,
    UsageReport,
)
from agentgate_proto.sessions.book import Book
from agentgate_proto.sessions.budgets import Budgets
from agentgate_proto.sessions.context import assemble, common_prefix, sections_of
from agentgate_proto.sessions.effects import Done, Effect, Question, Refused
from agentgate_proto.sessions.material import Material
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import Settings
from agentgate_proto.sessions.starting import NOT_FOUND

ROW_BYTES = 500
"""What a session takes in a list besides its metadata, about."""

QUOTED_TOKENS = 10_000
"""How large the request is whose price a model is listed with.

A million tokens at once would be quoted at the dearer rate that some vendors have for requests of
more than 128,000 or 200,000, and hardly one is so large. Prices of a hundredth of a cent are told
apart.
"""


class Listing(msgspec.Struct, frozen=True):
    """Token of a list of sessions."""

    ticket: Any
    limit: int


class Reporting(msgspec.Struct, frozen=True, kw_only=True):
    """Token of a report of usage.

    Attributes:
        ticket: who asked.
        query: what the store was asked.
        rows: what it has answered, if there are others, and their total is asked for.
    """

    ticket: Any
    query: SumUsage
    rows: list[UsageLine] = []


class Inspecting(msgspec.Struct, frozen=True, kw_only=True):
    """Token of a context that somebody wants to see."""

    ticket: Any
    params: InspectSession


class Contexts:
    """Shows people what models would be sent.

    Args:
        effects: the output queue of the sessions.
        book: the sessions in memory.
        settings: which models there are.
    """

    def __init__(self, effects: deque[Effect], book: Book, settings: Settings) -> None:
        self._effects = effects
        self._book = book
        self._settings = settings

    def ask(self, session: Session, ticket: Any, params: InspectSession) -> None:
        """Somebody wants to see the context of a session, which stays in memory for that."""
        name = params.model or self._settings.model_of(session.record)
        if name in self._settings.models:
            session.pins += 1
            token = Inspecting(ticket=ticket, params=params)
            self._effects.append(session.preparing(name, token))
        else:
            text = f"there is no model {name!r}"
            self._effects.append(Refused(ticket, ErrorCode.MODEL_FAILED, text))

    def prepared(self, session: Session | None, token: Inspecting, material: Material) -> None:
        """What it is made of is known; the session may be gone."""
        if session is None:
            self._effects.append(Refused(token.ticket, ErrorCode.SESSION_NOT_FOUND, NOT_FOUND))
            return
        info = self._settings.info_of(token.params.model or self._settings.model_of(session.record))
        prompt = self._settings.prompt_of(session.record)
        result = inspected(session, token.params, material, info, prompt)
        self._effects.append(Done(token.ticket, result))
        self._book.unpin(session.id)

    def not_prepared(self, name: str, token: Inspecting, problem: str) -> None:
        """It can't be found out what the context of that session is made of."""
        self._book.unpin(name)
        self._effects.append(Refused(token.ticket, ErrorCode.INTERNAL_ERROR, problem))


def list_sessions(
    effects: deque[Effect], ticket: Any, whose: str | None, params: ListSessions
) -> None:
    """Ask the store for a list, of one session more than is wanted."""
    query = ListSessionsQuery(whose, params.limit + 1, params.before, params.user_id)
    effects.append(Question(query, Listing(ticket, params.limit)))


def listed(token: Listing, answer: SessionAnswer) -> Effect:
    """Make a list of what the store has answered."""
    if not isinstance(answer, list):
        text = "there is no session with the id that is named in before"
        return Refused(token.ticket, ErrorCode.SESSION_NOT_FOUND, text)
    page: list[SessionView] = []
    size = 0
    for record in answer[: token.limit]:
        assert isinstance(record, SessionRecord), "sessions were asked for"
        size += ROW_BYTES + len(bytes(record.metadata)) + len(record.workspace)
        if page and size > LIST_BYTES_MAX:
            break
        page.append(session_view(record))
    return Done(token.ticket, SessionList(sessions=page, more=len(page) < len(answer)))


def report_usage(
    effects: deque[Effect], ticket: Any, whose: str | None, params: ReportUsage
) -> None:
    """Ask the store for sums of usage."""
    query = SumUsage(params.by, whose, params.session, params.since)
    effects.append(Question(query, Reporting(ticket=ticket, query=query)))


def reported(
    token: Reporting, answer: SessionAnswer, budgets: Budgets, prices: str, now: float
) -> Effect:
    """Make a report of what the store has answered, or ask for the total of more than it tells."""
    sums = answer if isinstance(answer, list) else []
    rows, query = [line_of(row) for row in sums if isinstance(row, UsageSum)], token.query
    if len(rows) >= query.limit and query.by is not UsageBy.TOTAL:
        whole = msgspec.structs.replace(query, by=UsageBy.TOTAL)
        return Question(whole, Reporting(ticket=token.ticket, query=whole, rows=rows))
    report = UsageReport(
        rows=token.rows or rows,
        total=total_of(rows),
        budgets=budgets.lines(query.principal, now),
        prices=prices,
    )
    return Done(token.ticket, report)


def line_of(row: UsageSum) -> UsageLine:
    """Show a sum."""
    return UsageLine(
        key=row.key,
        usage=row.usage,
        cost_micros=row.cost_micros,
        unknown=row.unknown,
        requests=row.requests,
        reserved_micros=row.reserved_micros,
    )


def total_of(rows: Sequence[UsageLine]) -> UsageLine:
    """Return the sum of all lines."""
    usage = Usage()
    for row in rows:
        usage = added(usage, row.usage)
    return UsageLine(
        key=UsageBy.TOTAL.value,
        usage=usage,
        cost_micros=sum(row.cost_micros for row in rows),
        unknown=sum(row.unknown for row in rows),
        requests=sum(row.requests for row in rows),
        reserved_micros=sum(row.reserved_micros for row in rows),
    )


def attached(session: Session, params: AttachSession) -> Attached:
    """Say where a watcher begins: at its cursor, if the log has that."""
    log, record = session.log, session.record
    run = session.run.stored if session.run is not None else None
    offset = params.offset
    gap: Gap = ""
    if offset is None:
        offset = max(run.first, log.oldest) if run is not None else log.visible
    elif params.epoch != record.epoch:
        gap = "epoch"
    elif offset > log.next:
        gap = "ahead"
    elif offset < log.oldest:
        gap = "retention"
    return Attached(
        epoch=record.epoch,
        offset=log.oldest if gap else offset,
        next=log.next,
        run=run.id if run is not None else "",
        waiting=[message.run for message in record.queue],
        gap=gap,
        oldest=log.oldest if gap else 0,
    )


def inspected(
    session: Session,
    params: InspectSession,
    material: Material,
    info: ModelInfo,
    system_prompt: str,
) -> Inspection:
    """Show exactly what a model would be sent."""
    context = assemble(
        session.history, material, info, system_prompt=system_prompt, text=params.text
    )
    body = context.encoded.body
    prefix, breaks_at = cache_prefix(session.last_body, context.encoded.spans, body)
    estimate, counted = session.last_tokens
    sections = sections_of(context, info, context.tokens)
    return Inspection(
        model=info.name,
        model_id=info.model_id,
        backend=info.backend,
        sections=sections,
        envelope_bytes=len(body) - sum(section.bytes for section in sections),
        bytes=len(body),
        tokens=context.tokens,
        cost_micros=info.pricing.cost(Usage(input=context.tokens), ""),
        context_tokens=info.context_tokens,
        left_out=list(context.left_out),
        cache_prefix_bytes=prefix,
        breaks_at=breaks_at,
        estimate_off=round(estimate / counted, 3) if counted else None,
        body=body.decode(),
    )


def with_count(inspection: Inspection, info: ModelInfo, tokens: int) -> Inspection:
    """Put what a vendor has counted in the place of an estimate; sections have their shares."""
    whole = max(inspection.bytes, 1)
    sections = []
    for section in inspection.sections:
        share = -(-tokens * section.bytes // whole)
        cost = info.pricing.cost(Usage(input=share), "")
        sections.append(msgspec.structs.replace(section, tokens=share, cost_micros=cost))
    return msgspec.structs.replace(
        inspection,
        sections=sections,
        tokens=tokens,
        counted=True,
        cost_micros=info.pricing.cost(Usage(input=tokens), ""),
    )


def cache_prefix(
    last: bytes, spans: Sequence[Any], body: bytes
) -> tuple[int | None, SectionName | None]:
    """Say how much of a request is as the last one began, and in which section that ends."""
    if not last:
        return None, None
    prefix = common_prefix(last, body)
    if prefix == len(body):
        return prefix, None
    return prefix, next((span.section for span in spans if prefix < span.end), None)


def models_of(models: dict[str, ModelInfo] | Any, default: str) -> ModelList:
    """List the models."""
    rows = []
    for name in sorted(models):
        info: ModelInfo = models[name]
        rows.append(
            ModelRow(
                name=name,
                model_id=info.model_id,
                backend=info.backend,
                is_default=name == default,
                context_tokens=info.context_tokens,
                input_micros=per_million(info, Usage(input=QUOTED_TOKENS)),
                output_micros=per_million(info, Usage(output=QUOTED_TOKENS)),
            )
        )
    return ModelList(rows)


def per_million(info: ModelInfo, usage: Usage) -> int | None:
    """Return what a million tokens cost, from what ``QUOTED_TOKENS`` of them cost."""
    micros = info.pricing.cost(usage, "")
    return None if micros is None else micros * MICROS // QUOTED_TOKENS
