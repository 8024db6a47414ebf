"""Answers to ``get_pending_results``, for the cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentgate_cli.conformance.listen.case import CUT_OFF
from agentgate_cli.conformance.listen.line import BOUND_S
from agentgate_cli.conformance.listen.stage import Stage


def collected(stage: Stage, *rules: str) -> Any:
    """Take the ``get_pending_results`` that must follow auth; return its id.

    Args:
        stage: the scripted gateway.
        rules: that ask for it; of a first page, that a client reconciles, and that it was no new
            one that came.
    """
    return stage.request("get_pending_results", BOUND_S, *(rules or ("R4", "B1")))["id"]


def comes_back(stage: Stage, ids: Sequence[int], data: Any = "after the cut") -> list[Any]:
    """The connection is over: take the next one, and see to the calls with these ids.

    A client that reconnects is told that they are pending, and then their outcomes. Of one that
    does not, they have ended, and the next connection is another client's.

    Returns:
        What must be reported of them.
    """
    stage.accept()
    if not stage.reconnects:
        return [CUT_OFF for _ in ids]
    reply(stage, collected(stage), [], list(ids))
    for request_id in ids:
        stage.answer(request_id, data)
    return [{"data": data} for _ in ids]


def reply(stage: Stage, call_id: Any, rows: list[Any], pending: list[int], **more: Any) -> None:
    """Answer ``get_pending_results``; ``more`` are further members."""
    numbered = {"seq": stage.next_number()} if rows else {}
    result = {"results": rows, "pending": pending, **numbered, **more}
    stage.say({"jsonrpc": "2.0", "result": result, "id": call_id})
    stage.is_reconciled = not more.get("more")


def row(request_id: int, data: Any) -> dict[str, Any]:
    """A row of that answer."""
    at = "2026-11-20T10:00:00.000Z"
    whole = {"request_id": request_id, "tool": "work", "status": "executed"}
    return {**whole, "data": data, "resolved_at": at}
