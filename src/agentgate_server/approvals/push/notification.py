"""A notification: what is sent to one place, in plain words, with buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

from agentgate_server.secrets.secret import Secret


class Loudness(Enum):
    """How a notification comes."""

    ASK = "ask"
    """Somebody is waited for."""

    NEWS = "news"
    """Worth a look."""

    SILENT = "silent"
    """For who looks anyway."""

    GONE = "gone"
    """Nothing is left to be said: where notifications can be taken away, this one is."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button.

    Attributes:
        label: what it says.
        approve: what a tap answers.
        takes_text: a tap asks for a text as well, where that can be.
        ticket: what a tap sends; made for one sending.
    """

    label: str
    approve: bool
    takes_text: bool = False
    ticket: Secret = field(default=Secret(""), compare=False)


@dataclass(frozen=True, slots=True)
class Notification:
    """What one place shows.

    Attributes:
        tag: of its approval, or of what it counts; the next one of this tag takes its place.
        title, text: plain, of several lines.
        loudness: how it comes.
        buttons: what can be answered.
    """

    tag: str
    title: str
    text: str
    loudness: Loudness
    buttons: tuple[Button, ...] = ()

    @property
    def digest(self) -> str:
        """Tells notifications apart, in this process and the next; their tickets do not count."""
        buttons = [(each.label, each.approve, each.takes_text) for each in self.buttons]
        seen = repr((self.title, self.text, self.loudness, buttons))
        return sha256(seen.encode("utf-8", "backslashreplace")).hexdigest()[:16]
