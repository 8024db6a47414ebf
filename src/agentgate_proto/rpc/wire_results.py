"""How outcomes look on the wire: in a response, and as rows of ``get_pending_results``.

Seed 001's shapes, to the letter. What is added (``seq``, ``more``) is left out where it says
nothing, so that an old client never sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Record, rfc3339


class ExecutedResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of a tool request that was executed.

    Attributes:
        status: always "executed".
        data: what the tool returned.
        seq: number to acknowledge (I6); absent for an old client.
        joined: nothing was run: this is what came of an identical request that had ended before.
        resolved_at: if so, when that ended, RFC 3339.
        word: what the person who was asked about it says to the agent.
        edited: the arguments that it ran with, if a person had changed them.
    """

    status: Literal["executed"]
    data: msgspec.Raw
    seq: int = 0
    joined: bool = False
    resolved_at: str = ""
    word: str = ""
    edited: msgspec.Raw | UnsetType = UNSET


class RowError(msgspec.Struct, frozen=True):
    """Why a request has no data: as in a JSON-RPC error."""

    code: int
    message: str


class ResultRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One collected outcome. ``data`` is there if ``status`` is "executed", else ``error``.

    Attributes:
        joined: nothing was run: it is that of an identical request, which ended at ``resolved_at``.
        word, edited: as in ``ExecutedResult``, however it ended.
    """

    request_id: int | str
    tool: str
    status: Status
    resolved_at: str
    data: msgspec.Raw | UnsetType = UNSET
    error: RowError | UnsetType = UNSET
    joined: bool = False
    word: str = ""
    edited: msgspec.Raw | UnsetType = UNSET


class PendingReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of ``get_pending_results``.

    Attributes:
        results: outcomes that had not been delivered, oldest first.
        pending: ids of requests that the gateway knows and has not answered yet.
        seq: number to acknowledge for all rows together; 0 if there are none.
        more: there are further rows: ask again.
    """

    results: list[ResultRow]
    pending: list[int | str] | UnsetType = UNSET
    seq: int = 0
    more: bool = False


def executed_result(outcome: Outcome, seq: int, joined_at: float = 0.0) -> ExecutedResult:
    """The ``result`` member for an executed request.

    Args:
        outcome: of the request.
        seq: number to acknowledge; 0: there is none.
        joined_at: when that had ended which it was a repeat of, UTC seconds; 0: it is none.
    """
    if not joined_at and not outcome.word and outcome.edited is UNSET:
        return ExecutedResult("executed", outcome.data, seq)  # nearly always
    at = rfc3339(joined_at) if joined_at else ""
    return ExecutedResult(
        *("executed", outcome.data, seq, bool(joined_at), at, outcome.word, outcome.edited)
    )


def failure_data(outcome: Outcome, seq: int, joined_at: float = 0.0) -> dict[str, Any] | None:
    """The ``error.data`` member for any other outcome; None for an old client."""
    more: dict[str, Any] = {"joined": True, "resolved_at": rfc3339(joined_at)} if joined_at else {}
    if outcome.word:
        more["word"] = outcome.word
    if outcome.edited is not UNSET:
        more["edited"] = outcome.edited
    if seq:
        return {"status": outcome.status, "seq": seq, **more}
    return {"status": outcome.status, **more} if outcome.word or "edited" in more else None


def result_row(record: Record) -> ResultRow:
    """One row for a record that is done."""
    outcome = record.outcome
    assert outcome is not None, "only a record that is done has a row"
    row = ResultRow(
        request_id=record.request_id,
        tool=record.tool,
        status=outcome.status,
        resolved_at=rfc3339(record.resolved_at),
        joined=bool(record.joined),
        word=outcome.word,
        edited=outcome.edited,
    )
    if outcome.status is Status.EXECUTED:
        return msgspec.structs.replace(row, data=outcome.data)
    return msgspec.structs.replace(row, error=RowError(outcome.code, outcome.message))


def pending_reply(
    records: Sequence[Record], pending: Sequence[int | str], *, more: bool, seq: int
) -> PendingReply:
    """The ``result`` member for ``get_pending_results``."""
    return PendingReply(
        results=[result_row(record) for record in records],
        pending=list(pending),
        seq=seq if records else 0,
        more=more,
    )
