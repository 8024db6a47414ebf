"""The desk of a console whose agents are those of a gateway behind this one."""

from __future__ import annotations

from msgspec.structs import replace

from agentgate_proto.client.session_feed import Cursor
from agentgate_proto.errors import AgentGateError
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.relay.link import Done, Link, LoginDone, Reader, Stop


class SharedLogins:
    """The logins of one link, which all its consoles share: it is logged in to an agent as long as
    one of them uses it.

    Args:
        link: whose.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._users: dict[str, dict[LinkDesk, None]] = {}  # by the agent's id
        self._pending = 0

    def log_in(self, desk: LinkDesk, agent: str, password: str | None, done: LoginDone) -> None:
        """Log in for a desk."""
        self._pending += 1

        def settled(login: AgentLogin | None, error: AgentGateError | None) -> None:
            self._pending -= 1
            if login is not None:
                self._users.setdefault(login.agent, {})[desk] = None
            done(login, error)
            self._tidy()

        self._link.login(agent, password, settled)

    def log_out(self, desk: LinkDesk, agent: str) -> None:
        """A desk uses the agent no more."""
        self._users.get(agent, {}).pop(desk, None)
        self._tidy()

    def _tidy(self) -> None:
        """Log out of what nobody uses. Not while somebody logs in, perhaps to just that."""
        if self._pending:
            return
        for agent in [agent for agent, users in self._users.items() if not users]:
            del self._users[agent]
            self._link.logout(agent)


class LinkDesk:
    """A gateway behind this one, for one console; see :class:`Desk` of ``console_seat``.

    Args:
        link: to the gateway.
        logins: of that link.
        principal: who the console is.
    """

    def __init__(self, link: Link, logins: SharedLogins, principal: Principal) -> None:
        self.link = link
        self._logins = logins
        self._principal = principal

    def log_in(self, agent: str, password: str | None, done: LoginDone) -> None:
        """See the class."""
        self._logins.log_in(self, agent, password, done)

    def log_out(self, agent: str) -> None:
        """See the class."""
        self._logins.log_out(self, agent)

    def say(self, params: SendMessage, done: Done) -> None:
        """See the class."""
        behalf = self.link.behalf(self._principal.name)
        self.link.call("send_message", replace(params, on_behalf_of=behalf), done)

    def read(self, session: str, cursor: Cursor, reader: Reader) -> Stop:
        """See the class."""
        return self.link.read(session, cursor, reader)
