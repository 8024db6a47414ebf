"""The exceptions of the SDK: one class for each kind of failure, all under ``AgentGateError``.

Which code raises which stands in ``codes``. Four of the names are promised by seed 001 (FR6): they
stay the bases of what says more, so that a program that catches them goes on as it was.
"""

from __future__ import annotations

import math
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

    @property
    def word(self) -> str:
        """What people said when they were asked about the request; "": nothing, or nobody was."""
        word = self.data.get("word") if isinstance(self.data, dict) else None
        return word if isinstance(word, str) else ""

    @property
    def edited(self) -> dict[str, Any] | None:
        """The arguments that the tool was run with, if a person had changed them."""
        edited = self.data.get("edited") if isinstance(self.data, dict) else None
        return edited if isinstance(edited, dict) else None

    @property
    def retry_after_s(self) -> float | None:
        """In how many seconds the same may be tried again; None: waiting is said to help nothing.

        The gateway says it of limits, and of wrong codes and passwords when there were too many.
        """
        pause_s = number_in(self.data, "retry_after_s")
        return None if pause_s is None else float(pause_s)


# It did not run


class AgentGateDenied(AgentGateError):
    """Policy or a person said no (-32003, -32001). The tool did not run."""


class DeniedByPerson(AgentGateDenied):
    """A person said no (-32001). The tool did not run."""


class DeniedByPolicy(AgentGateDenied):
    """A rule said no (-32003), or there is none that allows it. The tool did not run."""


class AgentGateTimeout(AgentGateError):
    """Nobody answered in time (-32002), or the caller's own time-out passed (-32008)."""


class ApprovalExpired(AgentGateTimeout):
    """Nobody answered in time (-32002). The tool did not run."""


class RequestCancelled(AgentGateTimeout):
    """The call was withdrawn (-32008): ``timeout_s`` passed, or somebody cancelled it.

    The message says what became of it; ``data`` is ``{"sent": True}`` where it may still run.
    """


class InvalidArguments(AgentGateError):
    """The arguments don't fit the tool or the method, or are no JSON (-32602)."""


class LimitExceeded(AgentGateError):
    """There is no room for it (-32006)."""


class RateLimited(LimitExceeded):
    """There is no room for it now (-32006): ``retry_after_s`` says when to try again."""


class TooLarge(LimitExceeded):
    """It is larger than can be taken (-32602, -32006): sending less helps, or raising the cap that
    the message names."""


class NotFound(AgentGateError):
    """There is no approval, grant, request or agent with this name that is the caller's (-32011).

    Of sessions it is :class:`SessionNotFound`, of tools :class:`UnknownTool`.
    """


class Forbidden(AgentGateError):
    """The token's role may not do this (-32010)."""


# It may have run


class ToolFailed(AgentGateError):
    """The tool ran and failed (-32004), in its own words."""


class UnknownTool(ToolFailed, NotFound):
    """The gateway has no tool of this name, or none for this agent (-32004). Nothing ran."""


class OutcomeUnknown(AgentGateError):
    """The tool may or may not have run (-32007): the gateway died while it ran.

    Nothing is retried for you. Look at the world first; asking again asks a person.
    """


# The gateway, and the way to it


class AgentGateConnectionError(AgentGateError):
    """The gateway could not be reached, or did not accept the token (-32000, -32005)."""


class Disconnected(AgentGateConnectionError):
    """The gateway can't be reached, or the client was closed or has given up (-32000).

    Of a call that was sent ``data`` is ``{"sent": True}``: it may have run.
    """


class AuthenticationFailed(AgentGateConnectionError):
    """The token is not accepted (-32005)."""


class NotSupported(AgentGateError):
    """The gateway has no such method (-32601): it is older than this client, or of another kind."""


class InvalidRequest(AgentGateError):
    """The gateway can't read what it was sent, or an id is in use for something else (-32600,
    -32700)."""


class GatewayFailed(AgentGateError):
    """The gateway could not do its part, such as with a full disk (-32603). No tool was started."""


class RelayLoop(AgentGateError):
    """The request has been at this gateway before, or at too many others (-32018)."""


# Approvals


class AlreadySettled(AgentGateError):
    """The approval was answered, withdrawn or expired before (-32009); ``data`` says how.

    Or another client of the same principal offers this tool already.
    """


class CodeNeeded(AgentGateError):
    """A yes to this takes a one-time code, and there was no good one (-32012)."""


# Sessions


class SessionNotFound(NotFound):
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


class LoginFailed(AgentGateError):
    """There is no such named agent, or that is not its password (-32017)."""


def number_in(data: Any, name: str) -> float | int | None:
    """Return a number that is not negative out of what a gateway said; None: there is none."""
    value = data.get(name) if isinstance(data, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) and value >= 0 else None
    except OverflowError:  # an integer may be too large for a float
        return None
