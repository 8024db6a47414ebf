"""Calls: what a client asked for and has not got yet, across connections.

A call is *queued* until it is written to a connection, then *sent*, until it is settled. Once
sent it is never taken for undelivered: only the gateway can say that it does not know it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Annotated, Any, TypeVar

import msgspec

from agentgate_proto.connection.events import Answered
from agentgate_proto.errors import SEND_LESS, AgentGateError, ErrorCode, exception_for
from agentgate_proto.limits import REQUEST_BYTES_MAX
from agentgate_proto.records.outcome import Status
from agentgate_proto.rpc.jsonrpc import UNREADABLE, ErrorObject, encode

OWN_MEMBERS = ("seq", "status")

NOT_SENT = "it was not sent"
WITHDRAWN = "it was withdrawn and did not run"
NOT_SETTLED = "it is not settled yet; get_pending_results() tells when it is"
NOT_ANSWERED = "it was sent and not answered"
NOT_SAID = "the gateway does not say how it ended"

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Result = TypeVar("Result")


class Stage(Enum):
    """Where a call is."""

    QUEUED = auto()
    SENT = auto()
    SETTLED = auto()


class Call:
    """One call of the user's.

    Args:
        handle: what the adapter knows it by.
        method: what is called.
        params: its parameters. They are encoded at once: what is sent, and perhaps sent again,
            is what the caller had when it called.
        timeout_s: the caller's patience, or None.

    Attributes:
        tool: the tool that is asked for, if it is a tool request.
        request_id: 0 until it is sent for the first time; a tool request keeps it.
        is_repeat: it was sent before, under another id, and runs no tool.
        joined_at: when the request had ended that it is a repeat of, as the gateway says it; "": it
            is none.
        word, edited: what people said when they were asked, and the arguments that it ran with, if
            they had changed them.
        sent_at: monotonic seconds of the first sending.
        rows: the rows that a ``get_pending_results`` has settled other calls with.
        withdrawn: the caller does not want it any more: it is not sent (again), or cancelled.
        abandoned: nobody waits for the outcome any more; if one comes it is kept for
            ``get_pending_results``.
        promised: its caller was told that ``get_pending_results`` would tell how it ended.

    Raises:
        AgentGateError: the parameters are no JSON, or too large to be sent.
    """

    __slots__ = (
        "abandoned",
        "edited",
        "handle",
        "is_repeat",
        "joined_at",
        "method",
        "params",
        "promised",
        "request_id",
        "rows",
        "sent_at",
        "stage",
        "timeout_s",
        "tool",
        "withdrawn",
        "word",
    )

    def __init__(
        self, handle: int, method: str, params: msgspec.Struct, timeout_s: float | None
    ) -> None:
        self.handle = handle
        self.method = method
        self.params = encode_params(params)
        self.tool = str(getattr(params, "tool", ""))
        self.request_id: int | str = 0
        self.is_repeat = False
        self.joined_at = ""
        self.word = ""
        self.edited: dict[str, Any] | None = None
        self.sent_at = 0.0
        self.timeout_s = timeout_s
        self.stage = Stage.QUEUED
        self.withdrawn = False
        self.abandoned = False
        self.promised = False
        self.rows: list[LooseRow] = []

    def heard(self, row: LooseRow) -> Call:
        """Take what its outcome says besides: of which request it is a repeat, and of people."""
        self.joined_at = row.resolved_at if row.joined else ""
        self.word, self.edited = row.word, row.edited
        return self

    @property
    def is_collecting(self) -> bool:
        """Whether it is the user's own ``get_pending_results``."""
        return self.method == "get_pending_results"

    @property
    def is_tool_request(self) -> bool:
        """Whether it may run a tool, so that it must not be asked twice."""
        return self.method == "tool_request"

    @property
    def fate(self) -> str:
        """What is known of a call that is not answered."""
        if not self.request_id and not self.is_repeat:
            return NOT_SENT
        if not self.is_tool_request:
            return NOT_ANSWERED
        return NOT_SETTLED if self.stage is Stage.SENT else WITHDRAWN

    def given_up(self, fate: str) -> AgentGateError:
        """The error for a caller whose patience is over; ``fate`` says what became of the call."""
        after = "withdrawn" if self.timeout_s is None else f"no answer in {self.timeout_s:g} s"
        may_run = {"sent": True} if fate == NOT_SETTLED else None
        return exception_for(ErrorCode.CANCELLED, f"{after}: {fate}", may_run)

    def row(self, error: AgentGateError) -> LooseRow:
        """How it ended, for a caller who was told that ``get_pending_results`` tells."""
        unknown = error.code == ErrorCode.OUTCOME_UNKNOWN
        status = Status.UNKNOWN if unknown else Status.CANCELLED
        why = ErrorObject(error.code, error.message)
        return LooseRow(self.request_id, self.tool, status, error=why)


