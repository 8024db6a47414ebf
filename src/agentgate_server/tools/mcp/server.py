"""One server: started, asked what it offers, kept running, and asked for its tools.

Its life is a task of its own, so that one that hangs or dies each second costs only its callers.
What it offered last is known while it is away: a call waits for it within a bound and then says
that nothing was run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from random import Random, SystemRandom
from typing import Any, Final, Protocol

import anyio
import msgspec
from anyio.abc import TaskGroup

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp_backend.events import (
    Ended,
    Event,
    Kind,
    Listed,
    Noise,
    Over,
    Ready,
    Updated,
)
from agentgate_proto.faces.mcp_backend.reading import ToolDefinition, read_tool, shown
from agentgate_proto.faces.mcp_backend.saying import header_names
from agentgate_proto.faces.mcp_backend.talk import NO_HEADERS, ServerTalk
from agentgate_proto.quotas.news import News
from agentgate_proto.records.tool_pin import Definition, definition_of
from agentgate_server.errors import NotStarted
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp.calling import Running
from agentgate_server.tools.mcp.driver import Driver, Link
from agentgate_server.tools.mcp.form import McpServerConfig
from agentgate_server.version import VERSION

log = logging.getLogger(__name__)

NAME: Final = "agent-gate"

PAUSE_S: Final = 1.0
PAUSE_S_MAX: Final = 60.0
"""A server that ended is started again after 1 s, 2 s, 4 s, and at most so many."""

WELL_S: Final = 30.0
"""A server that was ready for so long was well: the next pause is the first again."""

NOISE_NOTED: Final = frozenset({1, 10, 100, 1_000, 10_000})
"""Of what is no message, so many are told of."""


class Status(StrEnum):
    """How a server is."""

    STARTING = "starting"
    READY = "ready"
    AWAY = "away"
    """It ended, or could not be reached; it is tried again in a while."""
    CLOSED = "closed"


class Pinned(Protocol):
    """Says which tools may be used as they are; see ``pins.Pins``."""

    def visible(self, alias: str, definitions: Sequence[Definition]) -> frozenset[str]:
        """Return the names of those that may."""
        ...

    def accepted(self, alias: str) -> Mapping[str, str]:
        """Return what is accepted of a server, offered or not: hashes by the tool's name."""
        ...


