"""A talker: one connection of a face on which somebody converses, made real.

What the core's conversation wants done is done in order: messages are sent, sessions called and
watched. A client that reads slowly is handed nothing more of a session than its connection has room
for; the session's log keeps the rest. When the connection ends, what it watched goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from agentgate_proto.errors import ConnectionClosedError, ErrorCode
from agentgate_proto.faces.conversing import (
    Call,
    Close,
    Conversation,
    Effect,
    Send,
    Tell,
    Unwatch,
    Watch,
)
from agentgate_proto.principal import Principal
from agentgate_proto.records.session_views import SessionEvent
from agentgate_server.sessions.door import Attachment, SessionDoor
from agentgate_server.sockets.peer import Peer

QUEUED_BYTES = 65_536
"""With more than this on its way to the client, the next events wait in the session's log."""


class Talker:
    """See the module.

    Args:
        peer: the connection, which has been accepted.
        principal: who talks.
        conversation: knows what the messages mean.
        sessions: whom they are about.
        spawn: starts an async function with its arguments, in a task.
        utc: the clock, UTC seconds.
    """

    def __init__(
        self,
        peer: Peer,
        principal: Principal,
        conversation: Conversation,
        sessions: SessionDoor,
        spawn: Callable[..., None],
        utc: Callable[[], float] = time.time,
    ) -> None:
        self._peer = peer
        self._principal = principal
        self._conversation = conversation
        self._sessions = sessions
        self._spawn = spawn
        self._utc = utc
        self._attachment: Attachment | None = None
        self._is_draining = False
        self._is_waiting = False  # for room
        self._is_over = False

    def receive(self, message: str | bytes) -> None:
        """Take a message of the client."""
        assert isinstance(message, str), "the routes of these faces take text alone"
        self._conversation.receive(message, self._utc())
        self._drain()

    def close(self) -> None:
        """The connection is over."""
        self._is_over = True
        self._unwatch()

    # As a watcher of a session; see ``sessions.door.Watcher``

    @property
    def has_room(self) -> bool:
        """Whether more events may come now. If not, the session is told as soon as they may."""
        if self._peer.connection.queued_bytes <= QUEUED_BYTES or self._is_over:
            return True
        if not self._is_waiting:
            self._is_waiting = True
            self._spawn(self._wait_for_room)
        return False

    def take(self, events: Sequence[SessionEvent]) -> None:
        """Tell the client these events."""
        if not self._is_over:
            self._conversation.take(events)
            self._drain()

    def gone(self) -> None:
        """The session was deleted."""
        if not self._is_over:
            self._conversation.gone(self._utc())
            self._drain()

    async def _wait_for_room(self) -> None:
        await self._peer.wait_for_room(QUEUED_BYTES)
        self._is_waiting = False
        if self._attachment is not None:
            self._attachment.has_room()

    # Effects

    def settle(self, effect: Call | Watch, result: Any) -> None:
        """A call went well."""
        if not self._is_over:
            self._conversation.succeeded(effect, result, self._utc())
            self._drain()

    def fail(self, effect: Call | Watch, code: ErrorCode, message: str, data: Any) -> None:
        """A call went wrong."""
        if not self._is_over:
            self._conversation.failed(effect, code, message, data, self._utc())
            self._drain()

    def _drain(self) -> None:
        """Do all that is to be done; what is answered at once adds to it."""
        if self._is_draining:
            return
        self._is_draining = True
        try:
            while (effect := self._conversation.next_effect()) is not None and not self._is_over:
                self._do(effect)
        except ConnectionClosedError:
            self.close()  # it ends, and this has not been told yet
        finally:
            self._is_draining = False
        self._peer.poke()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(text):
                self._peer.connection.send_message(text)
            case Call(params=params):
                self._sessions.call(self._principal, params, CallReply(self, effect))
            case Watch(params=params):
                reply = CallReply(self, effect)
                self._attachment = self._sessions.attach(self._principal, params, self, reply)
            case Unwatch():
                self._unwatch()
            case Close(code, reason):
                self._peer.connection.close(code, reason)
                self.close()
            case Tell(what):
                self._told(what)

    def _told(self, what: Any) -> None:
        """Take what the conversation tells its face."""

    def _unwatch(self) -> None:
        if self._attachment is not None:
            self._attachment.end()
            self._attachment = None


class CallReply:
    """Brings the answer to a call back to whoever talks; see ``sockets.replies.Reply``."""

    def __init__(self, talker: Talker, effect: Call | Watch) -> None:
        self._talker = talker
        self._effect = effect

    def result(self, result: Any) -> None:
        """See the class."""
        self._talker.settle(self._effect, result)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See the class."""
        self._talker.fail(self._effect, code, message, data)
