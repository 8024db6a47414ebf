"""Calls: what a client asked for and has not got yet, across connections.

A call is *queued* until it is written to a connection, then *sent*, until it is settled. Once
sent it is never taken for undelivered: only the gateway can say that it does not know it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import msgspec

from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.jsonrpc import ErrorObject

OWN_MEMBERS = ("seq", "status")

NOT_SENT = "it was not sent"
WITHDRAWN = "it was withdrawn and did not run"
NOT_SETTLED = "it is not settled yet; get_pending_results() tells when it is"


class Stage(Enum):
    """Where a call is."""

    QUEUED = auto()
    SENT = auto()
    SETTLED = auto()


class Call:
    """One call of the user's.

    Attributes:
        handle: what the adapter knows it by.
        method, params: what is sent.
        request_id: 0 until it is sent for the first time; a tool request keeps it for ever.
        sent_at: monotonic seconds of the first sending.
        timeout_s: the caller's patience, or None.
        rows: what a ``get_pending_results`` has collected so far.
        withdrawn: the caller does not want it any more: it is not sent (again), or cancelled.
        abandoned: nobody waits for the outcome any more; if one comes it is kept for
            ``get_pending_results``.
    """

    __slots__ = (
        "abandoned",
        "handle",
        "method",
        "params",
        "request_id",
        "rows",
        "sent_at",
        "stage",
        "timeout_s",
        "withdrawn",
    )

    def __init__(self, handle: int, method: str, params: Any, timeout_s: float | None) -> None:
        self.handle = handle
        self.method = method
        self.params = params
        self.request_id = 0
        self.sent_at = 0.0
        self.timeout_s = timeout_s
        self.stage = Stage.QUEUED
        self.withdrawn = False
        self.abandoned = False
        self.rows: list[LooseRow] = []

    @property
    def is_collecting(self) -> bool:
        """Whether it is the user's own ``get_pending_results``."""
        return self.method == "get_pending_results"

    def given_up(self, fate: str) -> AgentGateError:
        """The error for a caller whose patience is over; ``fate`` says what became of the call."""
        after = "withdrawn" if self.timeout_s is None else f"no answer in {self.timeout_s:g} s"
        return exception_for(ErrorCode.CANCELLED, f"{after}: {fate}")


class ToolResult(msgspec.Struct, frozen=True):
    """What is read of the result of a tool request."""

    status: str = "executed"
    data: Any = None
    seq: int = 0


class LooseRow(msgspec.Struct, frozen=True):
    """What is read of a row of ``get_pending_results``."""

    request_id: int | str
    tool: str = ""
    status: str = ""
    resolved_at: str = ""
    data: Any = None
    error: ErrorObject | None = None


class LooseReply(msgspec.Struct, frozen=True):
    """What is read of a ``get_pending_results`` reply; an older gateway sends no ``pending``."""

    results: list[LooseRow] = []
    pending: list[int | str] | None = None
    seq: int = 0
    more: bool = False


def error_of(error: ErrorObject) -> AgentGateError:
    """Make the exception for an error answer; our own numbering is left out of its data."""
    data = error.data
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name not in OWN_MEMBERS} or None
    return exception_for(error.code, error.message, data)


def seq_of(error: ErrorObject) -> int:
    """Return the sequence number that an error answer carries, or 0."""
    seq = error.data.get("seq") if isinstance(error.data, dict) else None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else 0


def unknown_outcome(why: str) -> AgentGateError:
    """The error for a call whose fate nobody can tell any more."""
    return exception_for(ErrorCode.OUTCOME_UNKNOWN, f"Outcome unknown: {why}")
