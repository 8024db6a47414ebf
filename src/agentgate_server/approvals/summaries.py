"""Summaries: one line for each agent that asks more than people are told of: so many more wait.

A line is sent once and then edited, which makes no phone ring. No I/O; times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

EVERY_S = 10.0
"""From one edit of a line to the next."""

AGAIN_S = 600.0
"""After so long a new line is sent, where nothing was left to be said: the former is far above."""

LINES_MAX = 100
"""Agents with a line; beyond it the oldest is left as it is."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a line, or edit it; report ``told`` or ``gone``.

    Attributes:
        agent: whose asks.
        count: how many of them wait and were not told of.
        text: what the line says.
        chat_id, message_id: the message to edit; 0: a new one.
    """

    agent: str
    count: int
    text: str
    chat_id: int = 0
    message_id: int = 0


@dataclass(slots=True)
class Line:
    """What one line shows, and since when."""

    chat_id: int
    message_id: int
    count: int
    sent_at: float
    edited_at: float


class Summaries:
    """See the module.

    Args:
        render: the words for so many asks of an agent.
    """

    def __init__(self, render: Callable[[str, int], str]) -> None:
        self.render = render
        self._lines: dict[str, Line] = {}

    def next_step(self, held: Mapping[str, int], now: float) -> Tell | None:
        """Return what to tell next; ``held`` are the asks of each agent that wait for room."""
        for agent, count in held.items():
            line = self._lines.get(agent)
            if line is None or (not line.count and now - line.sent_at >= AGAIN_S):
                return Tell(agent, count, self.render(agent, count))
        for agent, line in self._lines.items():
            count = held.get(agent, 0)
            if count != line.count and now - line.edited_at >= EVERY_S:
                text = self.render(agent, count)
                return Tell(agent, count, text, line.chat_id, line.message_id)
        return None

    def next_deadline(self, held: Mapping[str, int]) -> float | None:
        """Return when the next line may be edited that is not true any more, or None."""
        times = [
            line.edited_at + EVERY_S
            for agent, line in self._lines.items()
            if line.count != held.get(agent, 0)
        ]
        return min(times) if times else None

    def told(self, step: Tell, chat_id: int, message_id: int, now: float) -> None:
        """The line says so."""
        line = self._lines.pop(step.agent, None)
        is_new = line is None or not step.message_id
        sent_at = now if line is None or is_new else line.sent_at
        self._lines[step.agent] = Line(chat_id, message_id, step.count, sent_at, now)
        if len(self._lines) > LINES_MAX:
            del self._lines[next(iter(self._lines))]

    def gone(self, step: Tell) -> None:
        """The line can't be edited: somebody deleted it, or Telegram refuses it."""
        self._lines.pop(step.agent, None)

    def moved(self, chat_id: int) -> None:
        """A chat is another one now."""
        lines = self._lines.items()
        self._lines = {agent: line for agent, line in lines if line.chat_id != chat_id}
