"""The gateway at the other end of ``agent-gate mcp``: asked by our own client, which outlives its
restarts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import monotonic
from uuid import uuid4

import anyio
import msgspec
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from agentgate_cli.mcp.files import FileTrouble, read_token
from agentgate_cli.mcp.told import Told
from agentgate_client.address import websocket_url
from agentgate_client.decoding import view_from
from agentgate_client.driver import Driver
from agentgate_client.endpoint import Endpoint, make_endpoint
from agentgate_client.lifecycle import Client
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, Settled, StateChanged
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.faces.mcp.bridge import Bridge
from agentgate_proto.faces.mcp.bridge_calls import Refusal
from agentgate_proto.faces.mcp.bridge_endings import end_of, result_of, rows_in, seconds_of
from agentgate_proto.faces.mcp.bridge_events import (
    AskTool,
    FindRequest,
    ListTools,
    LookUp,
    WithdrawTool,
)
from agentgate_proto.limits import CLIENT_LIMITS
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.rpc.messages import ListRequests, RequestWaiting
from agentgate_proto.rpc.messages import ListTools as ListToolsParams
from agentgate_proto.rpc.results import ToolList

log = logging.getLogger("agentgate")

ANSWER_S = 30.0
"""How long the gateway may take to answer what runs no tool."""

REOPEN_S = 60.0
"""After so long a gateway that refused us is asked again: somebody may have mended it."""

PAUSE_MAX_S = 5.0
"""The longest pause between attempts: somebody sits in front of the client and waits."""

Asked = AskTool | ListTools | WithdrawTool | FindRequest | LookUp


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``ToolRequest`` with arguments as they came."""

    tool: str
    args: msgspec.Raw
    idempotency_key: str = ""
    join_s: float = 0.0
    why: str = ""


class ShortBackoff(Backoff):
    """Pauses that grow as ever, but not so long: one person's client is no crowd."""

    def failed(self, now: float) -> float | None:
        """See :class:`Backoff`."""
        at = super().failed(now)
        return None if at is None else min(at, now + PAUSE_MAX_S)


class BridgeClient(Client):
    """Our client, which tells what it hears.

    Args:
        endpoint: the gateway.
        gateway: hears it.
    """

    def __init__(self, endpoint: Endpoint, gateway: Gateway) -> None:
        super().__init__(endpoint, ShortBackoff(), gateway.state_changed)
        self._gateway = gateway

    @property
    def driver(self) -> Driver:
        """What makes the calls."""
        return self._driver

    def pushed(self, params: msgspec.Struct) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        if isinstance(params, RequestWaiting):
            self._gateway.waiting(params)


