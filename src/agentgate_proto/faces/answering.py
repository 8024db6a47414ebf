"""Conversations over one HTTP request: a message comes in, and its run is the answer.

The answer is a stream of events, or one body. The client may go before it is whole; then the
conversation decides what becomes of the run. A client's conversation is a session of ours, which is
found by what the client calls it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import Close, Conversation, Send, Tell
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.records.session_views import SessionEvent, SessionView
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    GetSession,
    ListSessions,
    MessageTaken,
    SessionList,
)

KEY_CHARS_MAX = 200
"""What a client calls its conversation; ours begins with the name of the face."""

DIGEST_CHARS = 40
"""Of the name of a message: two of one session are as good as never the same."""

OVER = Close(1000, "the answer is whole")


class Begin(msgspec.Struct, frozen=True):
    """To the face: begin an answer of events."""

    headers: dict[str, str] = {}


class Whole(msgspec.Struct, frozen=True):
    """To the face: this is the answer."""

    reply: Reply


class Found(msgspec.Struct, frozen=True):
    """To the face: it is known which session is meant, or that it can't be had. Another request
    about the same may look for it now."""


class Answering(Conversation):
    """See the module. ``start`` it; when the client goes, ``leave``.

    Args:
        face: what the name of its sessions begins with.
        key: what the client calls its conversation; "": nothing, a session is made for this answer.
        model: for a session that is made.
    """

    def __init__(self, face: str, key: str, model: str) -> None:
        super().__init__()
        self._face = face
        self._key = key
        self._model = model
        self._session: SessionView | None = None
        self._has_left = False
        self._has_begun = False
        self._past_until = 0  # events below this offset had happened before we began to watch
        self._awaited = ""  # the run that is to be watched
        self._joined = False  # somebody else has begun it
        self._has_used_tools = False

    @property
    def name(self) -> str:
        """What the session is called among the sessions of its principal; "": it has no name."""
        return f"{self._face}:{self._key}" if self._key else ""

    def start(self, now: float) -> None:
        """Begin."""
        if self._key:
            self._call("find", ListSessions(user_id=self.name, limit=1))
        else:
            self._make()

    @abstractmethod
    def leave(self, now: float) -> None:
        """The client is gone: nothing more is sent."""

    def receive(self, text: str, now: float) -> None:
        """A request has one message."""
        raise AssertionError("nothing comes on a request that is being answered")

    def take(self, events: Sequence[SessionEvent]) -> None:
        """See :class:`Conversation`."""
        for event in events:
            super().take([event])
            if event.offset + event.count >= self._past_until:
                self._caught_up()

    # For the faces

    @abstractmethod
    def _on_session(self, session: SessionView, now: float) -> None:
        """The session is there."""

    def _caught_up(self) -> None:
        """What happens from here on happens now."""

    def _on_result(self, about: Any, result: Any, now: float) -> None:
        match about, result:
            case "find", SessionList(sessions=[]):
                self._call("look", GetSession(session=self._key))
            case "find", SessionList(sessions=[session, *_]):
                self._use(session, now)
            case (("look" | "make"), SessionView()):
                self._use(result, now)
            case _:
                self._on_answer(about, result, now)

    def _on_failure(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        if about == "look" and code is ErrorCode.SESSION_NOT_FOUND:
            self._make()
            return
        if about in ("find", "look", "make"):
            self._effects.append(Tell(Found()))
        self._on_refusal(about, code, message, data, now)

    @abstractmethod
    def _on_answer(self, about: Any, result: Any, now: float) -> None:
        """Act on the result of another call."""

    @abstractmethod
    def _on_refusal(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        """Act on the error of a call."""

    def _make(self) -> None:
        params = CreateSession(model=self._model, user_id=self.name, metadata={"face": self._face})
        self._call("make", params)

    def _use(self, session: SessionView, now: float) -> None:
        self._session = session
        self._effects.append(Tell(Found()))
        self._on_session(session, now)

    def _watch_from(self, run: str, attached: Attached) -> bool:
        self._past_until = attached.next
        return self._watch_run(run, attached)

    def _watch_message(self, session: str, taken: MessageTaken) -> None:
        """Watch the run that a message has begun, or joined."""
        self._awaited, self._joined = taken.run, taken.joined
        self._watch("run", AttachSession(session=session, epoch=taken.epoch, offset=taken.offset))

    def _cancel(self) -> None:
        """Nobody waits for the run any more: it ends, unless it has begun to do something."""
        assert self._session is not None, "it is there"
        if not (self._has_used_tools or self._joined):
            self._call("cancel", CancelRun(session=self._session.id, run=self._awaited))

    def _begin(self, headers: dict[str, str]) -> None:
        self._has_begun = True
        self._effects.append(Tell(Begin(headers)))

    def _send(self, event: Any) -> None:
        self._effects.append(Send(msgspec.json.encode(event).decode()))

    def _answer_whole(self, reply: Reply) -> None:
        self._effects.append(Tell(Whole(reply)))

    def _over(self) -> None:
        if self._run:
            self._unwatch()
        self._effects.append(OVER)


def readable_key(text: str) -> str:
    """Take what a client calls its conversation out of a header; "" if it says nothing, or a
    template was not filled in."""
    key = text.strip()
    return "" if key.startswith("{{") or key in ("None", "null", "undefined") else key


def fits_key(key: str) -> bool:
    """Whether a client may call a conversation so."""
    return len(key) <= KEY_CHARS_MAX and key.isprintable()


def message_name(*parts: Any) -> str:
    """Return a name for a message that is the same whenever the same comes again."""
    digest = sha256(msgspec.json.encode(parts)).hexdigest()
    return digest[:DIGEST_CHARS]
