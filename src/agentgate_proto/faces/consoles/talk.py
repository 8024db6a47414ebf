"""What a console is logged in to, is about to be, and has said."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_proto.faces.consoles.messages import Chat


@dataclass(slots=True)
class Talk:
    """An agent that the console is logged in to.

    Attributes:
        id, name, session: as the gateway said.
        reading: number of the reading of its log.
        lost_told: it was said that lines are missing.
    """

    id: str
    name: str
    session: str
    reading: int
    lost_told: bool = False

    def is_meant_by(self, wanted: str) -> bool:
        """Whether a console calls it so."""
        return wanted in (self.id, self.name)


@dataclass(frozen=True, slots=True)
class Pending:
    """A login under way.

    Attributes:
        wanted: which agent, as the console says.
        ack: to be acknowledged.
        was_asked: the console wants it; else a message of its needs it.
    """

    wanted: str
    ack: int | None
    was_asked: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the console.

    Attributes:
        chat: what came.
        wanted: which agent, as the console says; "": it does not say.
        ack: to be acknowledged.
        size: of its text, bytes.
        until: how long it waits if no login is under way.
    """

    chat: Chat
    wanted: str
    ack: int | None
    size: int
    until: float
