"""A link: the connection to another gateway behind this one, as those see it who use it.

What makes links stands above the server (``agentgate_relay``), because a link is a client; a face
or a tool gets them as these protocols.

Nothing here waits. What takes time reports back by a function, which is called in the event loop,
must not wait and must not raise; it may be called before the verb that it was given to returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_proto.rpc.upstream_methods import UpstreamRow
from agentgate_server.config.upstreams import UpstreamConfig, UpstreamName
from agentgate_server.tools.catalogue import LiveTools


class LinkStatus(StrEnum):
    """How a link stands to its gateway."""

    CONNECTING = "connecting"
    """It has not been connected yet, or is being connected again."""
    CONNECTED = "connected"
    """Calls go out, and all logins are made."""
    RECONNECTING = "reconnecting"
    """The connection broke, or could not be made; it is tried again in a while."""
    CLOSED = "closed"
    """It is over: this gateway stops, or the other one refuses it for good (a wrong token)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """How a link is at a moment.

    Attributes:
        status: see :class:`LinkStatus`.
        attempt: attempts in a row that failed so far.
        error: why it is not connected, for people; "": nothing went wrong.
    """

    status: LinkStatus
    attempt: int = 0
    error: str = ""

    @property
    def is_up(self) -> bool:
        """Whether calls go out at once. If not they wait, unless it is closed."""
        return self.status is LinkStatus.CONNECTED

    def __str__(self) -> str:
        """For people: ``reconnecting (3 attempts failed): nothing listens there``."""
        attempts = f"{self.attempt} attempt{'s' * (self.attempt > 1)} failed"
        status = f"{self.status} ({attempts})" if self.attempt else str(self.status)
        return f"{status}: {self.error}" if self.error else status


Done = Callable[[Any, AgentGateError | None], None]
"""Takes the end of a call, once: the result as decoded JSON, or None and why there is none."""

LoginDone = Callable[[AgentLogin | None, AgentGateError | None], None]
"""Takes the end of a login, once."""

Stop = Callable[[], None]
"""Ends what it was returned for; nothing is reported afterwards. Calling it again is harmless."""

Listener = Callable[[LinkState], None]
"""Hears each change of a link's state."""


class Reader(Protocol):
    """Takes a session's log."""

    def take(self, events: Sequence[Event]) -> None:
        """Take the next events, in order: without gap or duplicate, over all connections. What is
        not to be had any more comes as an event of kind "gap". May stop the reading."""
        ...

    def ended(self, error: AgentGateError | None) -> None:
        """Nothing more comes: the session may not be read, or is gone; or the link is closed (None:
        because this gateway stops). Once, and not after the reading was stopped."""
        ...


class Link(Protocol):
    """The connection to one upstream, over all the sockets that it takes.

    While it is not up, calls wait for it, within the caps of a client; each is made once, and
    settled once. When it is closed they are refused.
    """

    @property
    def name(self) -> str:
        """Its key under ``upstreams``."""
        ...

    @property
    def state(self) -> LinkState:
        """How it is at this moment."""
        ...

    @property
    def agents(self) -> frozenset[str]:
        """The named agents there whose passwords the configuration has."""
        ...

    def admits(self, console: str) -> bool:
        """Whether a principal of this gateway may use it (``consoles``)."""
        ...

    def behalf(self, principal: str, hops: tuple[str, ...] = ()) -> OnBehalf:
        """What a call that is passed on says of whom it is for.

        Args:
            principal: who asked at first.
            hops: the gateways before this one, if the call came by a relay.
        """
        ...

    def login(
        self, agent: str, password: str | None, done: LoginDone, by: OnBehalf | None = None
    ) -> None:
        """Log in to a named agent there, and stay so over all connections until ``logout``.

        Each call asks the gateway there, even if the link is logged in already: that one console
        knows the password says nothing of the next. A login that is refused changes nothing.

        Args:
            agent: its id; or its name, with a password.
            password: None: the stored one. -32017 if there is none.
            done: hears whether it is right.
            by: who gave the password; None: the link asks for itself. Once it is right the login is
                the link's own: who guesses later cannot have it refused on the next connection.
        """
        ...

    def logout(self, agent: str) -> None:
        """Stay logged in no longer. For the last one who uses the agent here."""
        ...

    def call(
        self, method: str, params: msgspec.Struct, done: Done, timeout_s: float | None = None
    ) -> Stop:
        """Call a method there; what is returned withdraws it.

        A call that was sent and not answered is sent again on the next connection: give
        ``send_message`` a ``message_id``.

        Args:
            method: of the native protocol.
            params: its parameters.
            done: takes the end.
            timeout_s: how long to wait; None: as long as it takes. -32008 afterwards.
        """
        ...

    def read(self, session: str, cursor: Cursor | None, reader: Reader) -> Stop:
        """Read a session's log there from a cursor on, as it grows, over all connections.

        Args:
            session: of an agent that the link is logged in to.
            cursor: where to begin; None: as ``attach_session`` begins by itself.
            reader: takes it.
        """
        ...

    def listen(self, listener: Listener) -> Stop:
        """Let somebody hear each change of the state from now on."""
        ...


class Upstreams(Protocol):
    """The links of a gateway, by name."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in the order of the configuration."""
        ...

    def get(self, name: str) -> Link | None:
        """Return a link, or None if there is no such upstream."""
        ...


def are_up(upstreams: Upstreams | None) -> dict[str, bool]:
    """Say of each upstream whether it is connected."""
    if upstreams is None:
        return {}
    links = {name: upstreams.get(name) for name in upstreams.names}
    return {name: link is not None and link.state.is_up for name, link in links.items()}


class OpenUpstreams(Upstreams, Protocol):
    """The links, as the gateway has them that opens and closes them."""

    @property
    def tools(self) -> LiveTools:
        """The tools of all upstreams that are offered here."""
        ...

    def rows(self) -> list[UpstreamRow]:
        """How each is, for whoever runs the gateway."""
        ...

    async def open(self) -> None:
        """Begin to connect; return when each has been reached once, or a moment later."""
        ...

    async def close(self) -> None:
        """Close all links, within a second or two."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNeeds:
    """What links are made with.

    Attributes:
        upstreams: the configuration, by name.
        epoch: returns that of this gateway, which is known when links are opened.
        record: returns a request that is under way, by its rid.
    """

    upstreams: Mapping[UpstreamName, UpstreamConfig]
    epoch: Callable[[], str]
    record: Callable[[str], Record | None]


UpstreamsFactory = Callable[[LinkNeeds], OpenUpstreams]
