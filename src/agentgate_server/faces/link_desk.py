"""The desk of a console whose agents are those of a gateway behind this one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from agentgate_proto.client.session_feed import Cursor
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.relay.link import Done, Link, LoginDone, Reader, Stop

LOGINS_MAX = 32
"""Logins that one principal has under way on one link, each with another agent or password. While
the gateway there is away they wait for it, and a link has 256 for all."""

Key = tuple[str, str | None, str]
"""Of a login under way: the agent, the password, and the principal who gave it; for the stored one
nobody did."""

TOO_MANY = exception_for(ErrorCode.LIMIT_EXCEEDED, "too many logins are under way: wait")


@dataclass(slots=True)
class Pending:
    """A login under way.

    Attributes:
        by: the principal for whom it is made.
        waiting: the desks that wait for it, each with who is to hear of it.
    """

    by: str
    waiting: list[tuple[LinkDesk, LoginDone]]


class SharedLogins:
    """The logins of one link, which all its consoles share: it is logged in to an agent as long as
    one of them uses it. The same login of one principal is made once for all its consoles that want
    it at that time: those that come and go while the gateway there is away leave no heap of them.

    The gateway there is told whose guess a password is, and counts the wrong ones.

    Args:
        link: whose.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._users: dict[str, dict[LinkDesk, None]] = {}  # by the agent's id
        self._pending: dict[Key, Pending] = {}

    def log_in(self, desk: LinkDesk, agent: str, password: str | None, done: LoginDone) -> None:
        """Log in for a desk."""
        by = desk.principal.name
        key = agent, password, by if password is not None else ""
        pending = self._pending.get(key)
        if pending is not None:
            pending.waiting.append((desk, done))
            return
        if sum(each.by == by for each in self._pending.values()) >= LOGINS_MAX:
            done(None, TOO_MANY)
            return
        self._pending[key] = Pending(by, [(desk, done)])
        behalf = self._link.behalf(by) if password is not None else None
        self._link.login(agent, password, partial(self._settled, key), behalf)

    def log_out(self, desk: LinkDesk, agent: str) -> None:
        """A desk uses the agent no more."""
        self._users.get(agent, {}).pop(desk, None)
        self._tidy()

    def _settled(self, key: Key, login: AgentLogin | None, error: AgentGateError | None) -> None:
        waiting = self._pending.pop(key).waiting
        if login is not None:
            users = self._users.setdefault(login.agent, {})
            users.update((desk, None) for desk, _ in waiting)
        for _, done in waiting:
            done(login, error)
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
        self.principal = principal
        self._logins = logins

    def log_in(self, agent: str, password: str | None, done: LoginDone) -> None:
        """See the class."""
        self._logins.log_in(self, agent, password, done)

    def log_out(self, agent: str) -> None:
        """See the class."""
        self._logins.log_out(self, agent)

    def say(self, params: SendMessage, done: Done) -> None:
        """See the class."""
        behalf = self.link.behalf(self.principal.name)
        self.link.call("send_message", replace(params, on_behalf_of=behalf), done)

    def read(self, session: str, cursor: Cursor, reader: Reader) -> Stop:
        """See the class."""
        return self.link.read(session, cursor, reader)
