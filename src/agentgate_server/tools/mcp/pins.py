"""The pins in force: which tools of MCP servers may be used as they are at this moment.

What is accepted is what the pins file says, as it was read last; it is looked at every second, so
that what a person accepts is in force without a reload. What servers offer is written there. A file
that can't be read changes nothing: what was in force stays in force, and it is said.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import anyio
import anyio.to_thread

from agentgate_proto.records.pin_words import visible
from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.tool_pin import Change, Definition
from agentgate_server.store.private_file import Stamp
from agentgate_server.tools.mcp.pins_file import (
    FIRST_USE,
    Accepted,
    Contents,
    PinsFile,
    PinsFileError,
)

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
"""How often the file is looked at. A look is one system call."""

NAMES_MAX: Final = 10
"""How many tools a line of the log names: a server may have hundreds."""

Rule = Literal["review", "first-use"]
"""What is done with the first list of a server, see ``McpServerConfig.pins``."""


class Pins:
    """See the module. Call ``load`` before anything else, and let ``run`` run.

    Args:
        file: where they are kept.
        rules: of each server, by its name.
        utc: the clock, UTC seconds.

    Attributes:
        problem: why the file can't be used at present, for ``/health``, or "".
        changed: is told the names of servers of which something else is accepted now, on the event
            loop.
        told: is told, before that, each tool that was accepted (server, tool, how), or with None
            each whose pin was dropped.
    """

    def __init__(
        self, file: PinsFile, rules: Mapping[str, Rule], utc: Callable[[], float] = time.time
    ) -> None:
        self.file = file
        self.rules = rules
        self.problem = ""
        self.changed: Callable[[str], None] = lambda alias: None
        self.told: Callable[[str, str, Accepted | None], None] = lambda alias, tool, accepted: None
        self._utc = utc
        self._contents = Contents()
        self._pins: dict[str, dict[str, str]] = {}
        self._stamp: Stamp = None
        self._seen: dict[str, Sequence[Definition]] = {}
        self._unsaved: dict[str, None] = {}
        self._alarm = anyio.Event()

    def load(self) -> None:
        """Read the file, before the gateway serves; it blocks.

        Raises:
            PinsFileError: it can't be used. Nothing is taken for accepted then: do not start.
        """
        self._stamp = self.file.stamp()
        self._contents = self.file.contents()
        self._pins = {alias: self._contents.of(alias).pins() for alias in self.rules}

    def visible(self, alias: str, definitions: Sequence[Definition]) -> frozenset[str]:
        """Say which tools of a server may be used; what it offers is noted.

        Ask again when ``changed`` names the server. What is new under ``first-use`` is not among
        them before that is on disk: a crash must not make anything else the first use.

        Args:
            alias: what the configuration calls the server.
            definitions: all that it offers now; no two of one name.

        Returns:
            their names there.
        """
        if self._seen.get(alias) != list(definitions):
            self._seen[alias] = list(definitions)
            self._unsaved[alias] = None
            self._alarm.set()
        pins = self._pins.get(alias, {})
        return frozenset(each.name for each in definitions if pins.get(each.name) == each.hash)

    def accepted(self, alias: str) -> Mapping[str, str]:
        """Return what is accepted of a server, reached or not: hashes by the tool's name there."""
        return self._pins.get(alias, {})

    def known(self, alias: str) -> list[Definition]:
        """Return the definitions that are accepted of a server, as its tools were then."""
        return self._contents.of(alias).definitions()

    def waiting(self, alias: str) -> int:
        """How many tools of a server wait for somebody to look at them."""
        pins = self._pins.get(alias, {})
        return sum(pins.get(each.name) != each.hash for each in self._seen.get(alias, ()))

    async def run(self) -> None:
        """Keep the file and what is in force together, until cancelled."""
        while True:
            with anyio.move_on_after(LOOK_EVERY_S):
                await self._alarm.wait()
            self._alarm = anyio.Event()
            await self.look()

    async def look(self) -> None:
        """Write what was seen, if it is something else, and put in force what was accepted."""
        seen = {alias: self._seen[alias] for alias in self._unsaved}
        try:
            stamp = self.file.stamp()
            if not seen and stamp == self._stamp:
                return
            self._unsaved = {}
            stamp, contents = await anyio.to_thread.run_sync(self._exchange, seen)
        except PinsFileError as error:
            self._unsaved = dict.fromkeys([*seen, *self._unsaved])
            if self.problem != str(error):
                log.error("%s; what was accepted before stays accepted, and nothing else", error)
            self.problem = str(error)
            return
        self.problem = ""
        self._stamp, self._contents = stamp, contents
        self._put_in_force(seen)

    def _exchange(self, seen: Mapping[str, Sequence[Definition]]) -> tuple[Stamp, Contents]:
        """Write what was seen, and read what is accepted, in a thread."""
        stamp = self.file.stamp()
        if not seen:
            return stamp, self.file.contents()
        first_use = [alias for alias in seen if self.rules.get(alias) == "first-use"]
        contents = self.file.saw(seen, first_use, rfc3339(self._utc()))
        return self.file.stamp(), contents

    def _put_in_force(self, seen: Mapping[str, Sequence[Definition]]) -> None:
        for alias in self.rules:
            pins = self._contents.of(alias)
            fresh = pins.pins()
            before = self._pins.get(alias, {})
            if fresh != before:
                self._pins[alias] = fresh
                for name in sorted(fresh.keys() | before.keys()):
                    if fresh.get(name) != before.get(name):
                        self.told(alias, name, pins.accepted.get(name))
                taken = sum(each.by == FIRST_USE for each in pins.accepted.values())
                log.info(
                    "MCP server %s: tools accepted: %d (%d by first use)",
                    *(alias, len(fresh), taken),
                )
                self.changed(alias)
            if alias in seen:
                self._tell(alias)

    def _tell(self, alias: str) -> None:
        """Say in the log what somebody has to look at: a line for each kind of change."""
        by_change: dict[Change, list[str]] = {}
        for each in self._contents.of(alias).differences():
            name = f"{visible(each.name):.100}"
            if each.change in (Change.RENAMED, Change.SWAPPED):
                name = f"{name} ({visible(each.other):.100})"
            by_change.setdefault(each.change, []).append(name)
        for change, names in by_change.items():
            until = "accepted: see 'agent-gate mcp review'"
            if change is Change.GONE:
                until = "offered again, forgotten by 'agent-gate mcp review'"
            more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
            count = "1 tool is" if len(names) == 1 else f"{len(names)} tools are"
            log.warning(
                "MCP server %s: %s %s: %s%s; hidden until %s",
                *(alias, count, change.value, ", ".join(names[:NAMES_MAX]), more, until),
            )
