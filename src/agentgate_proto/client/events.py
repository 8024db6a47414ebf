"""What the client machine tells its adapter, in order."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from agentgate_proto.errors import AgentGateError
from agentgate_proto.rpc.tool_methods import CallTool


class ClientState(Enum):
    """How a client stands to its gateway."""

    IDLE = "idle"
    """Not connected, and not trying to."""
    CONNECTING = "connecting"
    """Dialling, upgrading, authenticating, or fetching what was missed."""
    CONNECTED = "connected"
    """Calls go out."""
    RECONNECTING = "reconnecting"
    """The connection broke or could not be made; the next attempt is scheduled."""
    CLOSED = "closed"
    """Closed by the user, or given up."""


class Dial(msgspec.Struct, frozen=True):
    """Open a socket; report ``dialed`` or ``dial_failed``.

    One at a time: when the state becomes ``CLOSED``, stop the dial that is under way, or report it
    before the next one.
    """


class HangUp(msgspec.Struct, frozen=True):
    """Flush the output, briefly, then close the socket. Nothing more comes from it."""


class StateChanged(msgspec.Struct, frozen=True):
    """The state changed.

    Attributes:
        state: the new state.
        error: why, where something went wrong.
        retry_in_s: seconds until the next attempt, for ``RECONNECTING``.
    """

    state: ClientState
    error: AgentGateError | None = None
    retry_in_s: float = 0.0


class Settled(msgspec.Struct, frozen=True):
    """A call has its result, or its error; never both, and once.

    Attributes:
        joined_at: when the request had ended that it was a repeat of, RFC 3339: nothing was run for
            it; "": that is not so.
        word: what people said when they were asked, or "".
        edited: the arguments that it ran with, if they had changed them.
    """

    handle: int
    result: Any
    error: AgentGateError | None
    joined_at: str = ""
    word: str = ""
    edited: dict[str, Any] | None = None


class Stood(msgspec.Struct, frozen=True):
    """A standing call was answered again, on another connection: its result, or its error."""

    handle: int
    result: Any
    error: AgentGateError | None


class CallAsked(msgspec.Struct, frozen=True):
    """The gateway asks for a tool that this client provides: run it, and then say ``returned`` or
    ``failed``."""

    call: CallTool


class CallStopped(msgspec.Struct, frozen=True):
    """Nobody waits for this call any more: stop it if that can be done. Say how it ended all the
    same."""

    call: str


class Pushed(msgspec.Struct, frozen=True):
    """The gateway's notification."""

    params: msgspec.Struct


class Refusal(msgspec.Struct, frozen=True):
    """A standing call that does not hold at this moment: its method, and what the gateway said; or
    that it did not answer (-32008)."""

    method: str
    error: AgentGateError


ClientEvent = Dial | HangUp | StateChanged | Settled | Stood | CallAsked | CallStopped | Pushed
