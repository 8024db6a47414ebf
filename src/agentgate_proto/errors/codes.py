"""Error codes: one table, from which everything else is made.

The wire uses the numbers, the SDK raises the exceptions, the protocol reference prints the
meanings. A code that is not in ``ERRORS`` does not exist.

Sources: JSON-RPC 2.0 section 5.1 for -32700 and -32600 to -32603; seed 001 for -32001 to -32006.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from agentgate_proto.errors.kinds import (
    AgentGateError,
    AlreadySettled,
    ApprovalExpired,
    AuthenticationFailed,
    CodeNeeded,
    DeniedByPerson,
    DeniedByPolicy,
    Disconnected,
    Forbidden,
    GatewayFailed,
    InvalidArguments,
    InvalidRequest,
    LimitExceeded,
    LoginFailed,
    ModelFailed,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    OverBudget,
    RateLimited,
    RelayLoop,
    RequestCancelled,
    RunInProgress,
    SessionNotFound,
    TooLarge,
    ToolFailed,
    UnknownTool,
    number_in,
)

ASK_AGAIN = "nothing was run now, ask again under the same id and key"
"""Said where nobody has looked whether the request is a repeat of one that has run."""

SEND_LESS = "send less at once"
"""Said of whatever is too large; by these words a client knows it."""

NO_TOOL, LISTED = "Unknown tool: ", "; list_tools says what there is"


class ErrorCode(IntEnum):
    """Every code that a gateway may answer with; -32000 never travels."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    CONNECTION_LOST = -32000
    DENIED_BY_PERSON = -32001
    APPROVAL_EXPIRED = -32002
    DENIED_BY_POLICY = -32003
    TOOL_FAILED = -32004
    AUTHENTICATION = -32005
    LIMIT_EXCEEDED = -32006
    OUTCOME_UNKNOWN = -32007
    CANCELLED = -32008
    ALREADY_SETTLED = -32009
    FORBIDDEN = -32010
    NOT_FOUND = -32011
    CODE_NEEDED = -32012
    SESSION_NOT_FOUND = -32013
    RUN_IN_PROGRESS = -32014
    OVER_BUDGET = -32015
    MODEL_FAILED = -32016
    LOGIN_FAILED = -32017
    RELAY_LOOP = -32018


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One row of the table: the code, its default text, what it means, what the SDK raises."""

    code: ErrorCode
    message: str
    meaning: str
    exception: type[AgentGateError]


ERRORS: dict[int, ErrorRow] = {
    row.code: row
    for row in (
        ErrorRow(ErrorCode.PARSE_ERROR, "Parse error", "The text is not JSON.", InvalidRequest),
        ErrorRow(
            ErrorCode.INVALID_REQUEST,
            "Invalid Request",
            "The JSON is not a JSON-RPC 2.0 message, or its id is in use for something else.",
            InvalidRequest,
        ),
        ErrorRow(
            ErrorCode.METHOD_NOT_FOUND, "Method not found", "There is no such method.", NotSupported
        ),
        ErrorRow(
            ErrorCode.INVALID_PARAMS,
            "Invalid params",
            "The parameters do not fit.",
            InvalidArguments,
        ),
        ErrorRow(
            ErrorCode.INTERNAL_ERROR,
            "Internal error",
            "The gateway could not do its part (for instance a full disk); no tool was started.",
            GatewayFailed,
        ),
        ErrorRow(
            ErrorCode.CONNECTION_LOST,
            "Connection lost",
            "Raised by a client, never sent: the gateway cannot be reached.",
            Disconnected,
        ),
        ErrorRow(ErrorCode.DENIED_BY_PERSON, "Denied by user", "A person said no.", DeniedByPerson),
        ErrorRow(
            ErrorCode.APPROVAL_EXPIRED,
            "Approval timed out",
            "Nobody answered in time; the tool did not run.",
            ApprovalExpired,
        ),
        ErrorRow(ErrorCode.DENIED_BY_POLICY, "Denied by policy", "A rule said no.", DeniedByPolicy),
        ErrorRow(
            ErrorCode.TOOL_FAILED,
            "Tool failed",
            "The tool is unknown, or it ran and failed; the text is the tool's own.",
            ToolFailed,
        ),
        ErrorRow(
            ErrorCode.AUTHENTICATION,
            "Not authenticated",
            "The token is wrong, missing or late; the connection is closed with 4401.",
            AuthenticationFailed,
        ),
        ErrorRow(
            ErrorCode.LIMIT_EXCEEDED,
            "Limit exceeded",
            "Too many requests or waiting approvals; data.retry_after_s says when to try again.",
            LimitExceeded,
        ),
        ErrorRow(
            ErrorCode.OUTCOME_UNKNOWN,
            "Outcome unknown",
            "The gateway died while the tool ran: it may or may not have taken effect.",
            OutcomeUnknown,
        ),
        ErrorRow(
            ErrorCode.CANCELLED,
            "Cancelled",
            "The caller withdrew the request before it ran.",
            RequestCancelled,
        ),
        ErrorRow(
            ErrorCode.ALREADY_SETTLED,
            "Already settled",
            "The approval was answered, withdrawn or expired before; data says how.",
            AlreadySettled,
        ),
        ErrorRow(ErrorCode.FORBIDDEN, "Forbidden", "The role may not do this.", Forbidden),
        ErrorRow(
            ErrorCode.NOT_FOUND,
            "Not found",
            "There is no approval or grant with this id.",
            NotFound,
        ),
        ErrorRow(
            ErrorCode.CODE_NEEDED,
            "One-time code needed",
            "Saying yes to this takes a one-time code, and there was none, a wrong one, or one "
            "that was used before; data.retry_after_s: there were too many wrong ones.",
            CodeNeeded,
        ),
        ErrorRow(
            ErrorCode.SESSION_NOT_FOUND,
            "Session not found",
            "There is no session with this id that is the caller's.",
            SessionNotFound,
        ),
        ErrorRow(
            ErrorCode.RUN_IN_PROGRESS,
            "A run is under way",
            "A session has one run at a time; data.run names it, and data.approvals the approvals "
            "that it waits for.",
            RunInProgress,
        ),
        ErrorRow(
            ErrorCode.OVER_BUDGET,
            "Over budget",
            "The money for this model request is not there; nothing was sent.",
            OverBudget,
        ),
        ErrorRow(
            ErrorCode.MODEL_FAILED,
            "Model failed",
            "The model is unknown or not usable, could not be asked, or gave no whole answer.",
            ModelFailed,
        ),
        ErrorRow(
            ErrorCode.LOGIN_FAILED,
            "Invalid credentials",
            "There is no such agent, or that is not its password: which of these is not said; "
            "data.retry_after_s: there were too many wrong ones.",
            LoginFailed,
        ),
        ErrorRow(
            ErrorCode.RELAY_LOOP,
            "Relay loop",
            "The request has been at this gateway before, or at too many others.",
            RelayLoop,
        ),
    )
}


def exception_for(code: int, message: str, data: Any = None) -> AgentGateError:
    """Return the exception that the SDK raises for a JSON-RPC error; unknown codes get the base.

    Three kinds have no code of their own, seed 001 knows none: what else is said tells them apart.
    """
    row = ERRORS.get(code)
    kind = AgentGateError if row is None else row.exception
    if kind in (ToolFailed, NotFound) and message.startswith(NO_TOOL) and message.endswith(LISTED):
        kind = UnknownTool
    elif kind in (LimitExceeded, InvalidArguments) and SEND_LESS in message:
        kind = TooLarge
    elif kind is LimitExceeded and number_in(data, "retry_after_s") is not None:
        kind = RateLimited
    return kind(code, message, data)


def unknown_tool(name: str, near: str = "") -> str:
    """Say that there is no such tool, in the words by which a client knows it.

    Args:
        name: what was asked for.
        near: a tool that is meant, perhaps; "": nobody knows.
    """
    hint = f" (did you mean {near}?)" if near else ""
    return f"{NO_TOOL}{name}{hint}{LISTED}"
