"""A console: one socket on which a person's program talks to agents, directly or through here.

What it emits goes in by ``receive``, and what comes of the effects by the inputs that ``effects``
names, most of which are those of its ``talks``; what is to be done comes out by ``next_effect``.
When the socket is gone, ``close`` leaves what it used. How its messages ended is still to be
reported then: they are on their way, and count.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

from agentgate_proto.faces.consoles.effects import Answer, Effect, Emit
from agentgate_proto.faces.consoles.messages import BadMessageError, Failed, Problem, ToConsole
from agentgate_proto.faces.consoles.talks import NOT_LOGGED_IN, Talks
from agentgate_proto.faces.consoles.waiting import Waiting

SHOWN_CHARS_MAX = 300
"""Of an event's name, which may be long, or of what was wrong with it."""


class Console(ABC):
    """See the module. ``now`` is monotonic seconds.

    Args:
        principal: who it is.
        prefix: of the ids of its messages; never used for another console.
        waiting: counts the messages of all consoles.

    Attributes:
        talks: what it has to do with agents.
    """

    def __init__(self, principal: str, prefix: str, waiting: Waiting) -> None:
        self._effects: deque[Effect] = deque()
        number = count(1).__next__
        self.talks = Talks(
            self._effects, number, principal, prefix, waiting, self._tell, self._unknown
        )

    def next_effect(self) -> Effect | None:
        """Return what is to be done next; None: nothing for now."""
        return self._effects.popleft() if self._effects else None

    def receive(self, event: str, args: Sequence[Any], ack: int | None, now: float) -> None:
        """Take an event of the console.

        Args:
            event: its name.
            args: its arguments, as decoded JSON; the first one counts.
            ack: it wants to be acknowledged, under this number.
            now: see the class.
        """
        try:
            self._on_event(event, args[0] if args else None, ack, now)
        except BadMessageError as error:
            self._complain(ack, f"Invalid payload of {shown(event)}: {shown(str(error))}")

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        return self.talks.next_deadline()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self.talks.handle_timer(now)

    def close(self) -> None:
        """The socket is gone."""
        self.talks.close()

    # For the two kinds

    @abstractmethod
    def _on_event(self, event: str, argument: Any, ack: int | None, now: float) -> None:
        """Act on an event.

        Raises:
            BadMessageError: its argument is not what it takes.
        """

    @abstractmethod
    def _tell(self, event: str, payload: ToConsole, agent: str) -> None:
        """Tell the console what the gateway of its agents says."""

    def _unknown(self, agent: str) -> str:
        """Say of an agent that the console is not logged in to it."""
        return NOT_LOGGED_IN

    def _emit(self, event: str, payload: ToConsole) -> None:
        self._effects.append(Emit(event, payload))

    def _complain(self, ack: int | None, words: str) -> None:
        """Say what was wrong with something that is not about agents."""
        self._emit("error", Problem(message=words))
        if ack is not None:
            self._effects.append(Answer(ack, Failed(error=Problem(message=words))))


def shown(text: str) -> str:
    """Shorten a text that a console may have chosen."""
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + " …"