class Gateway:
    """See the module.

    Args:
        bridge: is told what comes.
        told: where the gateway is, and which token it knows.
        turn: must be called after the bridge was told something.
    """

    def __init__(self, bridge: Bridge, told: Told, turn: Callable[[], None]) -> None:
        self._bridge = bridge
        self._told = told
        self._turn = turn
        self._client: BridgeClient | None = None
        self._client_id = f"mcp-{uuid4()}"
        self._closed = anyio.Event()
        self._handles: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._waiting: dict[int, RequestWaiting] = {}

    async def keep(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep connected; where that is refused, try again after a while. It has started when
        calls can be made, whether or not the gateway is there."""
        await self._open()
        task_status.started()
        while True:
            if self._client is not None:
                await self._closed.wait()
                await self._client.close()
                self._client = None
            await anyio.sleep(REOPEN_S)
            await self._open()

    async def close(self) -> None:
        """Say goodbye. What was asked for goes on."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self) -> None:
        """Begin to connect."""
        self._closed = anyio.Event()
        try:
            self._client = BridgeClient(self._endpoint(), self)
        except (ValueError, FileTrouble) as error:
            self._refused(str(error))
        else:
            await self._client.driver.open()

    def _endpoint(self) -> Endpoint:
        """The gateway, by what is in the files now.

        Raises:
            ValueError, FileTrouble: it can't be right.
        """
        told = self._told
        token = read_token(told.token_file) if told.token_file is not None else told.token
        if not token:
            raise ValueError("there is no token: set AGENT_GATE_TOKEN, or give --token-file")
        return make_endpoint(
            url=websocket_url(told.url),
            token=token,
            client_id=self._client_id,
            progress=True,
            ca_file=told.ca_file,
            cert_file=None,
            key_file=None,
            ssl_context=None,
            headers=None,
            limits=CLIENT_LIMITS,
            insecure=told.insecure,
        )

    def _refused(self, why: str) -> None:
        log.error("%s", why)
        self._bridge.link_refused(why)
        self._turn()

    # From the client

    def state_changed(self, change: StateChanged) -> None:
        """The link came, went, or is over."""
        why = change.error.message if change.error is not None else "it was closed"
        match change.state:
            case ClientState.CONNECTED:
                self._bridge.link_up()
            case ClientState.RECONNECTING:
                self._bridge.link_away(why, monotonic())
            case ClientState.CLOSED if self._client is not None:
                if change.error is not None:
                    log.error("%s", why)
                self._bridge.link_refused(why)
                self._closed.set()
        self._turn()

    def waiting(self, params: RequestWaiting) -> None:
        """A person is asked about one of our requests."""
        driver = self._driver
        handle = driver.machine.handle_of(params.request_id) if driver is not None else None
        if handle in self._numbers:
            number, until = self._numbers[handle], seconds_of(params.expires_at)
            self._waiting[number] = params
            self._bridge.waiting(number, until, params.rule, monotonic())
            self._turn()

    # What the bridge wants

    def do(self, event: Asked) -> None:
        """Do what the bridge asks for."""
        match event:
            case ListTools():
                self._submit("list_tools", ListToolsParams(), self._listed)
            case AskTool():
                self._ask(event)
            case WithdrawTool(number=number):
                self._withdraw(number)
            case FindRequest():
                params = ListRequests(open_only=True, limit=100)
                self._submit("list_requests", params, partial(self._named, event))
            case LookUp(number=number, rid=rid):
                params = ListRequests(id=rid)
                self._submit("list_requests", params, partial(self._looked_up, number))

    @property
    def _driver(self) -> Driver | None:
        return self._client.driver if self._client is not None else None

    def _submit(self, method: str, params: msgspec.Struct, done: Callable[[Settled], None]) -> None:
        try:
            if self._driver is None:
                raise exception_for(ErrorCode.CONNECTION_LOST, "not connected")
            self._driver.submit(method, params, ANSWER_S, done)
        except AgentGateError as error:
            done(Settled(0, None, error))

    def _ask(self, event: AskTool) -> None:
        request = Request(
            tool=event.tool,
            args=event.args,
            idempotency_key=event.key,
            join_s=event.join_s,
            why=event.why,
        )
        done = partial(self._settled, event.number)
        try:
            if self._driver is None:
                raise exception_for(ErrorCode.CONNECTION_LOST, "not connected")
            handle = self._driver.submit("tool_request", request, None, done)
        except AgentGateError as error:
            self._bridge.settled(event.number, end_of(error), monotonic())
        else:
            self._handles[event.number] = handle
            self._numbers[handle] = event.number

    def _withdraw(self, number: int) -> None:
        handle = self._handles.pop(number, None)
        self._waiting.pop(number, None)
        if handle is not None:
            self._numbers.pop(handle, None)
            if self._driver is not None:
                self._driver.withdraw(handle)

    # What comes of it

    def _settled(self, number: int, settled: Settled) -> None:
        handle = self._handles.pop(number, None)
        self._waiting.pop(number, None)
        if handle is not None:
            self._numbers.pop(handle, None)
        if settled.error is None:
            end: Outcome | Refusal = result_of(settled.result, settled.word, settled.edited)
        else:
            end = end_of(settled.error)
        joined_at = seconds_of(settled.joined_at) if settled.joined_at else 0.0
        self._bridge.settled(number, end, monotonic(), joined_at)
        self._turn()

    def _listed(self, settled: Settled) -> None:
        try:
            if settled.error is not None:
                raise settled.error
            rows = view_from(settled.result, ToolList).tools
        except AgentGateError as error:
            if self._client is not None:  # it was not closed by us
                log.warning("can't list the tools: %s", error.message)
            self._bridge.listing_failed(error.message, monotonic())
        else:
            self._bridge.listed(rows, monotonic())
        self._turn()

    def _named(self, event: FindRequest, settled: Settled) -> None:
        """The request itself, or the same one of another client, which this one has joined: it
        expires at that moment, and its arguments may be written in another way."""
        notice = self._waiting.pop(event.number, None)
        if notice is None:
            return  # it is over
        ours = self._client_id, notice.request_id
        alike = (event.tool, notice.expires_at)
        rows = [row for row in rows_in(settled.result) if (row.tool, row.expires_at) == alike]
        rows.sort(key=lambda row: (row.client_id, row.request_id) != ours)
        for row in rows[:1]:
            self._bridge.named(event.number, row.id)
            self._turn()

    def _looked_up(self, number: int, settled: Settled) -> None:
        rows = rows_in(settled.result)
        if rows:
            self._bridge.found(number, rows[0], monotonic())
        else:
            error = settled.error or exception_for(ErrorCode.NOT_FOUND, "no such request")
            end = end_of(error)
            why = end if isinstance(end, Refusal) else Refusal(error.code, error.message)
            self._bridge.not_found(number, why, monotonic())
        self._turn()
