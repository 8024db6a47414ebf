"""What the machine of one call is told of its client, and what it wants done: see ``call``."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.messages import Token
from agentgate_proto.faces.mcp.questions import Question
from agentgate_proto.records.request import Phase, Record


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a client has asked for, and what it can do.

    Attributes:
        era: of the request.
        token: progress is wanted under it; None: none is.
        streams: it may be answered by a stream.
        tasks: it may be answered by a task.
        can: what the client may be asked, see ``ClientCapabilities.can``.
        hold_s: how long it may be held.
        hears: from which level on messages for its log are wanted; "": none are.
        resumed: the client comes back to the stream of a call that it made before.
        owns: the call is its own, to be withdrawn by it; else it only looks at one.
        stops: the tool can be stopped while it runs without harm.
    """

    era: Era
    token: Token | None = None
    streams: bool = True
    tasks: bool = False
    can: frozenset[str] = frozenset()
    hold_s: float
    hears: str = ""
    resumed: bool = False
    owns: bool = True
    stops: bool = False


class Standing(NamedTuple):
    """How a request stands that is under way: see ``FaceCall``. ``rid`` "": it has none yet."""

    phase: Phase | None
    rid: str


class Begin(msgspec.Struct, frozen=True):
    """Begin a stream. ``primed``: with the id by which the client can come back to it."""

    primed: bool


class Send(msgspec.Struct, frozen=True):
    """Send this message on the stream."""

    message: bytes


class Answer(msgspec.Struct, frozen=True):
    """Send this response, on the stream if one was begun; it is the last of it.

    ``settles``: with it the client has the outcome. Say so to the desk when it surely has.
    """

    message: bytes
    settles: bool = False


class MakeTask(msgspec.Struct, frozen=True):
    """Answer with a task, and go on to listen for it: the machine does so no more."""

    record: Record | None


class AskClient(msgspec.Struct, frozen=True):
    """Answer with these questions (modern). What asks them goes on to wait; ``Leave`` follows."""

    questions: tuple[Question, ...]


class GiveUp(msgspec.Struct, frozen=True):
    """Whoever asked this question gets no answer by this call."""

    name: str
    why: str


class Withdraw(msgspec.Struct, frozen=True):
    """Withdraw the call; report ``withdrawn``."""


class Leave(msgspec.Struct, frozen=True):
    """Listen no more: the call goes on by itself, and its outcome is kept."""


class Received(msgspec.Struct, frozen=True):
    """The outcome need not be kept: its client wanted it withdrawn, and it was."""


class HungUp(msgspec.Struct, frozen=True):
    """The client waited for so many seconds, and no longer: see ``holds``."""

    held_s: float


Effect = (
    Begin | Send | Answer | MakeTask | AskClient | GiveUp | Withdraw | Leave | Received | HungUp
)
