"""Named agents: lasting conversations that many share, each by its password."""

from __future__ import annotations

import logging

from agentgate_client.decoding import view_from
from agentgate_client.driver import Answer, Driver
from agentgate_client.sessions import Session, Sessions
from agentgate_proto.client.events import Settled, Stood
from agentgate_proto.errors import AgentGateError
from agentgate_proto.rpc.agent_methods import AgentLogin, LoginAgent, LogoutAgent

log = logging.getLogger("agentgate_client")


class Agents:
    """The named agents of a gateway; ``client.agents``. The token's role is ``console`` or
    ``relay``.

    Args:
        driver: of the client.
        sessions: of the client.
    """

    def __init__(self, driver: Driver, sessions: Sessions) -> None:
        self.driver = driver
        self.sessions = sessions
        self.handles: dict[str, int] = {}

    async def login(self, agent: str, password: str) -> Agent:
        """Log in to an agent, on this connection and on each that follows, until ``logout``.

        Args:
            agent: its id, or its name.
            password: its password.

        Raises:
            AgentGateError: there is no such agent, or that is not its password (-32017), with
                ``data["retry_after_s"]`` if there were too many wrong ones.
            AgentGateConnectionError: the client is not connected, was closed, or has given up.
        """
        answer = Answer()
        found: list[Agent] = []

        def take(event: Settled | Stood) -> None:
            if isinstance(event, Settled):
                answer.settle(event)
                return
            for each in found:
                each.problem = event.error
            if event.error is not None:
                text = "the agent %s does not take the password any more: %s"
                log.warning(text, agent, event.error.message)

        params = LoginAgent(agent=agent, password=password)
        handle = self.driver.stand("login_agent", params, take)
        try:
            login = view_from(await answer.wait(), AgentLogin)
            view = await self.sessions.get(login.session)
        except BaseException:
            self.driver.unstand(handle)
            raise
        former = self.handles.get(login.agent)
        self.handles[login.agent] = handle
        if former is not None:
            self.driver.unstand(former)
        found.append(Agent(self, login, view))
        return found[0]


class Agent:
    """An agent that this client is logged in to.

    Attributes:
        id: its id.
        name: what people call it.
        session: its conversation: ``send`` (with ``queue=True`` nobody is refused because another
            is talking), ``attach`` and ``cancel``. The whole history is what ``attach`` gives from
            ``Cursor(login.epoch, login.oldest)`` on.
        login: what the gateway said at the login.
        problem: why the login of the present connection was refused; None: it was not.
    """

    def __init__(self, agents: Agents, login: AgentLogin, session: Session) -> None:
        self.id = login.agent
        self.name = login.name
        self.login = login
        self.session = session
        self.problem: AgentGateError | None = None
        self._agents = agents

    async def logout(self) -> None:
        """Log out; nothing of its session follows. Its run goes on.

        Raises:
            AgentGateError: the call failed.
        """
        handle = self._agents.handles.pop(self.id, None)
        if handle is None:
            return
        self._agents.driver.unstand(handle)
        params = LogoutAgent(agent=self.id)
        await self._agents.driver.call("logout_agent", params, None)
