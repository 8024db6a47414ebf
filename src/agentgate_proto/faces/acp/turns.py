"""Prompts that wait for the ends of their runs, and how such an end is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentgate_proto.records.session import RunStatus
from agentgate_proto.rpc.jsonrpc import RequestId

STOP_REASONS = {
    RunStatus.COMPLETED: "end_turn",
    RunStatus.MAX_TOKENS: "max_tokens",
    RunStatus.MAX_ITERATIONS: "max_turn_requests",
    RunStatus.REFUSAL: "refusal",
    RunStatus.CANCELLED: "cancelled",
}

CANCELLED = {"stopReason": "cancelled"}

NOT_KEPT = "the end of this prompt's run is not kept any more"


@dataclass(slots=True)
class Turn:
    """A prompt that is not answered yet.

    Attributes:
        id: of the request.
        message_id: of the message that it is.
        run: that it began; "": not known yet.
        is_cancelled: the client wants no more of it.
        offset: of the message, if its run was over when it was sent again; its end is looked for.
        is_sought: that has begun.
    """

    id: RequestId
    message_id: str
    run: str = ""
    is_cancelled: bool = False
    offset: int | None = None
    is_sought: bool = False


@dataclass(slots=True, kw_only=True)
class View:
    """From where a session is read, and shown.

    Attributes:
        epoch: of the offsets; "": whichever it has.
        read_from: the first offset that is read; None: the beginning of the run under way.
        base: with None: where it is read from if the run under way began later.
        show_from: the first that is told; None: from ``known_until`` on.
        is_whole: the client has seen nothing of it, its own prompts included.
        opening: the request that is answered when all is told that there was.
        answer: what with; None: there is no such request.
    """

    epoch: str = ""
    read_from: int | None = None
    base: int = 0
    show_from: int | None = None
    is_whole: bool = False
    opening: RequestId = None
    answer: dict[str, Any] | None = None
