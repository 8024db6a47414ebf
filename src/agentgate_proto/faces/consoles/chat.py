"""What of a session's log is chat: the lines that a console shows, live and as history.

The history of an agent *is* the log of its session, so both are one order. Lines are made of events
that are shown only when they are durable, so a line that somebody saw is in every later history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from agentgate_proto.faces.consoles.messages import AgentLine, Response, ResponseType, UserLine
from agentgate_proto.limits import SessionLimits
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import GAP

CHAT_MESSAGE = "chatMessage"

ANSWERED = (RunStatus.COMPLETED, RunStatus.MAX_TOKENS)
"""How runs end that need no further word."""

REASONS = {
    RunStatus.REFUSAL: "The model would not answer",
    RunStatus.CANCELLED: "The answer was cancelled",
    RunStatus.INTERRUPTED: "The answer was interrupted",
    RunStatus.TRUNCATED: "The answer broke off",
    RunStatus.FAILED: "The model could not answer",
    RunStatus.BUDGET: "There is no money left for an answer",
    RunStatus.MAX_ITERATIONS: "The agent has gone round too often without an answer",
}
"""What the others are called."""

LOST = "Part of the history is not kept any more."

AHEAD = SessionLimits().ahead
"""So many events may be missing where a process died, and none of them is a line. What is missing
beyond that was kept once, and had lines in it."""


class LogEvent(Protocol):
    """An event of a session's log."""

    @property
    def kind(self) -> str:
        """What it says; see ``EventKind``."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """Its data, as decoded JSON."""
        ...

    @property
    def at(self) -> str:
        """When, RFC 3339."""
        ...

    @property
    def count(self) -> int:
        """How many events these are."""
        ...


def line_of(event: LogEvent, agent: str) -> UserLine | AgentLine | None:
    """Return the line that an event is.

    Args:
        event: of the agent's session.
        agent: its id.

    Returns:
        The line; None: it is none.
    """
    data = event.data
    match event.kind:
        case EventKind.MESSAGE:
            return UserLine(text=data["text"], timestamp=event.at, agent_id=agent)
        case EventKind.REPLY if data["text"]:
            return agent_line("text", data["text"], event.at, agent)
        case EventKind.RUN_ENDED if data["status"] not in ANSWERED:
            return agent_line("error", why(data), event.at, agent)
    return None


def loses_lines(event: LogEvent) -> bool:
    """Whether an event says that lines are not to be had."""
    return event.kind == GAP and (bool(event.data.get("reason")) or event.count > AHEAD)


def lost_line(at: str, agent: str) -> AgentLine:
    """Say that lines are missing here."""
    return agent_line("notice", LOST, at, agent)


def agent_line(kind: ResponseType, text: str, at: str, agent: str) -> AgentLine:
    """Make a line of the agent; ``kind`` is the type of its response."""
    return AgentLine(response=Response(type=kind, result=text), timestamp=at, agent_id=agent)


def why(data: Mapping[str, Any]) -> str:
    """Say how a run ended, for people; a status that a later gateway may have is shown as it is."""
    status, reason = data["status"], data.get("reason", "")
    words = REASONS.get(status, f"The answer ended as {status}")
    return f"{words}: {reason}" if reason else words
