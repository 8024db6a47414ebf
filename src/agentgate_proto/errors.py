"""Error codes and exceptions: one table, from which everything else is made.

The wire uses the numbers, the SDK raises the exceptions, the protocol reference prints the
meanings. A code that is not in ``ERRORS`` does not exist.

Sources: JSON-RPC 2.0 section 5.1 for -32700 and -32600 to -32603; seed 001 for -32001 to -32006.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class AgentGateError(Exception):
    """A call failed; base of every exception that the SDK raises.

    Attributes:
        code: the JSON-RPC error code, see :class:`ErrorCode`.
        message: the gateway's own words.
        data: what the gateway added, as decoded JSON (for instance ``retry_after_s``), or None.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(code, message)
        self.code = int(code)
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


class AgentGateDenied(AgentGateError):
    """Policy or a person said no (-32003, -32001). The tool did not run."""


class AgentGateTimeout(AgentGateError):
    """Nobody answered in time (-32002), or the caller's own time-out passed (-32008)."""


class AgentGateConnectionError(AgentGateError):
    """The gateway could not be reached, or did not accept the token (-32000, -32005)."""


class OutcomeUnknown(AgentGateError):
    """The tool may or may not have run (-32007): the gateway died while it ran.

    Nothing is retried for you. Look at the world first; asking again asks a person.
    """


class SessionNotFound(AgentGateError):
    """There is no such session that is the caller's (-32013)."""


class RunInProgress(AgentGateError):
    """The session has a run under way, and takes no other message meanwhile (-32014).

    Cancelling that run, or answering what it waits for, frees the session.
    """

    @property
    def run(self) -> str:
        """The run that is under way; "" if the gateway did not say."""
        run = self.data.get("run", "") if isinstance(self.data, dict) else ""
        return run if isinstance(run, str) else ""

    @property
    def approvals(self) -> list[str]:
        """The approvals that it waits for."""
        ids = self.data.get("approvals") if isinstance(self.data, dict) else None
        return [each for each in ids if isinstance(each, str)] if isinstance(ids, list) else []


class OverBudget(AgentGateError):
    """The money for a model request is not there (-32015)."""


class ModelFailed(AgentGateError):
    """A model is unknown, could not be asked, or gave no whole answer (-32016)."""


class ProtocolError(Exception):
    """Base of what the machines of the core raise."""


class LocalProtocolError(ProtocolError):
    """We asked a machine for something that its state does not allow. Changes no state."""


class ConnectionClosedError(ProtocolError):
    """A send lost the race with the end of the connection. Not the sender's fault."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    Attributes:
        reason: what was wrong.
        code: what to close the WebSocket with (RFC 6455 section 7.4).
        cap: what it was too much of, or not allowed to be, in one word; "": of nothing.
    """

    def __init__(self, message: str, close_code: int = 1002, cap: str = "") -> None:
        super().__init__(message)
        self.reason = message
        self.code = close_code
        self.cap = cap


ASK_AGAIN = "nothing was run now, ask again under the same id and key"
"""Said where nobody has looked whether the request is a repeat of one that has run."""


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
    exception: type[AgentGateError] = AgentGateError


ERRORS: dict[int, ErrorRow] = {
    row.code: row
    for row in (
        ErrorRow(ErrorCode.PARSE_ERROR, "Parse error", "The text is not JSON."),
        ErrorRow(
            ErrorCode.INVALID_REQUEST,
            "Invalid Request",
            "The JSON is not a JSON-RPC 2.0 message, or its id is in use for something else.",
        ),
        ErrorRow(ErrorCode.METHOD_NOT_FOUND, "Method not found", "There is no such method."),
        ErrorRow(ErrorCode.INVALID_PARAMS, "Invalid params", "The parameters do not fit."),
        ErrorRow(
            ErrorCode.INTERNAL_ERROR,
            "Internal error",
            "The gateway could not do its part (for instance a full disk); no tool was started.",
        ),
        ErrorRow(
            ErrorCode.CONNECTION_LOST,
            "Connection lost",
            "Raised by a client, never sent: the gateway cannot be reached.",
            AgentGateConnectionError,
        ),
        ErrorRow(
            ErrorCode.DENIED_BY_PERSON, "Denied by user", "A person said no.", AgentGateDenied
        ),
        ErrorRow(
            ErrorCode.APPROVAL_EXPIRED,
            "Approval timed out",
            "Nobody answered in time; the tool did not run.",
            AgentGateTimeout,
        ),
        ErrorRow(
            ErrorCode.DENIED_BY_POLICY, "Denied by policy", "A rule said no.", AgentGateDenied
        ),
        ErrorRow(
            ErrorCode.TOOL_FAILED,
            "Tool failed",
            "The tool is unknown, or it ran and failed; the text is the tool's own.",
        ),
        ErrorRow(
            ErrorCode.AUTHENTICATION,
            "Not authenticated",
            "The token is wrong, missing or late; the connection is closed with 4401.",
            AgentGateConnectionError,
        ),
        ErrorRow(
            ErrorCode.LIMIT_EXCEEDED,
            "Limit exceeded",
            "Too many requests or waiting approvals; data.retry_after_s says when to try again.",
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
            AgentGateTimeout,
        ),
        ErrorRow(
            ErrorCode.ALREADY_SETTLED,
            "Already settled",
            "The approval was answered, withdrawn or expired before; data says how.",
        ),
        ErrorRow(ErrorCode.FORBIDDEN, "Forbidden", "The role may not do this."),
        ErrorRow(ErrorCode.NOT_FOUND, "Not found", "There is no approval or grant with this id."),
        ErrorRow(
            ErrorCode.CODE_NEEDED,
            "One-time code needed",
            "Saying yes to this takes a one-time code, and there was none, a wrong one, or one "
            "that was used before; data.retry_after_s: there were too many wrong ones.",
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
        ),
        ErrorRow(
            ErrorCode.RELAY_LOOP,
            "Relay loop",
            "The request has been at this gateway before, or at too many others.",
        ),
    )
}


def exception_for(code: int, message: str, data: Any = None) -> AgentGateError:
    """Return the exception that the SDK raises for a JSON-RPC error; unknown codes get the base."""
    row = ERRORS.get(code)
    return (row.exception if row else AgentGateError)(code, message, data)
