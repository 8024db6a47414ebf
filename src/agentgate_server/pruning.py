"""Pruning: retention, applied now and then as long as the gateway serves; a look at the disk."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from agentgate_server.gate.gate import Gate
from agentgate_server.store.disk_watch import DiskWatch
from agentgate_server.store.engine import StoreError

PRUNE_EVERY_S = 3_600.0
"""How often retention is applied; sooner where the file grows fast."""

LOOK_EVERY_S = 2.0
"""How often the disk is looked at: what comes in meanwhile is less than is kept free."""

WARN_EVERY_S = 86_400.0
"""How often the log says the same of what will not be kept."""

log = logging.getLogger(__name__)


class Pruner:
    """See the module.

    Args:
        gate: whose records they are.
        watch: looks at the disk.
        then: is called after each time that retention went well.
    """

    def __init__(self, gate: Gate, watch: DiskWatch, then: Callable[[], Awaitable[None]]) -> None:
        self._gate = gate
        self._watch = watch
        self._then = then
        self._due = anyio.Event()
        self._warned: dict[tuple[str, bool], float] = {}

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Look after both, until cancelled; it has started when it has looked at the disk."""
        await self.look()
        task_status.started()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.prune)
            tasks.start_soon(self.watch)

    async def prune(self) -> None:
        """Apply retention at once and then every hour, until cancelled."""
        ran_until = anyio.current_time()
        while True:
            now = anyio.current_time()
            try:
                deleted = await self._gate.writer.prune(self._gate.utc(), now - ran_until)
            except StoreError as error:
                log.error("retention could not be applied: %s", error)
            else:
                ran_until = now
                log.debug("retention deleted %d records", deleted)
                self.look_ahead(now)
                await self._then()
            with anyio.move_on_after(PRUNE_EVERY_S):
                await self._due.wait()
            self._due = anyio.Event()

    def look_ahead(self, now: float) -> None:
        """Warn, once a day for each, of what is not kept for as long as was promised, or will not
        be."""
        doubts = self._gate.writer.engine.doubts
        for doubt in doubts:
            which = doubt.setting, doubt.is_past
            if now - self._warned.get(which, -math.inf) >= WARN_EVERY_S:
                self._warned[which] = now
                log.warning("%s", doubt.text)
        parts = self._gate.web.parts
        if doubts:
            verbs = {doubt.setting: "will cut" for doubt in doubts}
            verbs |= {doubt.setting: "has cut" for doubt in doubts if doubt.is_past}
            said = " and ".join(f"{name} {verb}" for name, verb in verbs.items())
            parts["retention"] = lambda: f"{said} what should be kept: see the log"
        else:
            parts.pop("retention", None)

    async def watch(self) -> None:
        """Look at the disk again and again, until cancelled: refuse what is new while it is low."""
        while True:
            await self.look()
            await anyio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look at the disk once."""
        await anyio.to_thread.run_sync(self._watch.measure)
        objection = self._watch.floor.objection
        self._gate.web.refusing = objection
        self._gate.door.close("disk", objection)
        if self._watch.has_grown():
            self._due.set()
