"""Lists: rows that are short enough to be many, in replies that have a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from agentgate_proto.limits import LIST_BYTES_MAX, LIST_ROWS_MAX, LISTED_BYTES_MAX, ROW_BYTES_MAX
from agentgate_proto.records.approval import ApprovalView, GrantView, approval_status
from agentgate_proto.records.naming import ordered
from agentgate_proto.records.request import Record, rfc3339
from agentgate_proto.rpc.results import RequestRow
from agentgate_proto.rpc.wire_results import RowError

CUT = "…"
"""The end of a text that is not whole."""

SIGNATURE_BYTES_MAX = 8_192
"""Of a signature in a question: with its escapes it still fits one row of a list."""

CUT_BYTES_MIN = 64
"""Of a part; what is longer than a row may be all the same is not the asker's."""

Row = TypeVar("Row", bound=msgspec.Struct)
Shown = TypeVar("Shown", RequestRow, ApprovalView)


def request_row(record: Record) -> RequestRow:
    """A request as ``list_requests`` shows it, whole; of what is kept as far as it is kept."""
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
        doubt=record.doubt,
        args_bytes=record.args_bytes,
        shortened=("args",) if record.args_bytes else (),
        why=record.why,
        word=outcome.word if outcome else record.words,
        edited=edited_in(record),
    )


def edited_in(record: Record) -> msgspec.Raw | msgspec.UnsetType:
    """The arguments that a request ran with, or is to run with, where people have changed them."""
    if record.outcome is not None and record.outcome.edited is not UNSET:
        return record.outcome.edited
    return record.edit.args if record.edit is not None else UNSET


def short_row(row: RequestRow) -> RequestRow:
    """A row with the beginnings of what is long, and ``shortened`` saying so."""
    return within(row, row_cuts)


def short_view(view: ApprovalView) -> ApprovalView:
    """An approval with the beginnings of what is long, and ``shortened`` saying so."""
    return within(view, view_cuts)


def short_grant(view: GrantView) -> GrantView:
    """A grant with the beginning of its words, if they are long."""
    words = short_text(view.words, LISTED_BYTES_MAX)
    return view if words is None else replace(view, words=words)


def within(
    row: Shown,
    cuts: Callable[[Shown, int], dict[str, Any]],
    bytes_max: int = LISTED_BYTES_MAX,
) -> Shown:
    """Cut a row until it is as short as a row may be.

    Each of its parts may have LISTED_BYTES_MAX; where they are many, or written with many escapes,
    they get less.
    """
    changed: dict[str, Any] = {
        name: part for name, part in cuts(row, bytes_max).items() if part is not None
    }
    names = dict.fromkeys([*row.shortened, *changed])  # one may be so already: it is kept so
    short = replace(row, **changed, shortened=tuple(names)) if changed else row
    if len(msgspec.json.encode(short)) <= ROW_BYTES_MAX or bytes_max <= CUT_BYTES_MIN:
        return short
    return within(row, cuts, bytes_max // 4)


def row_cuts(row: RequestRow, bytes_max: int) -> dict[str, Any]:
    """The beginnings of what is long in a row; None: that part is short."""
    cut: dict[str, Any] = {
        "args": short_args(row.args, bytes_max),
        "signature": short_text(row.signature, bytes_max),
    }
    if isinstance(row.data, msgspec.Raw):
        cut["data"] = short_json(row.data, bytes_max)
    if isinstance(row.edited, msgspec.Raw):
        cut["edited"] = short_args(row.edited, bytes_max)
    if isinstance(row.error, RowError):
        message = short_text(row.error.message, bytes_max)
        cut["error"] = RowError(row.error.code, message) if message is not None else None
    return cut


def view_cuts(view: ApprovalView, bytes_max: int) -> dict[str, Any]:
    """The beginnings of what is long in an approval; None: that part is short."""
    texts = ("signature", "description", "warning", "reason")
    cut: dict[str, Any] = {"args": short_args(view.args, bytes_max)}
    if isinstance(view.edited, msgspec.Raw):
        cut["edited"] = short_args(view.edited, bytes_max)
    return cut | {name: short_text(getattr(view, name), bytes_max) for name in texts}


def short_args(args: msgspec.Raw, bytes_max: int) -> msgspec.Raw | None:
    """As ``short_json``, with the arguments that say on what is acted first: a long one of another
    name must not push them out."""
    if len(bytes(args)) <= bytes_max:
        return None
    whole = msgspec.json.encode(ordered(msgspec.json.decode(args)))
    return short_json(msgspec.Raw(whole), bytes_max)


def short_json(data: msgspec.Raw, bytes_max: int) -> msgspec.Raw | None:
    """The beginning of JSON as a JSON text; None: it is short."""
    raw = bytes(data)
    if len(raw) <= bytes_max:
        return None
    text = raw[:bytes_max].decode("utf-8", "ignore") + CUT
    return msgspec.Raw(msgspec.json.encode(text))


def short_text(text: str, bytes_max: int) -> str | None:
    """The beginning of a text; None: it is short."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= bytes_max:
        return None
    return raw[:bytes_max].decode("utf-8", "ignore") + CUT


def shown_signature(signature: str, approval: str) -> str:
    """A signature as it is put to a person in one question: all of it, unless that is too long.

    Args:
        signature: what is asked.
        approval: the id, by which the whole is to be had.
    """
    short = short_text(signature, SIGNATURE_BYTES_MAX)
    if short is None:
        return signature
    where = f"'agent-gate approvals show {approval}'"
    return f"{short}\n[This is not the whole of it: see {where} before you say yes.]"


class Page(Generic[Row]):
    """As many rows as one reply may hold, at least one.

    Args:
        limit: rows at most.

    Attributes:
        rows: what it holds.
        more: there are others.
    """

    def __init__(self, limit: int = LIST_ROWS_MAX) -> None:
        self.rows: list[Row] = []
        self.more = False
        self._limit = limit
        self._size = 0

    def take(self, row: Row) -> bool:
        """Add a row if there is room for it; if not, there is for no other."""
        self._size += len(msgspec.json.encode(row))
        self.more = len(self.rows) >= self._limit
        self.more = self.more or (bool(self.rows) and self._size > LIST_BYTES_MAX)
        if not self.more:
            self.rows.append(row)
        return not self.more


def page_of(rows: Iterable[Row], limit: int = LIST_ROWS_MAX) -> tuple[list[Row], bool]:
    """As many rows as one reply may hold, and whether there are more.

    No more rows are made than it takes to know that.
    """
    page: Page[Row] = Page(limit)
    for row in rows:
        if not page.take(row):
            break
    return page.rows, page.more
