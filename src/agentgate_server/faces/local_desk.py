"""The desk of a console whose agents are those of this gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from agentgate_proto.client.session_feed import Cursor, SessionFeed
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc.agent_methods import AgentLogin, LoginAgent
from agentgate_proto.rpc.session_methods import Attached, AttachSession, SendMessage
from agentgate_server.relay.link import Done, LoginDone, Reader, Stop
from agentgate_server.sessions.door import Attachment, SessionDoor
from agentgate_server.sockets.replies import Reply

NOT_LOGGED_IN = exception_for(ErrorCode.LOGIN_FAILED, "not logged in to this agent")


class Agents(Protocol):
    """The named agents of this gateway, as far as consoles need them.

    Attributes:
        ended: are called with the ids of agents whose logins count no more.
    """

    ended: list[Callable[[frozenset[str]], None]]

    def login(self, by: Principal, address: str, params: LoginAgent, reply: Reply) -> None:
        """Let somebody in: the reply gets ``AgentLogin``, or LOGIN_FAILED; it takes a while."""
        ...


class LocalDesks:
    """The desks of this gateway's own agents.

    Args:
        agents: who they are.
        sessions: where their conversations are.
    """

    def __init__(self, agents: Agents, sessions: SessionDoor) -> None:
        self.agents = agents
        self.sessions = sessions
        self.in_use: dict[LocalDesk, None] = {}
        agents.ended.append(self._ended)

    def _ended(self, agents: frozenset[str]) -> None:
        """Logins by what is no password any more end."""
        for desk in list(self.in_use):
            desk.revoke(agents)


class LocalDesk:
    """This gateway, for one console; see :class:`Desk` of ``console_seat``.

    Args:
        shared: what it has in common with others.
        principal: who the console is.
        address: where it is.
    """

    def __init__(self, shared: LocalDesks, principal: Principal, address: str) -> None:
        self._shared = shared
        self._principal = principal
        self._address = address
        self._agents: dict[str, str] = {}  # those it is logged in to, by their sessions
        self._readings: dict[LocalReading, None] = {}

    def log_in(self, agent: str, password: str | None, done: LoginDone) -> None:
        """See the class."""

        def settled(login: AgentLogin | None, error: AgentGateError | None) -> None:
            if login is not None:
                self._agents[login.session] = login.agent
                self._shared.in_use[self] = None
            done(login, error)

        params = LoginAgent(agent=agent, password=password or "")
        self._shared.agents.login(self._principal, self._address, params, DoneReply(settled))

    def log_out(self, agent: str) -> None:
        """See the class."""
        self._agents = {session: each for session, each in self._agents.items() if each != agent}
        if not self._agents:
            self._shared.in_use.pop(self, None)

    def say(self, params: SendMessage, done: Done) -> None:
        """See the class."""
        agent = self._agents.get(params.session)
        if agent is None:
            done(None, NOT_LOGGED_IN)
        else:
            by = self._principal.name
            self._shared.sessions.call(agent_principal(agent), params, DoneReply(done), by)

    def read(self, session: str, cursor: Cursor, reader: Reader) -> Stop:
        """See the class."""
        agent = self._agents.get(session)
        if agent is None:
            reader.ended(NOT_LOGGED_IN)
            return lambda: None
        reading = LocalReading(session, cursor, reader, self._over)
        self._readings[reading] = None
        params = AttachSession(session=session, epoch=cursor.epoch, offset=cursor.offset)
        reading.attach(self._shared.sessions, agent_principal(agent), params)
        return reading.end

    def _over(self, reading: LocalReading) -> None:
        self._readings.pop(reading, None)

    def revoke(self, agents: frozenset[str]) -> None:
        """Who was logged in to these agents is so no more. A reading that is stopped just now finds
        out when it goes on."""
        for session in [each for each, agent in self._agents.items() if agent in agents]:
            del self._agents[session]
            for reading in [each for each in self._readings if each.session == session]:
                reading.fail(NOT_LOGGED_IN)


class LocalReading:
    """Reads the log of a session of this gateway.

    Args:
        session: whose.
        cursor: from where.
        reader: takes it.
        over: called with this when it is over.
    """

    def __init__(
        self,
        session: str,
        cursor: Cursor,
        reader: Reader,
        over: Callable[[LocalReading], object],
    ) -> None:
        self.session = session
        self._feed = SessionFeed(cursor)
        self._reader = reader
        self._over = over
        self._attachment: Attachment | None = None
        self._is_over = False

    def attach(self, sessions: SessionDoor, agent: Principal, params: AttachSession) -> None:
        """Begin."""
        attachment = sessions.attach(agent, params, self, AttachReply(self))
        if self._is_over:
            attachment.end()
        else:
            self._attachment = attachment

    def end(self) -> None:
        """Read no more."""
        if not self._is_over:
            self._is_over = True
            self._over(self)
            if self._attachment is not None:
                self._attachment.end()

    def fail(self, error: AgentGateError) -> None:
        """It is over, and not because it was ended."""
        if not self._is_over:
            self.end()
            self._reader.ended(error)

    def attached(self, answer: Attached) -> None:
        """It begins here."""
        self._feed.attached(answer)
        self._hand_over()

    # As a watcher of the session; see ``sessions.door.Watcher``

    @property
    def has_room(self) -> bool:
        """See ``Watcher``: who has none ends this, and reads on later."""
        return True

    def take(self, events: Sequence[SessionEvent]) -> None:
        """See ``Watcher``."""
        for event in events:
            self._feed.take(event)
            self._hand_over()

    def gone(self) -> None:
        """See ``Watcher``."""
        self.fail(NOT_LOGGED_IN)

    def _hand_over(self) -> None:
        while not self._is_over and (event := self._feed.next_event()) is not None:
            self._reader.take([event])


class AttachReply:
    """Brings the answer to attaching back; see ``sockets.replies.Reply``."""

    def __init__(self, reading: LocalReading) -> None:
        self._reading = reading

    def result(self, result: Any) -> None:
        """See the class."""
        self._reading.attached(result)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See the class."""
        self._reading.fail(exception_for(code, message, data))


class DoneReply:
    """Brings the answer to a call back; see ``sockets.replies.Reply``."""

    def __init__(self, done: Callable[[Any, AgentGateError | None], None]) -> None:
        self._done = done

    def result(self, result: Any) -> None:
        """See the class."""
        self._done(result, None)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See the class."""
        self._done(None, exception_for(code, message, data))


def agent_principal(agent: str) -> Principal:
    """Return the principal that an agent is: its session is its own."""
    return Principal(name=agent, role=Role.AGENT)
