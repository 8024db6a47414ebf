"""The desk of a console whose agents are those of a gateway behind this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import anyio
from msgspec.structs import replace

from agentgate_proto.client.session_feed import Cursor
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.identity.address_throttle import AddressThrottle
from agentgate_server.relay.link import Done, Link, LoginDone, Reader, Stop

LOGINS_MAX = 32
"""Logins that one principal has under way on one link, each with another agent or password. While
the gateway there is away they wait for it, and a link has 256 for all."""

WRONG_PER_MINUTE = 4
"""Wrong passwords of one principal for one agent. The gateway there counts them as this gateway's,
ten a minute: whoever guesses must leave the others some."""

WRONG_OF_ALL_PER_MINUTE = LOGINS_MAX
"""Wrong passwords of one principal, whoever's they are to be, agents that there are not included:
there, sixty of this gateway's count. No fewer than may be under way."""

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
    one of them uses it. The same login is made once for all who want it at that time: consoles that
    come and go while the gateway there is away leave no heap of them.

    Args:
        link: whose.
        monotonic: the clock of the connections, in seconds.
    """

    def __init__(self, link: Link, monotonic: Callable[[], float] = anyio.current_time) -> None:
        self._link = link
        self._monotonic = monotonic
        self._wrong = AddressThrottle(WRONG_PER_MINUTE)
        self._wrong_of_all = AddressThrottle(WRONG_OF_ALL_PER_MINUTE)
        self._users: dict[str, dict[LinkDesk, None]] = {}  # by the agent's id
        self._pending: dict[tuple[str, str | None], Pending] = {}  # by agent and password

    def log_in(self, desk: LinkDesk, agent: str, password: str | None, done: LoginDone) -> None:
        """Log in for a desk."""
        key = agent, password
        pending = self._pending.get(key)
        if pending is not None:
            pending.waiting.append((desk, done))
            return
        by = desk.principal.name
        if sum(each.by == by for each in self._pending.values()) >= LOGINS_MAX:
            done(None, TOO_MANY)
            return
        if password is not None:
            pause = self._guess(by, agent)
            if pause:
                data = {"retry_after_s": round(pause, 3)}
                done(None, exception_for(ErrorCode.LOGIN_FAILED, "too many wrong passwords", data))
                return
        self._pending[key] = Pending(by, [(desk, done)])
        self._link.login(agent, password, partial(self._settled, key))

    def log_out(self, desk: LinkDesk, agent: str) -> None:
        """A desk uses the agent no more."""
        self._users.get(agent, {}).pop(desk, None)
        self._tidy()

    def _settled(
        self, key: tuple[str, str | None], login: AgentLogin | None, error: AgentGateError | None
    ) -> None:
        pending = self._pending.pop(key)
        waiting = pending.waiting
        agent, password = key
        is_wrong = error is not None and error.code == ErrorCode.LOGIN_FAILED
        if password is not None and not is_wrong:
            self._wrong.give_back(guess_of(pending.by, agent))
            self._wrong_of_all.give_back(guess_of(pending.by))
        if login is not None:
            users = self._users.setdefault(login.agent, {})
            users.update((desk, None) for desk, _ in waiting)
        for _, done in waiting:
            done(login, error)
        self._tidy()

    def _guess(self, by: str, agent: str) -> float:
        """Count a password that may be wrong: return 0, or for how many seconds to wait."""
        now, one = self._monotonic(), guess_of(by, agent)
        pause = self._wrong.take(one, now)
        if not pause:
            pause = self._wrong_of_all.take(guess_of(by), now)
            if pause:
                self._wrong.give_back(one)
        return pause

    def _tidy(self) -> None:
        """Log out of what nobody uses. Not while somebody logs in, perhaps to just that."""
        if self._pending:
            return
        for agent in [agent for agent, users in self._users.items() if not users]:
            del self._users[agent]
            self._link.logout(agent)


def guess_of(principal: str, agent: str = "") -> str:
    """Return what stands for one who tries passwords, of one agent; no address looks so."""
    return f"{len(principal)}/{principal}/{agent}"


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
