"""What of a session's log is chat: the lines that a console shows, live and as history.

The history of an agent *is* the log of its session, so both are one order. Lines are made of events
that are shown only when they are durable, so a line that somebody saw is in every later history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from agentgate_proto.faces.consoles.messages import AgentLine, Response, ResponseType, UserLine
from agentgate_proto.limits import MESSAGE_CHARS_MAX
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import GAP
from agentgate_proto.sessions.limits import SessionLimits

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


LINE_CHARS_MAX = MESSAGE_CHARS_MAX
"""Of one line: all that people say, and far more than a model says at once. A longer one would not
fit what may wait for a console; it could not be sent by any number of tries."""

CUT = " … (cut: it is too long for a console)"

ANEW = ("epoch", "ahead")
"""Why what follows is not of the log that was read: it was lost, or is an older copy of it."""


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
            return UserLine(text=text_of(data), timestamp=event.at, agent_id=agent)
        case EventKind.REPLY if text := text_of(data):
            return agent_line("text", text, event.at, agent)
        case EventKind.RUN_ENDED if data.get("status") not in ANSWERED:
            return agent_line("error", why(data), event.at, agent)
    return None


def text_of(data: Mapping[str, Any]) -> str:
    """Return the text of an event, as far as it fits a line; of another gateway's, who knows."""
    text = data.get("text")
    if not isinstance(text, str):
        return ""
    return text if len(text) <= LINE_CHARS_MAX else text[:LINE_CHARS_MAX] + CUT


def begins_anew(event: LogEvent) -> bool:
    """Whether what follows is of another log, so that what was shown is not its history."""
    return event.kind == GAP and event.data.get("reason") in ANEW


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
    status, reason = str(data.get("status")), data.get("reason")
    known = status in RunStatus.__members__.values()
    words = REASONS[RunStatus(status)] if known else f"The answer ended as {status}"
    return f"{words}: {reason}" if reason else words
