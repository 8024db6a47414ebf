"""Answers to ``get_pending_results``, for the cases."""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance.listen.stage import Stage


def collected(stage: Stage) -> Any:
    """Take the ``get_pending_results`` that follows auth; return its id."""
    return stage.request("get_pending_results")["id"]


def reply(stage: Stage, call_id: Any, rows: list[Any], pending: list[int], **more: Any) -> None:
    """Answer ``get_pending_results``."""
    numbered = {"seq": stage.next_number()} if rows else {}
    result = {"results": rows, "pending": pending, **numbered, **more}
    stage.say({"jsonrpc": "2.0", "result": result, "id": call_id})


def row(request_id: int, data: Any) -> dict[str, Any]:
    """A row of that answer."""
    at = "2026-11-20T10:00:00.000Z"
    whole = {"request_id": request_id, "tool": "work", "status": "executed"}
    return {**whole, "data": data, "resolved_at": at}
