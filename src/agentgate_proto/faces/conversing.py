"""Conversations over a face's WebSocket: what they have in common, whatever their messages are.

A conversation is one connection. What comes on it, and what the sessions answer, goes in; what is
to be done comes out as effects, in order. One run is watched at a time, from its message to its
end. That the connection ends is no input: the run goes on, and nobody is left who could be told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.records.session import RunStatus
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import Attached, AttachSession, StillRunning

CALLS_MAX = 16
"""Questions of one connection that are not answered yet. A client asks and waits; each answer may
be a long list, and whoever asks thousands at once would have them all made for nothing."""

SHOWN_CHARS_MAX = 300
"""Of what was wrong with a message: an error may quote what the client sent, which may be long."""

BROKEN = (RunStatus.FAILED, RunStatus.TRUNCATED, RunStatus.INTERRUPTED, RunStatus.BUDGET)
"""How runs end that gave no answer, or none to rely on. To the client that is an error."""


NOTHING = msgspec.Raw(b"null")


class Send(msgspec.Struct, frozen=True):
    """Send this message."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """Make a native call, and report how it ended: ``succeeded`` or ``failed``, with this effect.

    Attributes:
        about: what of the client's it is about.
        params: of the call.
    """

    about: Any
    params: msgspec.Struct


class Watch(msgspec.Struct, frozen=True):
    """Attach to a session; report as for ``Call``, and what comes then by ``take``."""

    about: Any
    params: AttachSession


class Unwatch(msgspec.Struct, frozen=True):
    """What follows in the session is not wanted any more."""


class Close(msgspec.Struct, frozen=True):
    """Close the connection, after all that was sent."""

    code: int
    reason: str


class Tell(msgspec.Struct, frozen=True):
    """Hand this to the face: it is not for the client."""

    what: Any


Effect = Send | Call | Watch | Unwatch | Close | Tell


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an event of a log says, of all kinds that a face looks at; see ``EventKind``."""

    run: str = ""
    message_id: str = ""
    text: str = ""
    model: str = ""
    iteration: int = 0
    attempt: int = 0
    wait_s: float = 0.0
    reason: str = ""
    call: str = ""
    tool: str = ""
    args: msgspec.Raw = msgspec.Raw(b"{}")
    approval: str = ""
    rule: str = ""
    signature: str = ""
    expires_at: Any = None
    status: str = ""
    result: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    word: str = ""
    edited: msgspec.Raw = NOTHING
    late: bool = False
    client: bool = False
    iterations: int = 0
    still_running: list[StillRunning] = []
    usage: Usage = Usage()
    cost_micros: int | None = None

    @property
    def has_error(self) -> bool:
        """Whether a tool call has an error for its result."""
        return self.error != NOTHING

    @property
    def of_people(self) -> dict[str, Any]:
        """What people have made of a call, as an event has it: ``word`` and ``edited``, if any."""
        word = {"word": self.word} if self.word else {}
        edited = msgspec.json.decode(self.edited)
        return word if edited is None else {**word, "edited": edited}


said_by = msgspec.json.Decoder(Said).decode


class Conversation(ABC):
    """See the module. ``now`` is UTC seconds."""

    def __init__(self) -> None:
        self._effects: deque[Effect] = deque()
        self._asked = 0  # calls that are not answered yet
        self._run = ""  # the run that is watched

    def next_effect(self) -> Effect | None:
        """Return what is to be done next; None: nothing for now."""
        return self._effects.popleft() if self._effects else None

    # Input

    @abstractmethod
    def receive(self, text: str, now: float) -> None:
        """Take a message of the client."""

    def succeeded(self, effect: Call | Watch, result: Any, now: float) -> None:
        """A call went well."""
        self._asked -= 1
        self._on_result(effect.about, result, now)

    def failed(
        self, effect: Call | Watch, code: ErrorCode, message: str, data: Any, now: float
    ) -> None:
        """A call went wrong."""
        self._asked -= 1
        self._on_failure(effect.about, code, message or ERRORS[code].message, data, now)

    def take(self, events: Sequence[SessionEvent]) -> None:
        """Take events of the session that is watched. What is not of the run is left out."""
        for event in events:
            if not self._run:
                break  # it was over before
            said = said_by(event.data)
            if said.run in ("", self._run):
                self._on_event(event, said)

    @abstractmethod
    def gone(self, now: float) -> None:
        """The session was deleted: nothing follows."""

    # For the faces

    @abstractmethod
    def _on_result(self, about: Any, result: Any, now: float) -> None:
        """Act on the result of a call that was about this."""

    @abstractmethod
    def _on_failure(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        """Act on the error of a call that was about this."""

    @abstractmethod
    def _on_event(self, event: SessionEvent, said: Said) -> None:
        """Tell an event of the run, or one that says how the watching goes."""

    @property
    def _may_ask(self) -> bool:
        return self._asked < CALLS_MAX

    def _call(self, about: Any, params: msgspec.Struct) -> None:
        self._asked += 1
        self._effects.append(Call(about, params))

    def _watch(self, about: Any, params: AttachSession) -> None:
        self._asked += 1
        self._effects.append(Watch(about, params))

    def _watch_run(self, run: str, attached: Attached) -> bool:
        """From here on events of this run are told; False: nothing of it is kept, nor will come."""
        self._run = run if run and (not attached.gap or attached.run == run) else ""
        return bool(self._run)

    def _unwatch(self) -> None:
        self._run = ""
        self._effects.append(Unwatch())


def text_of(raw: msgspec.Raw) -> str:
    """Return a result as text: a text as it is, else its JSON."""
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else bytes(raw).decode()


def words_of(raw: msgspec.Raw) -> str:
    """Return an error as text: its message, if it is an object with one."""
    match msgspec.json.decode(raw):
        case {"message": str(message)}:
            return message
        case _:
            return text_of(raw)


def shown(text: object) -> str:
    """Shorten a text that may quote a client."""
    words = str(text)
    return words if len(words) <= SHOWN_CHARS_MAX else words[:SHOWN_CHARS_MAX] + " …"


def utf16_length(text: str) -> int:
    """Count as JavaScript counts the length of a string."""
    return len(text.encode("utf-16-le")) // 2
