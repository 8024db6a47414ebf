"""A link: our own client, connected to one upstream for as long as the gateway serves.

Theory of operation. The client reconnects, waits and settles by the rules of the core; the link
adds what a gateway needs of it. Its ``client_id`` is made from the gateway's epoch, so a process
that was restarted goes on under its name. Logins are standing calls, made on every connection
before anything else; readings are feeds, which go on by themselves.

A client that is refused for good (a wrong token, a certificate that is not trusted) has given up;
the link opens it again after a while, because whoever runs the other gateway may have mended it.
Logins and readings do not outlive that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from agentgate_client.driver import Driver
from agentgate_client.endpoint import Endpoint, make_endpoint
from agentgate_client.lifecycle import Client
from agentgate_client.sessions import Sessions
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, Settled, StateChanged
from agentgate_proto.client.session_feed import Cursor
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.limits import CLIENT_LIMITS
from agentgate_proto.rpc.behalf import OnBehalf, passed_on
from agentgate_proto.rpc.session_methods import SessionEvents
from agentgate_relay.logins import Logins
from agentgate_relay.reading import Reading
from agentgate_server.config.upstreams import UpstreamConfig
from agentgate_server.relay.link import (
    Done,
    LinkState,
    LinkStatus,
    Listener,
    LoginDone,
    Reader,
    Stop,
)

log = logging.getLogger(__name__)

REOPEN_S = 60.0
"""After so long a link that was refused for good tries again."""

STATUSES = {
    ClientState.IDLE: LinkStatus.CONNECTING,
    ClientState.CONNECTING: LinkStatus.CONNECTING,
    ClientState.CONNECTED: LinkStatus.CONNECTED,
    ClientState.RECONNECTING: LinkStatus.RECONNECTING,
    ClientState.CLOSED: LinkStatus.CLOSED,
}


class LinkClient(Client):
    """The client of a link.

    Args:
        name: of the upstream.
        config: of the upstream.
        epoch: of this gateway.
        on_state: hears each change.
        backoff: the schedule of attempts.

    Raises:
        ValueError: the file with the authorities can't be used.
    """

    def __init__(
        self,
        name: str,
        config: UpstreamConfig,
        epoch: str,
        on_state: Callable[[StateChanged], None],
        backoff: Backoff,
    ) -> None:
        endpoint = endpoint_of(config, f"relay:{epoch}:{name}")
        super().__init__(endpoint, backoff, on_state)
        self.sessions = Sessions(self._driver)

    @property
    def driver(self) -> Driver:
        """What makes the calls."""
        return self._driver

    def state_changed(self, change: StateChanged) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        super().state_changed(change)
        if change.state is ClientState.CONNECTED:
            self.sessions.reconnected()
        elif change.state is ClientState.CLOSED:
            self.sessions.closed(change.error)

    def pushed(self, params: msgspec.Struct) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        if isinstance(params, SessionEvents):
            self.sessions.take(params)


class GatewayLink:
    """One link; see :class:`agentgate_server.relay.link.Link`.

    Args:
        name: of the upstream.
        config: of the upstream.
        epoch: returns this gateway's epoch, once it is known.
        connected: is called each time when calls can go out.
        backoff: makes the schedule of attempts.

    Raises:
        ValueError: the file with the authorities can't be used.
    """

    def __init__(
        self,
        name: str,
        config: UpstreamConfig,
        epoch: Callable[[], str],
        connected: Callable[[GatewayLink], None],
        backoff: Callable[[], Backoff],
    ) -> None:
        endpoint_of(config, "relay")  # says now what can't be used
        self.config = config
        self._name = name
        self._epoch = epoch
        self._connected = connected
        self._backoff = backoff
        self._client: LinkClient | None = None
        self._logins: Logins | None = None
        self._readings: set[Reading] = set()
        self._listeners: dict[int, Listener] = {}
        self._last_listener = 0
        self._is_new = True
        self._is_closing = False
        self._changed = anyio.Event()

    # What others see

    @property
    def name(self) -> str:
        """See ``Link``."""
        return self._name

    @property
    def state(self) -> LinkState:
        """See ``Link``."""
        if self._client is None:
            status = LinkStatus.CLOSED if self._is_closing else LinkStatus.CONNECTING
            return LinkState(status=status)
        health = self._client.health
        error = health.last_error
        return LinkState(
            status=STATUSES[health.state],
            attempt=health.attempt,
            error=error.message if error is not None else "",
        )

    @property
    def agents(self) -> frozenset[str]:
        """See ``Link``."""
        return frozenset(map(str, self.config.agents))

    @property
    def latency_s(self) -> float | None:
        """The last round trip; None while not connected."""
        return self._client.health.latency_s if self._client is not None else None

    @property
    def principal(self) -> str:
        """Whom the upstream takes us for; "" before it said so."""
        return self._client.health.principal if self._client is not None else ""

    @property
    def calls_waiting(self) -> int:
        """Calls that are not answered yet."""
        return self._client.health.calls_waiting if self._client is not None else 0

    @property
    def logged_in(self) -> list[str]:
        """The agents there that we are logged in to."""
        return self._logins.agents if self._logins is not None else []

    def admits(self, console: str) -> bool:
        """See ``Link``."""
        return self.config.admits(console)

    def behalf(self, principal: str, hops: tuple[str, ...] = ()) -> OnBehalf:
        """See ``Link``. Raises AgentGateError: it has come too far (-32018)."""
        return passed_on(principal, hops, self._epoch())

    def login(
        self, agent: str, password: str | None, done: LoginDone, by: OnBehalf | None = None
    ) -> None:
        """See ``Link``."""
        stored = self.config.agents.get(agent)  # type: ignore[call-overload]
        if password is None and stored is not None:
            password = stored.password.value
        try:
            self._open_logins().login(agent, password, done, by)
        except AgentGateError as error:
            done(None, error)

    def logout(self, agent: str) -> None:
        """See ``Link``."""
        if self._logins is not None:
            self._logins.logout(agent)

    def call(
        self, method: str, params: msgspec.Struct, done: Done, timeout_s: float | None = None
    ) -> Stop:
        """See ``Link``."""

        def settled(answer: Settled) -> None:
            done(answer.result, answer.error)

        try:
            driver = self.driver
            handle = driver.submit(method, params, timeout_s, settled)
        except AgentGateError as error:
            done(None, error)
            return nothing
        return lambda: driver.withdraw(handle)

    def read(self, session: str, cursor: Cursor | None, reader: Reader) -> Stop:
        """See ``Link``."""
        client = self._client
        if client is None or client.state is ClientState.CLOSED:
            reader.ended(closed(self._name, self.state))
            return nothing
        reading = Reading(cursor, reader, self._readings.discard)
        self._readings.add(reading)
        reading.join(client.sessions.watching(session))
        return reading.stop

    def listen(self, listener: Listener) -> Stop:
        """See ``Link``."""
        self._last_listener += 1
        number = self._last_listener
        self._listeners[number] = listener
        return lambda: self._listeners.pop(number, None) and None

    # What its gateway does with it

    @property
    def driver(self) -> Driver:
        """What makes the calls.

        Raises:
            AgentGateError: the link is not open.
        """
        if self._client is None:
            raise closed(self._name, self.state)
        return self._client.driver

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Be connected until cancelled. Calls are taken from when it has started."""
        self._client = client = LinkClient(
            self._name, self.config, self._epoch(), self._state_changed, self._backoff()
        )
        self._logins = Logins(client.driver)
        told = ""
        try:
            while True:
                await client.driver.open()
                if self._is_new:
                    self._is_new = False
                    task_status.started()
                while client.state is not ClientState.CLOSED:
                    self._changed = anyio.Event()
                    await self._changed.wait()
                if told != (told := self.state.error):
                    text = "gateway %s refuses this one for good; trying again every %g s: %s"
                    log.error(text, self._name, REOPEN_S, told)
                await anyio.sleep(REOPEN_S)
        finally:
            self._is_closing = True
            with anyio.CancelScope(shield=True):
                await client.close()

    async def wait_decided(self) -> None:
        """Wait until the first attempt has succeeded or failed."""
        while self.state.status is LinkStatus.CONNECTING:
            await self.wait_changed()

    async def wait_changed(self) -> None:
        """Wait until the state changes."""
        changed = anyio.Event()
        stop = self.listen(lambda state: changed.set())
        try:
            await changed.wait()
        finally:
            stop()

    def _open_logins(self) -> Logins:
        if self._logins is None:
            raise closed(self._name, self.state)
        return self._logins

    def _state_changed(self, change: StateChanged) -> None:
        if change.state is not ClientState.CONNECTED and self._logins is not None:
            self._logins.disconnected()
        if change.state is ClientState.CLOSED and self._logins is not None:
            self._logins.closed()
        if change.state is ClientState.CONNECTED:
            self._connected(self)
        self._changed.set()
        state = self.state
        for listener in list(self._listeners.values()):
            listener(state)


def endpoint_of(config: UpstreamConfig, client_id: str) -> Endpoint:
    """Where an upstream is, and who we are to it.

    Raises:
        ValueError: the file with the authorities can't be used.
    """
    return make_endpoint(
        url=str(config.url),
        token=config.token.value,
        client_id=client_id,
        progress=False,
        ca_file=config.ca,
        cert_file=None,
        key_file=None,
        ssl_context=None,
        headers=None,
        limits=CLIENT_LIMITS,
        insecure=config.insecure,
    )


def closed(name: str, state: LinkState) -> AgentGateError:
    """The error for a link that is not open."""
    return exception_for(ErrorCode.CONNECTION_LOST, f"the gateway {name} is {state}")


def nothing(*_: Any) -> None:
    """There is nothing to stop."""
