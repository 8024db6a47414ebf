"""Watching: keep the mirror true while the link stands, and tell the policy's house of it.

On each new connection all states and registries are asked for, and what changes of them is
subscribed to. A registry that has changed is read anew after a moment, because such changes come in
heaps.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import Any, Final

import anyio
import msgspec

from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.tools.home_assistant.api import Api
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig
from agentgate_server.tools.home_assistant.house import House
from agentgate_server.tools.home_assistant.link import Link, Listener
from agentgate_server.tools.home_assistant.mirror import Mirror
from agentgate_server.tools.home_assistant.reading import read_rows
from agentgate_server.tools.home_assistant.registries import UPDATES

log = logging.getLogger(__name__)

SETTLE_S: Final = 0.2
"""After a change, how long to wait for the others that come with it."""

ASK_S: Final = 20.0
"""How long one registry, or the first look at all states, may take."""


class Watching:
    """See the module. Run ``run`` in a task.

    Args:
        api: how to get there.
        config: the token, and how long what was told holds.
        house: is told what things hold.

    Attributes:
        link: the connection.
        mirror: what it has told.
        problems: what of it is not to be had or not understood, each in a line.
        settled: the house was told of a first time, or the first connection has failed.
        listeners: who else wants to hear of events, by their type; each new connection subscribes.
        unheard: why events of these types are not heard, though there is a connection.
    """

    def __init__(self, api: Api, config: HomeAssistantConfig, house: House) -> None:
        self.mirror = Mirror(self._touch)
        self.link = Link(api.reads, config.token, self._begin, self._over)
        self.problems: tuple[str, ...] = ()
        self.settled = anyio.Event()
        self.listeners: dict[str, Listener] = {}
        self.unheard: dict[str, str] = {}
        self._house = house
        self._stale: set[str] = set()
        self._touched = anyio.Event()

    @property
    def refused(self) -> bool:
        """Whether a registry is not to be had."""
        return bool(self.mirror.registries.refused)

    async def run(self) -> None:
        """Keep the link up, for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.link.run)
            tasks.start_soon(self._keep)

    async def look(self) -> None:
        """Read all registries again, in case something has changed without a word.

        Raises:
            NotStarted, EffectUnknown: there is no answer.
        """
        began = self._house.clock()
        await self.mirror.registries.load(self._ask)
        self._stale.clear()
        self._learn(began)

    async def _begin(self) -> None:
        """Ask for everything on a new connection."""
        self.mirror.reset()
        began = self._house.clock()
        await self._let_listen()
        for event in UPDATES:
            take = partial(self._updated, event)
            with suppress(ToolFailed):  # it tells only administrators: the next look finds out
                await self.link.subscribe(
                    "subscribe_events", take, timeout_s=ASK_S, event_type=event
                )
        told = anyio.Event()

        def first(event: msgspec.Raw) -> None:
            self.mirror.apply(event)
            told.set()

        await self.link.subscribe("subscribe_entities", first, timeout_s=ASK_S)
        await self.mirror.registries.load(self._ask)
        with anyio.move_on_after(ASK_S):
            await told.wait()
        if not told.is_set():
            raise EffectUnknown("it has not told its states")
        self.mirror.is_live = True
        self._learn(began)
        self.settled.set()

    async def _let_listen(self) -> None:
        """Subscribe to what others want to hear of."""
        for event, listener in self.listeners.items():
            try:
                await self.link.subscribe(
                    "subscribe_events", listener, timeout_s=ASK_S, event_type=event
                )
            except ToolFailed as error:  # it tells most events only administrators
                if str(error) != self.unheard.get(event):
                    log.warning("%s is not heard of: %s", event, error)
                self.unheard[event] = str(error)
            else:
                self.unheard.pop(event, None)

    def _over(self) -> None:
        self.mirror.reset()
        self.settled.set()

    async def _ask(self, kind: str) -> msgspec.Raw:
        return await self.link.ask(kind, timeout_s=ASK_S)

    def _updated(self, event: str, _: Any) -> None:
        self._stale.update(UPDATES[event])
        self._touch()

    def _touch(self) -> None:
        self._touched.set()

    async def _keep(self) -> None:
        """Tell the house of what has changed, for ever."""
        while True:
            await self._touched.wait()
            await anyio.sleep(SETTLE_S)
            self._touched = anyio.Event()
            stale, self._stale = self._stale, set()
            if not self.mirror.is_live:
                continue
            began = self._house.clock()
            try:
                if stale:
                    await self.mirror.registries.load(self._ask, sorted(stale))
                self._learn(began)
            except (NotStarted, EffectUnknown):
                self._stale |= stale  # for the next change, or the next look: all is asked then
            except Exception:  # the next look says so, and what was learned grows stale
                log.exception("a change in the house was not understood")

    def _learn(self, began: float) -> None:
        """Tell the house what the mirror shows.

        Args:
            began: when that was asked for, by the house's clock.
        """
        if not self.mirror.is_live:
            return
        told = read_rows(self.mirror.rows())
        self._house.learn(told, began, self.mirror.former(self._house.former(told)))
        refused = self.mirror.registries.refused.items()
        self.problems = (*(f"{name} can't be had: {why}" for name, why in refused), *told.problems)
