"""Where a conversation is shown: what each output does, and the two that are no terminal."""

from __future__ import annotations

import sys
from typing import Any, Protocol

import click
import msgspec

from agentgate_cli.chat import words
from agentgate_cli.style import dim, note
from agentgate_cli.text import readable
from agentgate_client import Event
from agentgate_proto.records.session import EventKind
from agentgate_proto.records.session_views import GAP


class Output(Protocol):
    """Shows a conversation.

    Attributes:
        sums_up: a person looks, who wants to see what each answer took.
    """

    sums_up: bool

    def take(self, event: Event) -> None:
        """Show the next event."""

    def note(self, line: str) -> None:
        """Say something beside the conversation; styled, printable."""

    def tick(self) -> None:
        """Some time has passed: draw what has changed."""

    def pause(self) -> None:
        """Somebody else writes to the terminal from now on: hold back what comes."""

    def resume(self) -> None:
        """The terminal is free again."""

    def close(self) -> None:
        """Nothing more comes for now: leave the terminal as a line begins."""


class Plain:
    """Without a terminal: answers on standard output once they are whole, the rest beside it.

    An attempt that fails leaves nothing behind so, which can't be taken back from a pipe.

    Args:
        names: say who speaks, and what people said: it is no answer, but a conversation.
        thinking: say what the model thought.
    """

    def __init__(self, *, names: bool = False, thinking: bool = False) -> None:
        self.sums_up = False
        self.names = names
        self.thinking = thinking
        self._said: list[str] = []
        self._thought: list[str] = []

    def take(self, event: Event) -> None:
        """See :class:`Output`."""
        data = event.data
        match event.kind:
            case EventKind.TEXT:
                self._said.append(words.text_in(data, "text"))
            case EventKind.THINKING:
                self._thought.append(words.text_in(data, "text"))
            case EventKind.RESET | EventKind.MODEL_STARTED:
                self._said, self._thought = [], []
            case EventKind.REPLY:
                self._answer(words.text_in(data, "text"))
            case EventKind.RUN_ENDED:
                self._answer("".join(self._said))
            case _:
                pass
        line = line_of(event, names=self.names)
        if line:
            (say_plain if self.names else note)(line)

    def note(self, line: str) -> None:
        """See :class:`Output`."""
        note(line)

    def tick(self) -> None:
        """Nothing changes by itself."""

    def pause(self) -> None:
        """Nobody else writes."""

    def resume(self) -> None:
        """Nobody else wrote."""

    def close(self) -> None:
        """Everything is written."""

    def _answer(self, text: str) -> None:
        if self._thought and self.thinking:
            say_plain("thinking: " + readable("".join(self._thought), tab="\t").strip())
        if text.strip():
            say_plain(("model: " if self.names else "") + readable(text, tab="\t").rstrip("\n"))
        self._said, self._thought = [], []


class Lines:
    """Each event as a line of JSON on standard output.

    Args:
        session: the session's id; each line has it.
    """

    def __init__(self, session: str) -> None:
        self.sums_up = False
        self.session = session

    def take(self, event: Event) -> None:
        """See :class:`Output`."""
        sys.stdout.buffer.write(msgspec.json.encode(row_of(self.session, event)) + b"\n")
        sys.stdout.buffer.flush()

    def note(self, line: str) -> None:
        """See :class:`Output`."""
        note(line)

    def tick(self) -> None:
        """Nothing changes by itself."""

    def pause(self) -> None:
        """Nobody else writes."""

    def resume(self) -> None:
        """Nobody else wrote."""

    def close(self) -> None:
        """Everything is written."""


def row_of(session: str, event: Event) -> dict[str, Any]:
    """Return an event as JSON says it."""
    return {
        "session": session,
        "offset": event.offset,
        "count": event.count,
        "kind": event.kind,
        "at": event.at,
        "data": event.data,
    }


def say_plain(text: str) -> None:
    """Print text on standard output, styled only for a terminal."""
    click.echo(text)


def line_of(event: Event, *, names: bool) -> str:
    """Return the line for an event that is no text of the model's; "" if there is none.

    Args:
        event: what happened.
        names: say what people said, too.
    """
    data = event.data
    match event.kind:
        case EventKind.MESSAGE if names:
            return f"you: {readable(words.text_in(data, 'text'))}"
        case EventKind.TOOL_CALL:
            return words.call_line(data)
        case EventKind.TOOL_RESULT:
            return words.result_line(data)
        case EventKind.APPROVAL:
            return words.approval_line(data)
        case EventKind.RETRYING:
            return dim(words.retry_line(data))
        case EventKind.RESET:
            return dim(words.reset_line(data, was_settled=False))
        case EventKind.NOTE:
            return dim(readable(words.text_in(data, "text")))
        case EventKind.RUN_ENDED:
            return words.end_line(data)
        case kind if kind == GAP:
            return dim(words.gap_line(event.count, data))
        case _:
            return ""
