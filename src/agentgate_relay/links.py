"""Links: all gateways behind this one. A gateway opens them when it serves, and closes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from random import SystemRandom
from typing import Any

import anyio
import anyio.abc

from agentgate_client.background import spawn
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.errors import AgentGateError
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.messages import GetPendingResults, ListTools
from agentgate_proto.rpc.upstream_methods import UpstreamRow
from agentgate_relay.gateway_link import GatewayLink
from agentgate_relay.upstream_tools import UpstreamTool, UpstreamTools
from agentgate_server.relay.link import LinkNeeds

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
"""How often an upstream is asked which tools it has: there they come and go without a word, and who
has just started a device there does not want to wait a minute for its tools here."""

OPEN_S = 2.0
"""How long a start waits for links: with their tools, the first call finds what it asks for."""


def patient() -> Backoff:
    """The usual schedule of attempts; not all gateways come back to one at once."""
    return Backoff(jitter=True, rng=SystemRandom())


class Links:
    """See :class:`agentgate_server.relay.link.OpenUpstreams`.

    Args:
        needs: configuration, and what the gateway lends.
        backoff: makes the schedule of attempts of a link.

    Raises:
        ValueError: an upstream can't be used as configured; the text says which and why.
    """

    def __init__(self, needs: LinkNeeds, backoff: Callable[[], Backoff] = patient) -> None:
        self._links: dict[str, GatewayLink] = {}
        self._tools: dict[str, UpstreamTools] = {}
        for name, config in needs.upstreams.items():
            try:
                link = GatewayLink(str(name), config, needs.epoch, self.look, backoff)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            self._links[link.name] = link
            self._tools[link.name] = UpstreamTools(link, needs.record, needs.epoch)
        self._listed = {name: anyio.Event() for name in self._links}
        self._opened = anyio.Event()
        self._closing = anyio.Event()
        self._over = anyio.Event()
        self._is_open = False

    @property
    def names(self) -> tuple[str, ...]:
        """See ``Upstreams``."""
        return tuple(self._links)

    def get(self, name: str) -> GatewayLink | None:
        """See ``Upstreams``."""
        return self._links.get(name)

    @property
    def tools(self) -> LinkedTools:
        """See ``OpenUpstreams``."""
        return LinkedTools(self._tools)

    def rows(self) -> list[UpstreamRow]:
        """See ``OpenUpstreams``."""
        return [row_of(link, self._tools[name]) for name, link in self._links.items()]

    async def open(self) -> None:
        """See ``OpenUpstreams``."""
        self._is_open = True
        spawn(self._run, "agentgate links")
        await self._opened.wait()
        with anyio.move_on_after(OPEN_S):
            for name, link in self._links.items():
                await link.wait_decided()
                if link.state.is_up:
                    await self._listed[name].wait()

    async def close(self) -> None:
        """See ``OpenUpstreams``."""
        self._closing.set()
        if self._is_open:
            with anyio.CancelScope(shield=True):
                await self._over.wait()

    def look(self, link: GatewayLink) -> None:
        """Calls can go out: find out which tools there are, and what nobody has waited for."""

        def listed(result: Any, error: AgentGateError | None) -> None:
            if error is None:
                self._tools[link.name].listed(result)
            else:
                log.warning("gateway %s lists no tools: %s", link.name, error.message)
            self._listed[link.name].set()

        def collected(rows: Any, error: AgentGateError | None) -> None:
            for row in rows or ():
                text = "gateway %s: %s ended as %s after nobody had waited for it"
                log.info(text, link.name, row.tool, row.status)

        link.call("list_tools", ListTools(), listed)
        link.call("get_pending_results", GetPendingResults(), collected)

    async def _run(self) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                for link in self._links.values():
                    await tasks.start(link.run)
                    tasks.start_soon(self._keep_looking, link)
                self._opened.set()
                await self._closing.wait()
                tasks.cancel_scope.cancel()
        except Exception:
            log.exception("the links to other gateways failed")
        finally:
            self._opened.set()
            self._over.set()

    async def _keep_looking(self, link: GatewayLink) -> None:
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            if link.state.is_up:
                self.look(link)


class LinkedTools:
    """The tools of all upstreams; see :class:`agentgate_server.tools.catalogue.LiveTools`."""

    def __init__(self, sources: dict[str, UpstreamTools]) -> None:
        self._sources = sources

    def owns(self, name: str) -> bool:
        """See ``LiveTools``: the names of an upstream's tools begin with its own."""
        return self._source(name) is not None

    def get(self, name: str) -> UpstreamTool | None:
        """See ``LiveTools``."""
        source = self._source(name)
        return source.get(name) if source is not None else None

    def to_run(self, name: str, effects: Effects, call: str) -> UpstreamTool | None:
        """See ``LiveTools``."""
        source = self._source(name)
        return source.to_run(name, effects, call) if source is not None else None

    def __iter__(self) -> Iterator[UpstreamTool]:
        return (tool for source in self._sources.values() for tool in source)

    def _source(self, name: str) -> UpstreamTools | None:
        return self._sources.get(name.partition(".")[0])


def row_of(link: GatewayLink, tools: UpstreamTools) -> UpstreamRow:
    """Describe an upstream as it is now."""
    state = link.state
    return UpstreamRow(
        name=link.name,
        place=link.config.url.place,
        status=state.status.value,
        attempt=state.attempt,
        error=state.error,
        latency_s=link.latency_s,
        principal=link.principal,
        calls=link.calls_waiting,
        agents=link.logged_in,
        tools=tools.names,
    )
