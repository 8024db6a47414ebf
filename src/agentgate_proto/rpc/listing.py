"""Lists: rows that are short enough to be many, in replies that have a bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from agentgate_proto.limits import LIST_BYTES_MAX, LIST_ROWS_MAX, LISTED_BYTES_MAX
from agentgate_proto.records.approval import ApprovalView, GrantView, approval_status
from agentgate_proto.records.request import Record, rfc3339
from agentgate_proto.rpc.results import RequestRow
from agentgate_proto.rpc.wire_results import RowError

CUT = "…"
"""The end of a text that is not whole."""

Row = TypeVar("Row", bound=msgspec.Struct)


def request_row(record: Record) -> RequestRow:
    """A request as ``list_requests`` shows it, whole."""
    outcome = record.outcome
    failed = outcome is not None and outcome.code
    return RequestRow(
        id=record.rid,
        agent=record.principal,
        client_id=record.client_id,
        request_id=record.request_id,
        tool=record.tool,
        args=record.args,
        signature=record.signature,
        rule=record.rule,
        phase=record.phase,
        created_at=rfc3339(record.created_at),
        delivered=record.delivered,
        approval=approval_status(record) if record.expires_at else UNSET,
        expires_at=rfc3339(record.expires_at) if record.expires_at else UNSET,
        decided_by=record.approver or UNSET,
        channel=record.channel if record.approver else UNSET,
        status=outcome.status if outcome else UNSET,
        resolved_at=rfc3339(record.resolved_at) if outcome else UNSET,
        data=outcome.data if outcome and not failed else UNSET,
        error=RowError(outcome.code, outcome.message) if outcome and failed else UNSET,
        on_behalf_of=record.relayed.principal,
    )


def short_row(row: RequestRow) -> RequestRow:
    """A row with the beginnings of what is long, and ``shortened`` saying so."""
    cut: dict[str, Any] = {"args": short_json(row.args), "signature": short_text(row.signature)}
    if isinstance(row.data, msgspec.Raw):
        cut["data"] = short_json(row.data)
    if isinstance(row.error, RowError):
        message = short_text(row.error.message)
        cut["error"] = RowError(row.error.code, message) if message is not None else None
    changed = {name: value for name, value in cut.items() if value is not None}
    return replace(row, **changed, shortened=tuple(changed)) if changed else row


def short_view(view: ApprovalView) -> ApprovalView:
    """An approval with the beginnings of what is long, and ``shortened`` saying so."""
    cut: dict[str, Any] = {"args": short_json(view.args), "signature": short_text(view.signature)}
    changed = {name: value for name, value in cut.items() if value is not None}
    return replace(view, **changed, shortened=tuple(changed)) if changed else view


def short_grant(view: GrantView) -> GrantView:
    """A grant with the beginning of its words, if they are long."""
    words = short_text(view.words)
    return view if words is None else replace(view, words=words)


def short_json(data: msgspec.Raw) -> msgspec.Raw | None:
    """The beginning of JSON as a JSON text; None: it is short."""
    raw = bytes(data)
    if len(raw) <= LISTED_BYTES_MAX:
        return None
    text = raw[:LISTED_BYTES_MAX].decode("utf-8", "ignore") + CUT
    return msgspec.Raw(msgspec.json.encode(text))


def short_text(text: str) -> str | None:
    """The beginning of a text; None: it is short."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= LISTED_BYTES_MAX:
        return None
    return raw[:LISTED_BYTES_MAX].decode("utf-8", "ignore") + CUT


def page_of(rows: Iterable[Row], limit: int = LIST_ROWS_MAX) -> tuple[list[Row], bool]:
    """As many rows as one reply may hold, at least one, and whether there are more.

    No more rows are made than it takes to know that.
    """
    page: list[Row] = []
    size = 0
    for row in rows:
        size += len(msgspec.json.encode(row))
        if len(page) >= limit or (page and size > LIST_BYTES_MAX):
            return page, True
        page.append(row)
    return page, False
