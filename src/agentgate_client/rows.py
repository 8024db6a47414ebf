"""Rows as users get them: plain dictionaries."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.client.calls import LooseRow
from agentgate_proto.errors import ErrorCode, exception_for


def row_of(row: LooseRow) -> dict[str, Any]:
    """Make a row for the user."""
    shown: dict[str, Any] = {
        "request_id": row.request_id,
        "tool": row.tool,
        "status": row.status,
        "resolved_at": row.resolved_at,
    }
    if row.error is None:
        shown["data"] = row.data
    else:
        shown["error"] = {"code": row.error.code, "message": row.error.message}
    if row.joined:
        shown["joined"] = True
    if row.word:
        shown["word"] = row.word
    if row.edited is not None:
        shown["edited"] = row.edited
    return shown


def rows_in(result: Any, member: str) -> list[dict[str, Any]]:
    """Take the rows out of a result.

    Raises:
        AgentGateError: there are none: what answered is no gateway of this kind.
    """
    try:
        return msgspec.convert(result, dict[str, Any])[member] or []
    except (msgspec.ValidationError, KeyError):
        text = f"odd answer: a result without {member!r}"
        raise exception_for(ErrorCode.INTERNAL_ERROR, text) from None
