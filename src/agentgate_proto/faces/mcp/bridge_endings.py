"""What our own client says of a request, in the terms in which an MCP client is told of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.faces.mcp.bridge_calls import Refusal
from agentgate_proto.records.outcome import Outcome, Status, executed, failed, with_words
from agentgate_proto.records.request import Phase
from agentgate_proto.rpc.jsonrpc import UNREADABLE

STATUSES: Final[dict[int, Status]] = {
    ErrorCode.DENIED_BY_PERSON: Status.DENIED,
    ErrorCode.DENIED_BY_POLICY: Status.DENIED,
    ErrorCode.APPROVAL_EXPIRED: Status.EXPIRED,
    ErrorCode.CANCELLED: Status.CANCELLED,
    ErrorCode.OUTCOME_UNKNOWN: Status.UNKNOWN,
}
"""How a request ended that was answered with an error; other codes say that it was not taken."""


class FoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a row of ``list_requests``."""

    id: str
    tool: str
    args: msgspec.Raw
    client_id: str = ""
    request_id: int | str = 0
    rule: str = ""
    phase: str = ""
    expires_at: str = ""
    status: str = ""
    resolved_at: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: FoundError | None = None
    word: str = ""
    edited: dict[str, Any] | None = None

    @property
    def waits_until(self) -> float:
        """Until when a person can answer, UTC seconds; 0.0: nobody is asked."""
        return seconds_of(self.expires_at) if self.phase == Phase.WAITING.value else 0.0

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None: it has not."""
        if not self.status:
            return None
        try:
            status = Status(self.status)
        except ValueError:  # of a newer gateway
            status = Status.UNKNOWN
        if status is Status.EXECUTED:
            return said(Outcome(status=status, data=self.data), self.word, self.edited)
        code, message = (self.error.code, self.error.message) if self.error else (0, self.status)
        return said(Outcome(status=status, code=code, message=message), self.word, self.edited)


class FoundError(msgspec.Struct, frozen=True):
    """Why there is no result."""

    code: int
    message: str


def said(outcome: Outcome, word: str, edited: dict[str, Any] | None) -> Outcome:
    """Return an outcome with what people said of the request, and the arguments that they made."""
    return with_words(
        outcome, word, None if edited is None else msgspec.Raw(msgspec.json.encode(edited))
    )


def result_of(data: Any, word: str, edited: dict[str, Any] | None) -> Outcome:
    """Return how a request ended that was answered with a result.

    Args:
        data: what the tool returned, decoded.
        word: what people said, or "".
        edited: the arguments that it ran with, if they had changed them.
    """
    return said(executed(msgspec.json.encode(data)), word, edited)


def end_of(error: AgentGateError) -> Outcome | Refusal:
    """Return how a request ended that was answered with an error.

    Args:
        error: the gateway's, or our own client's.
    """
    end = ending_of(error)
    return said(end, error.word, error.edited) if isinstance(end, Outcome) else end


def ending_of(error: AgentGateError) -> Outcome | Refusal:
    """The same, without what people said."""
    data: dict[str, Any] = error.data if isinstance(error.data, dict) else {}
    if error.code == ErrorCode.TOOL_FAILED:
        return failed(error.message)
    if data.get("sent"):  # withdrawn or cut off, and nobody can say how that went
        code = ErrorCode.OUTCOME_UNKNOWN
        return Outcome(status=Status.UNKNOWN, code=code, message=error.message)
    status = STATUSES.get(error.code)
    if status is not None:
        return Outcome(status=status, code=error.code, message=error.message)
    pause = data.get("retry_after_s")
    if type(pause) is int:
        pause = float(pause)
    return Refusal(error.code, error.message, pause if isinstance(pause, float) else None)


def seconds_of(text: str) -> float:
    """Return a time of RFC 3339 as UTC seconds; 0.0: it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def rows_in(result: Any) -> list[FoundRow]:
    """Take the rows out of the result of ``list_requests``; what can't be read is left out."""
    try:
        raw = msgspec.json.encode(result)
        rows = msgspec.json.decode(raw, type=FoundList).requests
    except UNREADABLE:
        return []
    return rows


class FoundList(msgspec.Struct, frozen=True):
    """What is read of the result of ``list_requests``."""

    requests: list[FoundRow] = []
