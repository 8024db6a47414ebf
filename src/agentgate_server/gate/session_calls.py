"""The native protocol's way to the sessions: methods, and events for those who have attached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec

from agentgate_proto.errors import ConnectionClosedError, ErrorCode
from agentgate_proto.records.session_views import GONE, SessionEvent
from agentgate_proto.rpc.behalf import objection_to
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.messages import TALKERS
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    Detached,
    DetachSession,
    GetSession,
    InspectSession,
    ListSessions,
    SendMessage,
    SessionEvents,
)
from agentgate_proto.rpc.usage_methods import ListModels, ReportUsage
from agentgate_proto.sessions.starting import NOT_FOUND
from agentgate_server.gate.agent_calls import AgentCalls
from agentgate_server.sessions.agents import AgentDesk, principal_of
from agentgate_server.sessions.door import Attachment, SessionDoor
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import NativeReply

log = logging.getLogger(__name__)

SESSION_METHODS = (
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    DetachSession,
    GetSession,
    InspectSession,
    ListModels,
    ListSessions,
    ReportUsage,
    SendMessage,
)
"""Parameters of the methods about sessions."""

QUEUED_BYTES = 65_536
"""With more than this on its way to a client, its sessions' events wait."""

ATTACHED_MAX = 256
"""Sessions that one connection watches."""

GONE_EVENT = SessionEvent(offset=0, count=0, kind=GONE, at="", data=msgspec.Raw(b"{}"))
"""The last that is said of a session that was deleted."""

NO_SESSIONS = "this gateway has no sessions"


class SessionCalls:
    """See the module.

    Args:
        door: to the sessions; None: there are none.
        spawn: starts an async function with its arguments, in a task.
        agents: the named agents; None: there are none.
        epoch: returns that of this gateway.

    Attributes:
        agents: who is logged in to which agent.
    """

    def __init__(
        self,
        door: SessionDoor | None,
        spawn: Callable[..., None],
        agents: AgentDesk | None = None,
        epoch: Callable[[], str] = str,
    ) -> None:
        self.door = door
        self.agents = AgentCalls(agents, self.detach, epoch)
        self._spawn = spawn
        self._epoch = epoch
        self._attached: dict[int, dict[str, Attachment]] = {}

    def take(self, peer: Peer, request_id: RequestId, params: msgspec.Struct) -> None:
        """Act on a call that came on a connection."""
        principal = peer.connection.principal
        assert principal is not None, "the core lets nobody else call"
        reply = NativeReply(peer, request_id)
        if self.door is None:
            reply.error(ErrorCode.METHOD_NOT_FOUND, NO_SESSIONS, None)
            return
        if isinstance(params, SendMessage):
            role = principal.role
            objection = objection_to(params.on_behalf_of, role, self._epoch())
            if objection is not None:
                reply.error(*objection, None)
                return
        by = ""
        if principal.role in TALKERS:
            agent = self.agents.agent_of(peer, getattr(params, "session", ""))
            if agent is None:  # as if there were none: an agent's session has a name to be guessed
                reply.error(ErrorCode.SESSION_NOT_FOUND, NOT_FOUND, None)
                return
            principal, by = principal_of(agent), principal.name
        mine = self._attached.setdefault(peer.number, {})
        match params:
            case AttachSession(session=session):
                former = mine.pop(session, None)
                if former is not None:
                    former.end()
                if len(mine) >= ATTACHED_MAX:  # sessions that are gone are watched no more
                    for name in [name for name, each in mine.items() if each.ended]:
                        del mine[name]
                if len(mine) >= ATTACHED_MAX:
                    text = f"this connection watches {ATTACHED_MAX} sessions already"
                    reply.error(ErrorCode.LIMIT_EXCEEDED, text, None)
                    return
                watcher = NativeWatcher(peer, session, self._spawn)
                attachment = self.door.attach(principal, params, watcher, reply)
                watcher.attachment = mine[session] = attachment
            case DetachSession(session=session):
                reply.result(Detached(was_attached=self.detach(peer, session)))
            case _:
                self.door.call(principal, params, reply, by)

    def detach(self, peer: Peer, session: str) -> bool:
        """Let a connection watch a session no more; return whether it did."""
        attached = self._attached.get(peer.number, {}).pop(session, None)
        if attached is not None:
            attached.end()
        return attached is not None

    def closed(self, peer: Peer) -> None:
        """A connection is over."""
        self.agents.closed(peer)
        for attachment in self._attached.pop(peer.number, {}).values():
            attachment.end()


class NativeWatcher:
    """Sends the events of one session to one connection.

    Attributes:
        attachment: what hands the events over.
    """

    def __init__(self, peer: Peer, session: str, spawn: Callable[..., None]) -> None:
        self.attachment: Attachment
        self._peer = peer
        self._session = session
        self._spawn = spawn
        self._waits = False

    @property
    def has_room(self) -> bool:
        """See :class:`agentgate_server.sessions.door.Watcher`."""
        if self._peer.connection.queued_bytes <= QUEUED_BYTES:
            return True
        if not self._waits:
            self._waits = True
            self._spawn(self._wait_for_room)
        return False

    def take(self, events: Sequence[SessionEvent]) -> None:
        """See :class:`agentgate_server.sessions.door.Watcher`."""
        notice = SessionEvents(session=self._session, events=list(events))
        try:
            self._peer.connection.send_notification("session_event", notice)
        except ConnectionClosedError:
            log.debug("connection %d closed before it heard of a session", self._peer.number)
        self._peer.poke()

    def gone(self) -> None:
        """See :class:`agentgate_server.sessions.door.Watcher`."""
        self.take([GONE_EVENT])

    async def _wait_for_room(self) -> None:
        await self._peer.wait_for_room(QUEUED_BYTES)
        self._waits = False
        self.attachment.has_room()
