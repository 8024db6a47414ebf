"""The gateway as a whole: start it, serve, and shut it down in order.

Embed it in a program::

    config = config_from_dict({"agent": {"token": token}, "gateway": {"port": 0}})
    async with Gateway(config, tools=[my_tool], policy=policy) as gateway:
        print(gateway.url)

Shutting down: nobody is asked any more, and answers are left for the next process; no new
connections; every connection is closed with 1012, so that clients come back to the next process;
tools that run may finish within ``gateway.shutdown_s``, then they are stopped (a ``write`` is
recorded as unknown); what is queued is written; the store is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from agentgate_proto.connection.base import SERVICE_RESTART
from agentgate_proto.limits import SERVER_LIMITS, Limits
from agentgate_proto.quotas.disk import DiskFloor
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.rpc.messages import ReloadReport
from agentgate_server.approvals.channel import RunningChannel
from agentgate_server.approvals.channels import ask_people, open_channels
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.codes import Codes
from agentgate_server.approvals.needs import Needs
from agentgate_server.assembly import (
    catalogue_of,
    home_assistant_of,
    policy_of,
    sources_of,
    upstreams_of,
)
from agentgate_server.audit.heads import Findings, look_back
from agentgate_server.backing import McpBacking, backing_of
from agentgate_server.checking.files import said_at_start
from agentgate_server.checking.policies import check_start
from agentgate_server.config import Config, check_exposure
from agentgate_server.config.faces import OPEN, open_faces, people_converse
from agentgate_server.conversing import conversations_of, load_prices, tidy
from agentgate_server.faces.configured import faces_of
from agentgate_server.faces.face import FaceFactory
from agentgate_server.gate.gate import Gate
from agentgate_server.gate.reloading import Look, Reloader
from agentgate_server.gate.sight import Sight
from agentgate_server.models.prices import PriceBook
from agentgate_server.observing.gauges import Gauges
from agentgate_server.observing.setup import Setup
from agentgate_server.opening import (
    hand_over,
    limits_for,
    listener_of,
    open_certificate,
    open_keyring,
    open_observing,
    open_runner,
    open_store,
)
from agentgate_server.policy import Policy
from agentgate_server.pruning import Pruner
from agentgate_server.relay.link import LinkNeeds, OpenUpstreams, UpstreamsFactory
from agentgate_server.renewing import Renewal
from agentgate_server.reporting import fill_web, gauges_of, reports_of
from agentgate_server.secrets.masking import Masker
from agentgate_server.sockets.certificate import Certificate
from agentgate_server.sockets.listener import Listener
from agentgate_server.store.disk_watch import DiskWatch
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.tool import Tool
from agentgate_server.version import VERSION

if TYPE_CHECKING:
    from agentgate_server.tools.home_assistant.backend import HomeAssistant

log = logging.getLogger(__name__)

CLOSE_WAIT_S = 2.0
"""How long clients may take to answer the close before their sockets are cut."""


class Gateway:
    """A gateway, as an async context manager: inside the ``async with`` it serves.

    Args:
        config: see :mod:`agentgate_server.config`.
        tools: tools given in code, besides those that the configuration names.
        policy: the policy; None: load ``config.permissions``.
        limits: caps and times of each connection.
        load: reads the configuration anew; None: a reload leaves it as it is.
        strict: refuse to start with, and to reload, what ``agent-gate check`` calls an error;
            else it is a warning.
        faces: make further faces, each with what it is given; see ``faces.face``.
        upstreams: makes links to gateways behind this one: ``agentgate_relay.Links``.

    Attributes:
        gate: the inside, for channels of one's own: ``gateway.gate.desk``.
        masker: hides the configuration's secrets; for logs, and for channels of one's own.
        backing: the MCP servers behind the gate, or None.
        gate_type: what the inside is made of; a test may put a mortal one here.
        clock: what channels wait on; a test may put a fast one here.
        port: the port it listens on.
        warnings: what the operator should know, each one line.

    Raises (on entering):
        DocumentError: the policy can't be used, or the configuration is unsafe, or strict fails.
        TokenFileError: the token file can't be used.
        ToolError: a tool can't be loaded.
        StoreError: the store can't be opened.
        ListenError: the address can't be listened on, or the certificate can't be used.
    """

    def __init__(
        self,
        config: Config,
        *,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        policy: Policy | None = None,
        limits: Limits = SERVER_LIMITS,
        load: Callable[[], Config] | None = None,
        strict: bool = False,
        faces: Iterable[FaceFactory] = (),
        upstreams: UpstreamsFactory | None = None,
    ) -> None:
        self.config = config
        self.masker = Masker(config.secrets)
        self.backing: McpBacking | None = None
        self.port = 0
        self.warnings: list[str] = []
        self._tools = tuple(tools)
        self._policy = policy
        self._limits = limits
        self._load = load
        self._strict = strict
        self._faces = tuple(faces)
        self._make_upstreams = upstreams
        self._upstreams: OpenUpstreams | None = None
        self._stack = AsyncExitStack()
        self._asking: anyio.CancelScope | None = None
        self.gate: Gate
        self.gate_type = Gate
        self.clock = Clock()
        self._listener: Listener
        self._renewal: Renewal
        self._disk: DiskWatch

    @property
    def url(self) -> str:
        """Where clients connect."""
        scheme = "wss" if self.config.gateway.serves_tls else "ws"
        host = self.config.gateway.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def reload(self) -> ReloadReport:
        """Read policy, principals and tokens anew; see :mod:`agentgate_server.gate.reloading`."""
        return await self.gate.reloader.reload()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        # The body's own exception is none of our tasks' business: handed to their task group, it
        # would come out wrapped in an ExceptionGroup.
        await self._stack.__aexit__(None, None, None)

    async def _start(self, stack: AsyncExitStack) -> None:
        """Open the parts, each after those that it stands on; the stack closes them in reverse."""
        config = self.config
        self.warnings += [*config.warnings, *check_exposure(config)]
        tokens = open_keyring(config)
        certificate = open_certificate(config)
        home, policy, catalogue = self._open_tools(stack)
        catalogue = self._add_upstreams(catalogue)
        look = partial(check_start, catalogue=catalogue, strict=self._strict)
        self.warnings += look(config, policy, tokens.principals, errors_only=False)
        self.warnings += said_at_start(config, tokens.principals)
        self._renewal = Renewal(certificate, sources_of(config))
        self.warnings += [*tokens.warnings(), *self._renewal.warnings()]
        runner = open_runner(config, self.masker)
        stack.callback(runner.close)
        prices = PriceBook()
        conversations = conversations_of(config, self.masker, prices)
        for model in conversations.models.values():
            stack.push_async_callback(model.aclose)
        setup = self._open_observing(stack, catalogue)
        engine, found = await self._open_store(stack)
        self.gate = self.gate_type(
            policy=policy,
            catalogue=catalogue,
            tokens=tokens,
            engine=engine,
            runner=runner,
            limits=config.ledger_limits(),
            masker=self.masker,
            observers=setup.observers,
            codes=Codes(config.totp),
            conversations=conversations,
            upstreams=self._upstreams,
            faces=[*faces_of(config), *self._faces],
            dialogues=None if self.backing is None else self.backing.dialogues,
            offers=None if self.backing is None else self.backing.servers.offers,
        )
        if any(open_faces(config.faces)):
            self.gate.authenticator.open_principals = frozenset({OPEN.name})
        self.gate.authenticator.people_converse = people_converse(config.faces)
        self.gate.timekeeper.clock.highest = engine.newest_at
        self._add_reloader(home, look)
        channels = self._open_channels(home)
        parts = {"home_assistant": home, "mcp_servers": self.backing}
        reports = reports_of(self.gate, found, channels, parts, self._renewal)
        fill_web(self.gate, config, setup, reports)
        await self._listen(stack, certificate)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        await tasks.start(self.gate.run)
        self.gate.audit.started(VERSION, found)
        self.gate.audit.policy_loaded(policy.name, policy.digest)
        tasks.start_soon(load_prices, config, prices)
        if self._upstreams is not None:
            await self._upstreams.open()
            stack.push_async_callback(self._upstreams.close)
        assert self.gate.sessions is not None, "there are conversations"
        then = partial(tidy, engine.sessions, self.gate.sessions, conversations.workspaces)
        await tasks.start(Pruner(self.gate, self._disk, then).run)
        await self._start_tasks(tasks, home, channels)
        stack.push_async_callback(self._shut_down)

    # Its steps, in their order

    def _open_tools(self, stack: AsyncExitStack) -> tuple[HomeAssistant | None, Policy, Catalogue]:
        """Load the tools, and the policy, which a house tells what is in it."""
        home = home_assistant_of(self.config)
        if home is not None:
            stack.push_async_callback(home.api.aclose)
        policy = self._policy or policy_of(self.config, home)
        if home is not None and self._policy is not None:
            home.serve(policy)
        catalogue = catalogue_of(self.config, self._tools, home)
        stack.push_async_callback(catalogue.aclose)
        return home, policy, catalogue

    def _add_upstreams(self, catalogue: Catalogue) -> Catalogue:
        """Join the tools of servers and gateways behind this one; none is reached yet."""
        self.backing = backing_of(self.config, self.masker)
        if self.backing is not None:
            catalogue = self.backing.join(catalogue)
        needs = LinkNeeds(
            upstreams=self.config.upstreams,
            epoch=lambda: self.gate.authenticator.epoch,
            record=lambda rid: self.gate.ledger.record(rid),  # noqa: PLW0108 - there is none yet
        )
        self._upstreams = upstreams_of(self.config, self._make_upstreams, needs)
        return catalogue if self._upstreams is None else catalogue.with_live(self._upstreams.tools)

    def _open_observing(self, stack: AsyncExitStack, catalogue: Catalogue) -> Setup:
        """Let logs, metrics and traces be kept."""
        setup = open_observing(self.config, catalogue.names, self._gauges)
        if setup.tracing is not None:
            stack.push_async_callback(hand_over, setup.tracing)
        return setup

    def _gauges(self) -> Gauges:
        return gauges_of(self.gate, self._renewal, self._disk, self._listener)

    async def _open_store(self, stack: AsyncExitStack) -> tuple[SqliteEngine, Findings]:
        """Open the store, and see whether its audit is the one that was kept."""
        engine = await anyio.to_thread.run_sync(open_store, self.config, self.masker)
        stack.callback(engine.close)
        self.warnings += engine.clock_doubts
        self._disk = DiskWatch(engine.path, DiskFloor(self.config.storage.free_min))
        look = partial(look_back, engine.path, self.config.audit.head_file, engine.repaired)
        return engine, await anyio.to_thread.run_sync(look)

    def _add_reloader(self, home: HomeAssistant | None, look: Look) -> None:
        """Let the gate read policy and principals anew; a policy given in code stays."""
        gate = self.gate
        if home is not None:
            home.sight.of_caller = Sight(gate.judge, gate.ledger, gate.utc)
        gate.reloader = Reloader(
            self.config,
            self._load,
            None if self._policy else partial(policy_of, home=home),
            look,
            self._renewal.renew,
            judge=gate.judge,
            authenticator=gate.authenticator,
            agents=gate.agents,
            codes=gate.desk.codes,
            masker=self.masker,
            audit=gate.audit,
            judge_again=gate.judge_again,
        )

    def _open_channels(self, home: HomeAssistant | None) -> list[RunningChannel]:
        """Let people be asked where the configuration says."""
        gate = self.gate
        needs = Needs(
            clock=self.clock,
            desk=gate.desk,
            writer=gate.writer,
            drain=gate.drain,
            answers=gate.web.answers,
            observers=gate.observers,
            house=None if home is None else home.watching,
        )
        return open_channels(self.config, needs)

    async def _listen(self, stack: AsyncExitStack, certificate: Certificate | None) -> None:
        """Bind the port; connections are taken when everything else runs."""
        gate, routes, capped = self.gate, self.gate.faces.routes, self.gate.observers.capped
        limits = limits_for(self._limits, self.config, gate.providing.catalogue)
        close = partial(gate.door.close, "memory")
        self._listener = listener_of(
            self.config, gate, routes, limits, certificate, capped, gate.rounds, close
        )
        memory, clock = self._listener.memory, gate.timekeeper.clock
        gate.web.parts["memory"] = lambda: memory.problem or "ok"
        gate.web.parts["clock"] = lambda: clock.problem or "ok"
        self.port = await self._listener.open()
        stack.push_async_callback(self._listener.stop_accepting)

    async def _start_tasks(
        self, tasks: TaskGroup, home: HomeAssistant | None, channels: Iterable[RunningChannel]
    ) -> None:
        """Start what goes on while the gateway serves."""
        self._asking = anyio.CancelScope()
        tasks.start_soon(ask_people, channels, self._asking)
        tasks.start_soon(self.gate.desk.reach.watch)
        tasks.start_soon(self.gate.authenticator.watch)
        tasks.start_soon(self.gate.audit.run)
        tasks.start_soon(self._renewal.watch)
        if self.backing is not None:
            tasks.start_soon(self.backing.run, self.gate)
        if home is not None:
            await tasks.start(home.watch)
        tasks.start_soon(self._listener.serve)

    # The end

    async def _shut_down(self) -> None:
        """Stop in order; bounded, and not cut short by a cancellation from outside."""
        grace = self.config.gateway.shutdown_s
        with anyio.move_on_after(grace + CLOSE_WAIT_S, shield=True):
            self.gate.web.closing = True
            if self._asking is not None:
                self._asking.cancel()  # an answer that came now might start a tool too late
            await self._close_connections()
            if self.gate.sessions is not None:
                self.gate.sessions.close()
            await self._write_all()  # what was on its way to a tool has reached it after this
            await self._stop_tools(grace)
            await self._write_all()
            await self._end_audit()
            with anyio.move_on_after(CLOSE_WAIT_S):
                await self._listener.wait_idle()

    async def _close_connections(self) -> None:
        """Take no connection any more, and send everybody to the next process."""
        await self._listener.stop_accepting()
        for end in self.gate.closing:
            end()
        for peer in list(self._listener.peers.values()):
            peer.connection.close(SERVICE_RESTART, "the gateway is shutting down")
            peer.poke()

    async def _stop_tools(self, grace_s: float) -> None:
        """Let the tools end by themselves for so long, then stop them."""
        with anyio.move_on_after(grace_s):
            await self.gate.running.wait_idle()
        self.gate.running.close()
        await self.gate.running.wait_idle()

    async def _end_audit(self) -> None:
        try:
            await self.gate.audit.close(AuditEntry(event="gateway.stopped"))
        except StoreError as error:
            log.error("the audit does not say that the gateway stopped: %s", error)

    async def _write_all(self) -> None:
        """Wait until no write is left, those included that others lead to."""
        try:
            while self.gate.writer.queue_length:
                await self.gate.writer.flush()
        except StoreError as error:
            log.error("not everything could be written: %s", error)
