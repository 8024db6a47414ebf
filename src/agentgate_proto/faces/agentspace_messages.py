"""What the agentspace face says to its clients: seed 004's messages, and some of ours.

Their clients compute with the numbers of money, so a cost that nobody knows is not ``null`` but 0,
with ``"unknown": true`` beside it. Lengths are counted as JavaScript counts them.
"""

from __future__ import annotations

from typing import Any

from agentgate_proto.faces.conversing import Said, utf16_length, words_of
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import GAP, SectionName, SessionEvent
from agentgate_proto.records.usage import MICROS, Usage
from agentgate_proto.rpc.session_methods import Inspection, RunCancelled, SessionList, StillRunning
from agentgate_proto.rpc.usage_methods import UsageReport

SECTIONS = (
    SectionName.SYSTEM_PROMPT,
    SectionName.HISTORY,
    SectionName.MEMORY,
    SectionName.SKILLS,
    SectionName.TOOLS,
)
"""In seed 004's order."""


class Stream:
    """What is known of the response that a connection waits for.

    Attributes:
        id: the ``id`` of the message that asked for it.
        session, run, model: whose it is; "" as long as nobody knows.
    """

    def __init__(self, request_id: str, session: str) -> None:
        self.id = request_id
        self.session = session
        self.run = ""
        self.model = ""
        self._text = 0  # of this attempt, as JavaScript counts it
        self._thinking = 0

    def count(self, kind: str, text: str) -> None:
        """Remember how much the attempt that is under way has said: it may be withdrawn."""
        match kind:
            case EventKind.TEXT:
                self._text += utf16_length(text)
            case EventKind.THINKING:
                self._thinking += utf16_length(text)
            case EventKind.MODEL_STARTED:
                self._text = self._thinking = 0
            case _:
                pass

    def message_of(self, event: SessionEvent, said: Said) -> dict[str, Any] | None:
        """Make the message that tells an event in the midst of a run; None: it has none."""
        match event.kind:
            case EventKind.TEXT:
                return self._about("chat.stream.delta", delta=said.text)
            case EventKind.THINKING:
                return self._about("chat.stream.reasoning", delta=said.text)
            case EventKind.TOOL_CALL:
                return self._about_tool("tool.call", said, args=said.args)
            case EventKind.TOOL_RESULT:
                return self._tool_result(said)
            case EventKind.APPROVAL:
                more = {"approvalId": said.approval, "signature": said.signature}
                more["expiresAt"] = said.expires_at
                return self._about_tool("tool.approval.pending", said, **more)
            case EventKind.RESET:
                return self._reset(said)
            case EventKind.RETRYING:
                pause = {"waitSeconds": said.wait_s, "reason": said.reason}
                return self._about("chat.stream.retrying", attempt=said.attempt, **pause)
            case EventKind.NOTE:
                return self._about("chat.stream.note", text=said.text)
            case _ if event.kind == GAP:
                return self._about("chat.stream.gap", missing=event.count)
            case _:
                return None

    def _reset(self, said: Said) -> dict[str, Any]:
        """So much at the end of what was streamed counts no more."""
        withdrawn = {"removedLength": self._text, "removedReasoningLength": self._thinking}
        self._text = self._thinking = 0
        return self._about("chat.stream.reset", **withdrawn, reason=said.reason)

    def _tool_result(self, said: Said) -> dict[str, Any]:
        more = said.of_people | ({"late": True} if said.late else {})
        if not said.has_error:
            return self._about_tool("tool.result", said, result=said.result, **more)
        text = words_of(said.error)
        return self._about_tool("tool.error", said, error=text, status=said.status, **more)

    def _about(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "requestId": self.id, **more}

    def _about_tool(self, kind: str, said: Said, **more: Any) -> dict[str, Any]:
        return self._about(kind, toolCallId=said.call, toolName=said.tool, **more)


def end_message(request_id: str, said: Said, output_micros: int | None) -> dict[str, Any]:
    """Make ``chat.stream.end``.

    Args:
        request_id: what it answers.
        said: the end of the run.
        output_micros: what a million tokens of output cost; None: nobody knows, and so not either
            what of the cost was for input.
    """
    message: dict[str, Any] = {"type": "chat.stream.end", "requestId": request_id}
    message["usage"] = tokens_of(said.usage)
    message["cost"] = cost_of(said, output_micros)
    if said.status != RunStatus.COMPLETED:
        message |= {"status": said.status, "reason": said.reason}
    if said.still_running:
        message["stillRunning"] = tools_of(said.still_running)
    return message


