"""What the talk with a server of MCP says: what is to be sent, and what has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

import msgspec

from agentgate_proto.faces.mcp.eras import Era

NO_RESULT = msgspec.Raw(b"null")


class Kind(StrEnum):
    """What a server lists; the value is the member of the answer that has it."""

    TOOLS = "tools"
    RESOURCES = "resources"
    TEMPLATES = "resourceTemplates"
    PROMPTS = "prompts"


class End(Enum):
    """How a call ended."""

    RESULT = "result"
    """It has a result."""
    ERROR = "error"
    """The server has said that it failed."""
    NOT_SENT = "not sent"
    """Nothing of it has reached the server, or it was refused unread: nothing was run."""
    LOST = "lost"
    """It was sent, and nobody knows what became of it."""


# What is to be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message for the server. From here on it counts as sent.

    Attributes:
        body: the JSON text, without a line end.
        request: its id, if it wants an answer; else None.
        headers: what HTTP says besides; empty elsewhere.
        stays: its answer takes as long as the talk: it only brings notifications.
        goes_first: what comes after it waits until the server has it.
    """

    body: bytes
    request: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stays: bool = False
    goes_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """Close the stream on which a request is answered (HTTP): nobody waits for it."""

    request: int


Outgoing = Send | Abort


# What has happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The server takes calls.

    Attributes:
        era, version: what is spoken.
        name: what the server calls itself, with its version; shown, never relied on.
    """

    era: Era
    version: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """The talk can't go on; every call has ended before. Start anew, later."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What the server offers now, in place of all before.

    Attributes:
        kind: of what.
        items: each as the server wrote it.
        is_cut: there is more, which is not taken.
    """

    kind: Kind
    items: tuple[msgspec.Raw, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call has ended.

    Attributes:
        call: its number.
        end: how.
        result: as the server wrote it, for ``RESULT``.
        code, message, data: of the error, for ``ERROR``; code 0: the server has not answered with
            one. Otherwise the message says what happened.
    """

    call: int
    end: End
    result: msgspec.Raw = field(default_factory=lambda: NO_RESULT)
    code: int = 0
    message: str = ""
    data: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The server asks something in the midst of a call. Answer by ``answer`` or ``unanswered``.

    Attributes:
        question: its number.
        call: for which call.
        method, params: what it asks.
        key: what the server calls it; "": nothing.
    """

    question: int
    call: int
    method: str
    params: msgspec.Raw
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The answer to a question is not wanted any more."""

    question: int
    call: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The server says something about a call that wants no answer.

    Attributes:
        call: about which.
        method: ``notifications/progress`` or ``notifications/message``.
        params: without the token of the progress, which was ours.
    """

    call: int
    method: str
    params: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """A resource that was subscribed to has changed."""

    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Something came that is no message; how often by now."""

    count: int


Event = Ready | Over | Listed | Ended | Asked | Withdrawn | Told | Updated | Noise