def encode_params(params: msgspec.Struct) -> bytes:
    """Encode the parameters of a call.

    Raises:
        AgentGateError: they are no JSON (-32602), or take too much room (-32006).
    """
    try:
        encoded = encode(params)
    except (TypeError, ValueError, RecursionError) as error:
        text = f"the arguments cannot be sent as JSON: {error}"
        raise exception_for(ErrorCode.INVALID_PARAMS, text) from None
    if len(encoded) > REQUEST_BYTES_MAX:
        text = f"the arguments take {len(encoded)} bytes; at most {REQUEST_BYTES_MAX} can be sent"
        raise exception_for(ErrorCode.LIMIT_EXCEEDED, f"{text}: {SEND_LESS}")
    return encoded


class ToolResult(msgspec.Struct, frozen=True):
    """What is read of the result of a tool request."""

    status: str = ""
    data: Any = None
    seq: Seq = 0
    joined: bool = False
    resolved_at: str = ""
    word: str = ""
    edited: dict[str, Any] | None = None


class Withdrawal(msgspec.Struct, frozen=True):
    """What is read of the answer to ``cancel_request``."""

    status: str = ""


class LooseRow(msgspec.Struct, frozen=True):
    """What is read of a row of ``get_pending_results``."""

    request_id: int | str
    tool: str = ""
    status: str = ""
    resolved_at: str = ""
    data: Any = None
    error: ErrorObject | None = None
    joined: bool = False
    word: str = ""
    edited: dict[str, Any] | None = None

    @property
    def fault(self) -> AgentGateError | None:
        """Why there is no data, or None: it was executed."""
        if self.status == Status.EXECUTED:
            return None
        if self.error is None:
            return unknown_outcome(NOT_SAID)
        if self.error.data is None and (self.word or self.edited is not None):
            said = {"word": self.word, "edited": self.edited}
            told = {name: value for name, value in said.items() if value not in ("", None)}
            return exception_for(self.error.code, self.error.message, told)
        return error_of(self.error)


class LooseReply(msgspec.Struct, frozen=True):
    """What is read of a ``get_pending_results`` reply; an older gateway sends no ``pending``."""

    results: list[msgspec.Raw]
    pending: list[int | str] | None = None
    seq: Seq = 0
    more: bool = False

    def rows(self) -> list[LooseRow]:
        """Decode the rows. What is none is left out, so that it does not spoil the others."""
        rows = (decode(raw, LooseRow) for raw in self.results)
        return [row for row in rows if isinstance(row, LooseRow)]


def result_of(answer: Answered, kind: type[Result]) -> Result | AgentGateError:
    """Return the result of an answer, or why there is none."""
    return decode(answer.result, kind) if answer.error is None else error_of(answer.error)


def decode(raw: msgspec.Raw, kind: type[Result]) -> Result | AgentGateError:
    """Decode what the gateway sent, or say what is wrong with it."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE as error:
        return exception_for(ErrorCode.INTERNAL_ERROR, f"the gateway's answer is odd: {error}")


def row_of(request_id: int | str, tool: str, answer: Answered) -> tuple[LooseRow, int]:
    """Make a row of the answer to a tool request; return it with its sequence number, or 0."""
    if answer.error is None:
        result = decode(answer.result, ToolResult)
        if isinstance(result, AgentGateError):
            unknown, seq = unknown_outcome(result.message), 0
        elif result.status == Status.EXECUTED:
            at, joined = result.resolved_at, result.joined
            row = LooseRow(
                *(request_id, tool, result.status, at, result.data),
                joined=joined,
                word=result.word,
                edited=result.edited,
            )
            return row, result.seq
        else:
            unknown, seq = unknown_outcome(NOT_SAID), result.seq
        why = ErrorObject(unknown.code, unknown.message)
        return LooseRow(request_id, tool, Status.UNKNOWN, error=why), seq
    data = answer.error.data
    own = {}
    if isinstance(data, dict):  # our own numbering is none of the caller's business
        own = {name: data[name] for name in OWN_MEMBERS if name in data}
        data = {name: value for name, value in data.items() if name not in own} or None
    told, status = own.get("seq"), own.get("status")
    return LooseRow(
        request_id,
        tool,
        status if isinstance(status, str) else "failed",
        error=ErrorObject(answer.error.code, answer.error.message, data),
        **said_in(data),
    ), told if type(told) is int and 0 < told < 2**63 else 0


def said_in(data: Any) -> dict[str, Any]:
    """What people said of a request and made of it, by the data of its error."""
    data = data if isinstance(data, dict) else {}
    word, edited = data.get("word"), data.get("edited")
    return {
        "word": word if isinstance(word, str) else "",
        "edited": edited if isinstance(edited, dict) else None,
    }


def status_of(answer: Answered) -> str:
    """Return what an answer to ``cancel_request`` says, or "": nothing that can be read."""
    withdrawal = result_of(answer, Withdrawal)
    return withdrawal.status if isinstance(withdrawal, Withdrawal) else ""


def unknown_outcome(why: str) -> AgentGateError:
    """The error for a call whose fate nobody can tell any more."""
    return exception_for(ErrorCode.OUTCOME_UNKNOWN, f"Outcome unknown: {why}")


def error_of(error: ErrorObject | AgentGateError) -> AgentGateError:
    """Make the exception for an error; a new one each time, because it is raised to one caller."""
    return exception_for(error.code, error.message, error.data)
