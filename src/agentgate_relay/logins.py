"""Logins: the named agents of an upstream to which a link is logged in, on every connection.

Each login is a standing call of its own, until it is known to be right; then it takes the place of
the one that there was. So a wrong password changes nothing, whoever else is logged in, and each
one is looked at by the gateway that knows. A logout belongs to its connection, as the login does:
made again on the next one, it would end a login that is newer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from agentgate_client.driver import Driver
from agentgate_proto.client.events import ClientState, Settled, Stood
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.rpc.agent_methods import AgentLogin, LoginAgent, LogoutAgent
from agentgate_proto.rpc.behalf import OnBehalf

log = logging.getLogger(__name__)

LoginDone = Callable[[AgentLogin | None, AgentGateError | None], None]


class Logins:
    """See the module.

    Args:
        driver: who makes the calls.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._handles: dict[str, int] = {}
        self._leaving: set[int] = set()  # logouts that are not answered

    @property
    def agents(self) -> list[str]:
        """The ids of those that we are logged in to."""
        return sorted(self._handles)

    def login(
        self, agent: str, password: str | None, done: LoginDone, by: OnBehalf | None = None
    ) -> None:
        """Log in; ``done`` hears what came of it.

        Args:
            agent: id or name.
            password: None: there is none, and so the login is wrong.
            done: see above.
            by: who gave the password, as the gateway there is told until it is right.
        """
        if password is None:
            done(None, exception_for(ErrorCode.LOGIN_FAILED, ""))
            return
        login = Login(self, agent, done)
        try:
            later = LoginAgent(agent=agent, password=password)
            params = replace(later, on_behalf_of=by)
            self._driver.stand("login_agent", params, login.answered, later)
        except AgentGateError as error:
            done(None, error)

    def logout(self, agent: str) -> None:
        """Be logged in no longer; without effect if we were not."""
        handle = self._handles.pop(agent, None)
        if handle is None:
            return
        self._driver.unstand(handle)
        if self._driver.machine.state is not ClientState.CONNECTED:
            return  # nobody is logged in on the next connection who does not stand
        try:
            params = LogoutAgent(agent=agent)
            logout = self._driver.submit("logout_agent", params, None, self._logged_out)
        except AgentGateError as error:
            log.debug("no logout of %s: %s", agent, error.message)
        else:
            self._leaving.add(logout)

    def disconnected(self) -> None:
        """The connection is over, and all that was logged in on it is logged out."""
        leaving, self._leaving = self._leaving, set()
        for logout in leaving:
            self._driver.withdraw(logout)

    def closed(self) -> None:
        """The client is closed: it has forgotten all of them."""
        self._handles.clear()

    def keep(self, agent: str, handle: int) -> None:
        """A login is right: it takes the place of the one before."""
        former = self._handles.get(agent)
        self._handles[agent] = handle
        if former is not None and former != handle:
            self._driver.unstand(former)

    def drop(self, agent: str, handle: int) -> None:
        """A login is wrong, or has become so: it is not made again."""
        self._driver.unstand(handle)
        if self._handles.get(agent) == handle:
            del self._handles[agent]

    def _logged_out(self, settled: Settled) -> None:
        """Whether we were logged in or not: we are no more."""
        self._leaving.discard(settled.handle)


class Login:
    """One login."""

    def __init__(self, logins: Logins, agent: str, done: LoginDone) -> None:
        self._logins = logins
        self._agent = agent
        self._done = done

    def answered(self, answer: Settled | Stood) -> None:
        """The gateway has answered, at first or on a later connection."""
        error, found = answer.error, None
        if error is None:
            try:
                found = msgspec.convert(answer.result, AgentLogin)
            except msgspec.ValidationError as odd:
                error = exception_for(ErrorCode.INTERNAL_ERROR, f"odd answer to a login: {odd}")
        if found is not None:
            self._agent = found.agent
            self._logins.keep(found.agent, answer.handle)
        else:
            self._logins.drop(self._agent, answer.handle)
        if isinstance(answer, Settled):
            self._done(found, error)
        elif error is not None:
            log.warning("not logged in to agent %s any more: %s", self._agent, error.message)