class McpServer:
    """See the module.

    Args:
        alias: what it is called here.
        config: what is said of it.
        make_link: makes the way to it, for one run of it.
        dialogues: finds who can be asked in the midst of a call.
        changed: is told that it offers something else now.
        rng: the source of chance for pauses.

    Attributes:
        status: how it is.
        problem: what went wrong last, for people and agents, or "".
        definitions: its tools, by its own names, in its own order; with what their pins are over.
        offered: what it lists besides tools, by kind.
        was_listed: whether ``definitions`` are its own word, and not only remembered.
        has_listed: it has listed its tools since it was started last.
    """

    def __init__(
        self,
        alias: str,
        config: McpServerConfig,
        make_link: Callable[[], Link],
        dialogues: Dialogues,
        changed: Callable[[McpServer], None],
        rng: Random | None = None,
    ) -> None:
        self.alias = alias
        self.config = config
        self.status = Status.STARTING
        self.problem = ""
        self.starts = 0
        self.definitions: dict[str, tuple[ToolDefinition, Definition]] = {}
        self.was_listed = False
        self.offered: dict[Kind, tuple[msgspec.Raw, ...]] = {}
        self.updated: Callable[[str], None] = lambda uri: None
        self._make_link = make_link
        self._dialogues = dialogues
        self._changed = changed
        self._rng = rng or SystemRandom()
        self._driver: Driver | None = None
        self._running: dict[int, Running] = {}
        self._watched: set[str] = set()
        self._tasks: TaskGroup | None = None
        self._ready_at: float | None = None
        self._news = News()
        self.has_listed = False
        self._moved = anyio.Event()

    @property
    def is_up(self) -> bool:
        """Whether calls go out, and what it offers is known."""
        return self.status is Status.READY and self.has_listed

    async def run(self) -> None:
        """Keep it running, until cancelled."""
        pause_s = PAUSE_S
        try:
            async with anyio.create_task_group() as self._tasks:
                while True:
                    reason = await self._run_once()
                    if self._ready_at is not None:
                        if anyio.current_time() - self._ready_at >= WELL_S:
                            pause_s = PAUSE_S
                        self._ready_at = None
                    wait_s = pause_s * self._rng.uniform(0.5, 1.0)
                    if (more := self._news.failed(reason, anyio.current_time())) is not None:
                        text = "MCP server %s is away: %s; trying again in %.0f s%s"
                        log.warning(text, self.alias, reason, max(wait_s, 1.0), more)
                    await anyio.sleep(wait_s)
                    pause_s = min(2 * pause_s, PAUSE_S_MAX)
        finally:
            self._move(Status.CLOSED)

    async def begin(
        self,
        method: str,
        params: Mapping[str, Any],
        rid: str,
        wait_s: float,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Running:
        """Ask it for something; wait for it first if it is away.

        Args:
            method, params, headers: see ``ServerTalk.call``.
            rid: the request that it is made for, or "".
            wait_s: how long to wait.

        Raises:
            NotStarted: it stays away, or has too much to do.
        """
        await self.wait_up(wait_s)
        driver = self._driver
        assert driver is not None, "it is up"
        number = driver.talk.call(method, params, self._dialogues.abilities(rid), headers)
        if number is None:
            raise NotStarted(f"the MCP server {self.alias} has too much to do: ask again later")
        running = self._running[number] = Running(driver, number, rid, self._dialogues)
        driver.act()
        return running

    async def wait_up(self, wait_s: float) -> None:
        """Wait until calls go out and what it offers is known.

        Raises:
            NotStarted: it stays away.
        """
        with anyio.move_on_after(wait_s):
            while not self.is_up:
                await self._moved.wait()
        if not self.is_up:
            if self.status is Status.READY:
                raise NotStarted(f"the MCP server {self.alias} does not say which tools it has")
            why = f": {self.problem}" if self.problem else ""
            raise NotStarted(f"the MCP server {self.alias} is {self.status}{why}")

    async def wait_decided(self) -> None:
        """Wait until it is up, or has been found away."""
        while not self.is_up and self.status in (Status.STARTING, Status.READY):
            await self._moved.wait()

    @property
    def can_complete(self) -> bool:
        """Whether it completes arguments, as far as is known."""
        driver = self._driver
        return driver is not None and driver.talk.capabilities.completions is not None

    def end(self, running: Running, reason: str) -> bool:
        """Nobody waits for a call any more; return whether the server may have it."""
        was_sent = running.cancel(reason)
        self._running = {n: each for n, each in self._running.items() if each is not running}
        return was_sent

    def watch(self, uri: str) -> bool:
        """Have changes of a resource told to ``updated``; return whether the server does so."""
        driver = self._driver
        if driver is None or not driver.talk.watch(uri):
            return False
        self._watched.add(uri)
        driver.act()
        return True

    def unwatch(self, uri: str) -> None:
        """Have them told no longer."""
        self._watched.discard(uri)
        if self._driver is not None:
            self._driver.talk.unwatch(uri)
            self._driver.act()

    @property
    def wanted(self) -> frozenset[Kind]:
        """Which lists of it are offered to agents."""
        kinds = {Kind.TOOLS}
        if self.config.resources:
            kinds |= {Kind.RESOURCES, Kind.TEMPLATES}
        if self.config.prompts:
            kinds.add(Kind.PROMPTS)
        return frozenset(kinds)

    async def _watch_again(self) -> None:
        for uri in list(self._watched):
            self.watch(uri)

    async def _run_once(self) -> str:
        """Start it, carry what is said until it ends, and return why it did."""
        self.starts += 1
        self.has_listed = False
        self._move(Status.STARTING)
        is_http = self.config.url is not None
        only = None if self.config.era == "auto" else Era(self.config.era)
        talk = ServerTalk(NAME, VERSION, is_http=is_http, wanted=self.wanted, only=only)
        driver = self._driver = Driver(talk, self._heard)
        try:
            await self._make_link().run(driver)
        except (OSError, ValueError) as error:
            driver.close(f"it can't be started: {cause_of(error)}")
        except Exception:  # a defect of ours must not cost the gateway, nor other servers
            log.exception("MCP server %s: the link to it failed", self.alias)
            driver.close("the link to it failed; the gateway's log says how")
        finally:
            driver.close("the gateway stops")
            self._driver = None
            self._running.clear()
        return driver.reason

    def _heard(self, event: Event) -> None:
        match event:
            case Ready():
                self._ready_at = anyio.current_time()
                self.problem = ""
                what = self.alias, event.name, event.version
                after = self._news.well(self._ready_at)
                log.info("MCP server %s is %s and speaks %s%s", *what, after or "")
                self._move(Status.READY)
                if self._watched:
                    assert self._tasks is not None, "it runs"
                    self._tasks.start_soon(self._watch_again)
            case Over():
                self.problem = event.reason
                self._move(Status.AWAY)
            case Listed():
                self._listed(event)
            case Updated():
                self.updated(event.uri)
            case Noise():
                if event.count in NOISE_NOTED:
                    text = "MCP server %s has said %d times what is no message"
                    log.warning(text, self.alias, event.count)
            case _:
                self._heard_of_call(event.call, event)

    def _heard_of_call(self, number: int, event: Event) -> None:
        running = self._running.get(number)
        if running is None:
            return
        if isinstance(event, Ended):
            del self._running[number]
        asked = running.heard(event)
        if asked is not None:
            assert self._tasks is not None, "it runs"
            self._tasks.start_soon(running.ask, asked)

    def _listed(self, listed: Listed) -> None:
        if listed.is_cut:
            log.warning("MCP server %s lists more %s than are taken", self.alias, listed.kind.value)
        if listed.kind is not Kind.TOOLS:
            self.offered[listed.kind] = listed.items
        else:
            self.definitions = self._read(listed.items)
            self.was_listed = self.has_listed = True
            self._wake()
        self._changed(self)

    def _read(self, items: Sequence[msgspec.Raw]) -> dict[str, tuple[ToolDefinition, Definition]]:
        """Read a list of tools; what can't be used of it is left out, and said."""
        found: dict[str, tuple[ToolDefinition, Definition]] = {}
        for item in items:
            tool = read_tool(item)
            try:
                pinned = definition_of(item)
            except ValueError as error:
                log.warning("MCP server %s lists %s", self.alias, error)
                continue
            if tool is None or tool.name in found:
                why = "can't be read" if tool is None else "is listed twice"
                log.warning("MCP server %s: tool %s %s", self.alias, shown(pinned.name), why)
            elif self.config.offers(tool.name) and self._can_be_called(tool):
                found[tool.name] = tool, pinned
        return found

    def _can_be_called(self, tool: ToolDefinition) -> bool:
        """Whether all that a tool wants to be told can be said; over HTTP some of it in headers."""
        if self.config.url is None:
            return True
        try:
            header_names(tool.input_schema)
        except ValueError as error:
            log.warning("MCP server %s: tool %s: %s", self.alias, shown(tool.name), error)
            return False
        return True

    def _move(self, status: Status) -> None:
        self.status = status
        self._wake()

    def _wake(self) -> None:
        """Wake whoever waits for something to happen."""
        moved, self._moved = self._moved, anyio.Event()
        moved.set()


def cause_of(error: Exception) -> str:
    """Say what failed without the number of the error, and which file it was about."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
