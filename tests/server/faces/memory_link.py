"""A link to a gateway that is not there: agents with logs in memory, and a state that tests set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_server.relay.link import (
    Done,
    Link,
    LinkState,
    LinkStatus,
    Listener,
    LoginDone,
    Reader,
    Stop,
)

AT = "2026-01-24T08:00:00.000Z"
UP = LinkState(status=LinkStatus.CONNECTED)


@dataclass
class Kept:
    """An agent there: its password, and the log of its session."""

    password: str
    log: list[Event] = field(default_factory=list)
    readers: dict[Reader, None] = field(default_factory=dict)

    def say(self, kind: str, **data: Any) -> None:
        self.log.append(Event(kind=kind, data=data, offset=len(self.log), at=AT))
        for reader in list(self.readers):
            reader.take(self.log[-1:])


class MemoryLink:
    """See the module.

    Args:
        agents: passwords, by agent.
        stored: agents whose passwords the configuration has.
        consoles: who may use it.

    Attributes:
        kept: the agents.
        logged_in: those that the link is logged in to, in order.
        held: calls and logins that wait because it is not up, or because tests want to see them.
        is_held: they wait.
        tried: the logins that were asked for, and on whose behalf.
        said: what was said there: the message's id, and on whose behalf.
    """

    def __init__(
        self,
        name: str = "c1",
        *,
        agents: dict[str, str] | None = None,
        stored: frozenset[str] = frozenset({"a1"}),
        consoles: frozenset[str] = frozenset({"anna", "bob"}),
    ) -> None:
        self.name = name
        self.state = UP
        self.agents = stored
        self.kept = {
            agent: Kept(password)
            for agent, password in (agents or {"a1": "s1", "a2": "s2"}).items()
        }
        self.logged_in: list[str] = []
        self.held: list[Callable[[], None]] = []
        self.is_held = False
        self.tried: list[tuple[str, OnBehalf | None]] = []
        self.said: list[tuple[str, OnBehalf | None]] = []
        self._consoles = consoles
        self._listeners: dict[Listener, None] = {}

    def admits(self, console: str) -> bool:
        return console in self._consoles

    def behalf(self, principal: str, hops: tuple[str, ...] = ()) -> OnBehalf:
        return OnBehalf(principal=principal, hops=(*hops, "here"))

    def login(
        self, agent: str, password: str | None, done: LoginDone, by: OnBehalf | None = None
    ) -> None:
        self.tried.append((agent, by))
        self._do(lambda: self._login(agent, password, done))

    def logout(self, agent: str) -> None:
        if agent in self.logged_in:  # else the gateway there has ended that
            self.logged_in.remove(agent)

    def call(
        self, method: str, params: msgspec.Struct, done: Done, timeout_s: float | None = None
    ) -> Stop:
        assert method == "send_message"
        assert isinstance(params, SendMessage)
        self._do(lambda: self._say(params, done))
        return lambda: None

    def read(self, session: str, cursor: Cursor | None, reader: Reader) -> Stop:
        assert cursor is not None
        agent = session.removeprefix("agent:")
        assert agent in self.logged_in, "only what one is logged in to is read"
        kept = self.kept[agent]
        kept.readers[reader] = None
        if cursor.offset < len(kept.log):
            reader.take(kept.log[cursor.offset :])
        return lambda: kept.readers.pop(reader, None)

    def listen(self, listener: Listener) -> Stop:
        self._listeners[listener] = None
        return lambda: self._listeners.pop(listener, None)

    # What tests do

    def go(self, status: LinkStatus, attempt: int = 0) -> None:
        """Come into another state."""
        self.state = LinkState(status=status, attempt=attempt)
        for listener in list(self._listeners):
            listener(self.state)

    def release(self) -> None:
        """Let all happen that waits."""
        self.is_held = False
        held, self.held = self.held, []
        for step in held:
            step()

    def _do(self, step: Callable[[], None]) -> None:
        if self.is_held:
            self.held.append(step)
        else:
            step()

    def _login(self, agent: str, password: str | None, done: LoginDone) -> None:
        kept = self.kept.get(agent)
        given = password or (kept.password if kept and agent in self.agents else None)
        if kept is None or given != kept.password:
            done(None, exception_for(ErrorCode.LOGIN_FAILED, "no"))
            return
        if agent not in self.logged_in:
            self.logged_in.append(agent)
        login = AgentLogin(
            agent=agent,
            name=agent.upper(),
            session=f"agent:{agent}",
            epoch="e",
            oldest=0,
            next=len(kept.log),
        )
        done(login, None)

    def _say(self, params: SendMessage, done: Done) -> None:
        agent = params.session.removeprefix("agent:")
        error: AgentGateError | None = None
        if agent not in self.logged_in:
            error = exception_for(ErrorCode.SESSION_NOT_FOUND, "no such session")
            done(None, error)
            return
        self.said.append((params.message_id, params.on_behalf_of))
        self.kept[agent].say("message", run="r", message_id=params.message_id, text=params.text)
        done({}, None)


class MemoryUpstreams:
    """Links, by name."""

    def __init__(self, *links: MemoryLink) -> None:
        self._links = {link.name: link for link in links}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._links)

    def get(self, name: str) -> Link | None:
        return self._links.get(name)
