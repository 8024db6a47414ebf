"""The native protocol's way to named agents: who is logged in to which, by connection.

A connection's logins are worked off one after the other, in their order: a check takes a core's
time, and who reconnects logs in to all its agents at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from agentgate_proto.connection.base import SERVICE_RESTART
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.session import lasting_id
from agentgate_proto.rpc.agent_methods import AgentLogin, AgentLogout, LoginAgent, LogoutAgent
from agentgate_proto.rpc.behalf import objection_to
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_server.sessions.agents import AgentDesk
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import NativeReply, Reply

NO_AGENTS = "this gateway has no agents"
CHANGED = "an agent's password has changed: log in again"


class Logins:
    """The logins of one connection.

    Attributes:
        agents: the ids of those it is logged in to, by the ids of their sessions.
        waiting: logins that have not begun; the first has, if there is one.
    """

    __slots__ = ("agents", "waiting")

    def __init__(self) -> None:
        self.agents: dict[str, str] = {}
        self.waiting: deque[tuple[LoginAgent, Reply]] = deque()


class AgentCalls:
    """See the module.

    Args:
        desk: the agents; None: there are none.
        detach: lets a connection watch a session no more.
        epoch: returns this gateway's, which no login may have passed before.
    """

    def __init__(
        self,
        desk: AgentDesk | None,
        detach: Callable[[Peer, str], bool],
        epoch: Callable[[], str] = str,
    ) -> None:
        self._desk = desk
        self._detach = detach
        self._epoch = epoch
        self._logins: dict[int, Logins] = {}
        self._peers: dict[int, Peer] = {}
        if desk is not None:
            desk.ended.append(self._ended)

    def agent_of(self, peer: Peer, session: str) -> str | None:
        """Return the agent whose session that is, if the connection is logged in to it."""
        logins = self._logins.get(peer.number)
        return None if logins is None else logins.agents.get(session)

    def take(self, peer: Peer, request_id: RequestId, params: LoginAgent | LogoutAgent) -> None:
        """Act on a call that came on a connection."""
        reply = NativeReply(peer, request_id)
        desk = self._desk
        if desk is None:
            reply.error(ErrorCode.METHOD_NOT_FOUND, NO_AGENTS, None)
            return
        if isinstance(params, LoginAgent):
            principal = peer.connection.principal
            assert principal is not None, "the core lets nobody else call"
            objection = objection_to(params.on_behalf_of, principal.role, self._epoch())
            if objection is not None:
                reply.error(*objection, None)
                return
        logins = self._logins.setdefault(peer.number, Logins())
        self._peers[peer.number] = peer
        if isinstance(params, LoginAgent):
            logins.waiting.append((params, reply))
            if len(logins.waiting) == 1:
                self._next(desk, peer, logins)
            return
        session = lasting_id(desk.find(params.agent) or "")
        was_logged_in = logins.agents.pop(session, None) is not None
        if was_logged_in:
            self._detach(peer, session)
        reply.result(AgentLogout(was_logged_in=was_logged_in))

    def closed(self, peer: Peer) -> None:
        """A connection is over."""
        self._logins.pop(peer.number, None)
        self._peers.pop(peer.number, None)

    def answered(self, peer: Peer, login: AgentLogin | None) -> None:
        """A login has been decided; the next has its turn."""
        logins = self._logins.get(peer.number)
        if logins is None or self._desk is None:
            return
        if login is not None:
            logins.agents[login.session] = login.agent
        logins.waiting.popleft()
        if logins.waiting:
            self._next(self._desk, peer, logins)

    def _next(self, desk: AgentDesk, peer: Peer, logins: Logins) -> None:
        params, reply = logins.waiting[0]
        principal = peer.connection.principal
        assert principal is not None, "the core lets nobody else call"
        desk.login(principal, peer.address, params, LoginReply(self, peer, reply))

    def _ended(self, agents: frozenset[str]) -> None:
        """Logins by what is no password any more end. So does the connection: its client logs in
        again to all its agents, and hears to which it can't."""
        for number, logins in list(self._logins.items()):
            if agents.isdisjoint(logins.agents.values()):
                continue
            peer = self._peers[number]
            for session in logins.agents:
                self._detach(peer, session)
            logins.agents.clear()
            peer.connection.close(SERVICE_RESTART, CHANGED)
            peer.poke()


class LoginReply:
    """Takes note of a login before it is answered."""

    def __init__(self, calls: AgentCalls, peer: Peer, reply: Reply) -> None:
        self._calls = calls
        self._peer = peer
        self._reply = reply

    def result(self, result: Any) -> None:
        """See :class:`Reply`."""
        self._calls.answered(self._peer, result)
        self._reply.result(result)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`Reply`."""
        self._calls.answered(self._peer, None)
        self._reply.error(code, message, data)
