"""The methods about named agents: lasting conversations that many consoles share (seed 002).

An agent is a principal of its gateway, with one session for ever. Whoever knows its password may
talk to it, over a connection of role ``console`` or ``relay``: after ``login_agent`` the connection
may use the methods about sessions for that one session. Logins end with the connection; a client
makes them again on the next, before anything else.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.limits import NAME_CHARS_MAX, PASSWORD_CHARS_MAX
from agentgate_proto.rpc.behalf import OnBehalf

NameOfAgent = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=PASSWORD_CHARS_MAX)]


class LoginAgent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Log in to an agent. -32017 if there is none, or the password is not its own.

    Attributes:
        agent: its id, or its name.
        password: its password.
        on_behalf_of: of a relay: who gave the password. Wrong ones are counted for them, so that
            who guesses behind a relay keeps nobody else behind it out.
    """

    agent: NameOfAgent
    password: Password
    on_behalf_of: OnBehalf | None = None

    def __repr__(self) -> str:
        return f"LoginAgent(agent={self.agent!r})"  # a password must not get into a log


class AgentLogin(msgspec.Struct, frozen=True, kw_only=True):
    """The connection may talk to the agent.

    Attributes:
        agent: its id.
        name: its name, for people.
        session: its session: for ``attach_session``, ``send_message`` and the others.
        epoch, oldest, next: of that session's log: the whole history is from ``oldest`` on.
    """

    agent: str
    name: str
    session: str
    epoch: str
    oldest: int
    next: int


class LogoutAgent(msgspec.Struct, frozen=True, kw_only=True):
    """Log out of an agent: its session is watched no more. Its run goes on.

    Attributes:
        agent: its id, or its name.
    """

    agent: NameOfAgent


class AgentLogout(msgspec.Struct, frozen=True, kw_only=True):
    """The connection is logged out.

    Attributes:
        was_logged_in: it had been logged in.
    """

    was_logged_in: bool
