"""The desk of the named agents: lets in who has an agent's password, to that agent's session.

Native connections and faces log in here alike. Whoever is in is remembered where they came in:
logins end with a connection. Those of an agent that is gone, or has another password by now, end as
well, for which whoever remembers them is told (``ended``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.agent_methods import AgentLogin, LoginAgent
from agentgate_proto.sessions.settings import NamedAgent
from agentgate_server.audit.recorder import AuditRecorder
from agentgate_server.config.agents import AgentsConfig, NamedAgentConfig
from agentgate_server.identity.password_throttle import PasswordThrottle
from agentgate_server.identity.passwords import PasswordHash, Passwords
from agentgate_server.observing.observers import Observers
from agentgate_server.sessions.desk import SessionDesk
from agentgate_server.sockets.replies import Reply

CHECKS_AT_ONCE = 2
"""Passwords that are checked at the same time: each takes 16 MB and all of a core."""

WRONG = "there is no such agent, or that is not its password"
TOO_MANY = "too many wrong passwords: wait"


class AgentDesk:
    """See the module.

    Args:
        sessions: where the agents' sessions are.
        agents: their configuration, by id.
        audit: hears of wrong passwords.
        observers: hear of them, too.
        spawn: starts an async function with its arguments, in a task.
        monotonic: the clock of the connections, in seconds.

    Attributes:
        ended: are called with the ids of agents whose logins count no more.
    """

    def __init__(
        self,
        sessions: SessionDesk,
        agents: AgentsConfig,
        audit: AuditRecorder,
        observers: Observers,
        spawn: Callable[..., None],
        monotonic: Callable[[], float],
    ) -> None:
        self.ended: list[Callable[[frozenset[str]], None]] = []
        self._sessions = sessions
        self._audit = audit
        self._observers = observers
        self._spawn = spawn
        self._monotonic = monotonic
        self._throttle = PasswordThrottle()
        self._limiter: anyio.CapacityLimiter | None = None
        self._agents: dict[str, NamedAgentConfig] = {}
        self._put_in_force(agents)

    @property
    def ids(self) -> frozenset[str]:
        """The agents that there are."""
        return frozenset(self._agents)

    def find(self, name: str) -> str | None:
        """Return the id of an agent by its id or name; None: there is none."""
        return self._ids.get(name)

    def login(self, by: Principal, address: str, params: LoginAgent, reply: Reply) -> None:
        """Let somebody in: the reply gets ``AgentLogin``, or LOGIN_FAILED; it takes a while.

        Args:
            by: who asks.
            address: from where.
            params: which agent, and the password.
            reply: takes the answer.
        """
        self._spawn(self._login, by, address, params, reply)

    def reconfigure(self, agents: AgentsConfig) -> None:
        """Put others in the place of the agents; who was let in by what is no more is out."""
        before = self._agents
        self._put_in_force(agents)
        changed = frozenset(
            agent for agent, config in before.items() if not self._counts(agent, config.secret)
        )
        if changed:
            self._throttle.forget()
            for tell in self.ended:
                tell(changed)

    def _put_in_force(self, agents: AgentsConfig) -> None:
        self._agents = {str(agent): config for agent, config in agents.items()}
        self._ids = {str(config.name): agent for agent, config in self._agents.items()}
        self._ids |= {agent: agent for agent in self._agents}
        self._passwords = Passwords({name: each.secret for name, each in self._agents.items()})
        self._sessions.sessions.configure_agents(
            {
                agent: NamedAgent(
                    model=config.model or "",
                    system_prompt=config.system_prompt,
                    max_iterations=config.max_iterations,
                )
                for agent, config in self._agents.items()
            }
        )

    def _counts(self, agent: str, secret: PasswordHash | str) -> bool:
        """Whether what somebody was let in by still stands for that agent."""
        return agent in self._agents and self._agents[agent].secret == secret

    async def _login(self, who: Principal, address: str, params: LoginAgent, reply: Reply) -> None:
        by, behalf = who.name, params.on_behalf_of
        first = behalf.principal if behalf is not None else ""
        agent, passwords = self._ids.get(params.agent, ""), self._passwords
        config = self._agents.get(agent)
        is_right = passwords.is_known(agent, params.password)
        is_again = is_right and who.role is Role.RELAY
        is_again = is_again and self._throttle.is_welcome(params.agent, by, address, first)
        pause = 0.0
        if not is_again:
            pause = self._throttle.take(params.agent, by, address, self._monotonic(), first)
        if pause:
            data = {"retry_after_s": round(pause, 3)}
            reply.error(ErrorCode.LOGIN_FAILED, TOO_MANY, data)
            return
        if not (is_right or passwords.is_dear):
            is_right = passwords.check(agent, params.password)
        elif not is_right:
            self._limiter = self._limiter or anyio.CapacityLimiter(CHECKS_AT_ONCE)
            is_right = await anyio.to_thread.run_sync(
                passwords.check, agent, params.password, limiter=self._limiter
            )
        if config is None or not is_right:
            self._observers.agent_login_failed(agent, by, first, address)
            self._audit.agent_login_failed(agent, by, behalf, address, self._monotonic())
            reply.error(ErrorCode.LOGIN_FAILED, WRONG, None)
            return
        if not is_again:
            self._throttle.was_right(params.agent, by, address, first)
        counts = partial(self._counts, agent, config.secret)
        self._sessions.open_agent(agent, Opened(agent, str(config.name), counts, reply))


class Opened:
    """Makes of an agent's session what is answered to a login.

    Args:
        agent, name: its id and name.
        counts: whether the password still does: that may have changed while the session was made.
        reply: takes the answer.
    """

    def __init__(self, agent: str, name: str, counts: Callable[[], bool], reply: Reply) -> None:
        self._agent = agent
        self._name = name
        self._counts = counts
        self._reply = reply

    def result(self, result: Any) -> None:
        """See :class:`Reply`."""
        if not self._counts():
            self._reply.error(ErrorCode.LOGIN_FAILED, WRONG, None)
            return
        view: SessionView = result
        login = AgentLogin(
            agent=self._agent,
            name=self._name,
            session=view.id,
            epoch=view.epoch,
            oldest=view.oldest,
            next=view.next,
        )
        self._reply.result(login)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`Reply`."""
        self._reply.error(code, message, data)


def principal_of(agent: str) -> Principal:
    """Return the principal that an agent is."""
    return Principal(name=agent, role=Role.AGENT)