def tokens_of(usage: Usage) -> dict[str, Any]:
    """Show tokens."""
    total = usage.input + usage.output
    return {"inputTokens": usage.input, "outputTokens": usage.output, "totalTokens": total}


def cost_of(said: Said, output_micros: int | None) -> dict[str, Any]:
    """Show what a run cost: of the sum, what output costs by the list was for output."""
    total = said.cost_micros
    if total is None or (total and output_micros is None):
        return {"inputCost": 0.0, "outputCost": 0.0, "totalCost": dollars(total), "unknown": True}
    output = min(total, said.usage.output * (output_micros or 0) // MICROS)
    return {
        "inputCost": dollars(total - output),
        "outputCost": dollars(output),
        "totalCost": dollars(total),
    }


def dollars(micros: int | None) -> float:
    """Show money; what nobody knows as 0, for seed 004's clients compute with it."""
    return (micros or 0) / MICROS


def cancelled_message(request_id: str, cancelled: RunCancelled) -> dict[str, Any]:
    """Make ``chat.cancelled``; the stream itself ends with its own message."""
    message: dict[str, Any] = {"type": "chat.cancelled", "requestId": request_id}
    message["status"] = cancelled.status
    if cancelled.still_running:
        message["stillRunning"] = tools_of(cancelled.still_running)
    return message


def tools_of(running: list[StillRunning]) -> list[dict[str, Any]]:
    """Show tools that may still run."""
    return [{"toolCallId": each.call, "toolName": each.tool} for each in running]


def inspection_message(request_id: str, inspection: Inspection) -> dict[str, Any]:
    """Make ``context.inspection``; if something is left out of the context, it says so."""
    found = {section.name: section for section in inspection.sections}
    rows = [found[name] for name in SECTIONS if name in found]
    sections: list[dict[str, Any]] = [
        {
            "name": row.name.value,
            "content": row.content,
            "byteCount": len(row.content.encode()),
            "tokenEstimate": row.tokens,
            "costEstimate": dollars(row.cost_micros),
            **unknown_if(row.tokens > 0 and row.cost_micros is None),
        }
        for row in rows
    ]
    totals: dict[str, Any] = {
        name: sum(section[name] for section in sections) for name in ("byteCount", "tokenEstimate")
    }
    totals["costEstimate"] = dollars(sum(row.cost_micros or 0 for row in rows))
    totals |= unknown_if(any("unknown" in section for section in sections))
    message: dict[str, Any] = {"type": "context.inspection", "requestId": request_id}
    message |= {"sections": sections, "totals": totals}
    if inspection.left_out:
        message["leftOut"] = [
            {"section": each.section.value, "what": each.what, "byteCount": each.bytes}
            | {"why": each.why}
            for each in inspection.left_out
        ]
    return message


def unknown_if(is_unknown: bool) -> dict[str, Any]:
    """What stands beside a cost that is not, or not wholly, known."""
    return {"unknown": True} if is_unknown else {}


def usage_message(request_id: str, report: UsageReport) -> dict[str, Any]:
    """Make ``usage.report``."""
    per_model = {
        row.key: {
            **tokens_of(row.usage),
            "totalCost": dollars(row.cost_micros),
            "requestCount": row.requests,
            **unknown_if(row.unknown > 0),
        }
        for row in report.rows
    }
    total = report.total
    grand = {
        "totalCost": dollars(total.cost_micros),
        "totalTokens": total.usage.input + total.usage.output,
        "requestCount": total.requests,
        **unknown_if(total.unknown > 0),
    }
    head = {"type": "usage.report", "requestId": request_id}
    return {**head, "perModel": per_model, "grandTotal": grand}


def list_message(request_id: str, listed: SessionList) -> dict[str, Any]:
    """Make ``session.list``; ``more``: ask again, ``before`` the last one."""
    sessions = [
        {
            "sessionId": view.id,
            "sessionKey": view.key,
            "model": view.model,
            "createdAt": view.created_at,
            "messageCount": view.messages,
        }
        for view in listed.sessions
    ]
    message = {"type": "session.list", "requestId": request_id, "sessions": sessions}
    return {**message, "more": True} if listed.more else message
