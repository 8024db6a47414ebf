"""What the machines of consoles want done. Whoever drives one does each in order, at once.

What takes time is reported back under its number: ``logged_in`` or ``login_failed`` for ``LogIn``,
``said`` or ``not_said`` for ``Say``, ``take`` and ``ended`` for ``Read``. Numbers are never used
twice by one console.
"""

from __future__ import annotations

import msgspec

from agentgate_proto.faces.consoles.messages import ToConsole
from agentgate_proto.rpc.session_methods import SendMessage


class Emit(msgspec.Struct, frozen=True):
    """Send the console an event."""

    event: str
    payload: ToConsole


class Answer(msgspec.Struct, frozen=True):
    """Acknowledge an event of the console that wants to be acknowledged."""

    ack: int
    payload: ToConsole


class Choose(msgspec.Struct, frozen=True):
    """Find the gateway behind this one, and report by ``chosen`` or ``refused``; from then on, how
    its link is, by ``remote``. Until the next ``Choose`` all that follows goes there."""

    client: str


class LogIn(msgspec.Struct, frozen=True):
    """Log in to an agent, on behalf of this console; ``password`` None: by the stored one."""

    number: int
    agent: str
    password: str | None

    def __repr__(self) -> str:
        """Without the password."""
        return f"LogIn({self.number}, {self.agent!r})"


class LogOut(msgspec.Struct, frozen=True):
    """This console uses the agent no more; it was logged in to it."""

    agent: str


class Say(msgspec.Struct, frozen=True):
    """Make this call."""

    number: int
    params: SendMessage


class Read(msgspec.Struct, frozen=True):
    """Read the log of a session from here on, as it grows, at the pace of the console."""

    number: int
    session: str
    epoch: str
    offset: int


class StopReading(msgspec.Struct, frozen=True):
    """Read it no more."""

    number: int


Effect = Emit | Answer | Choose | LogIn | LogOut | Say | Read | StopReading
