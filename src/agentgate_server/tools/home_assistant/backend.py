"""The backend: tools, what the policy asks, and a look at Home Assistant now and then."""

from __future__ import annotations

import logging
import time
from typing import Final

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from agentgate_proto.quotas.news import News
from agentgate_server.backends.circuit_breaker import CircuitOpen
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.policy import Policy
from agentgate_server.tools.home_assistant.api import Api
from agentgate_server.tools.home_assistant.asking import ask, ask_former
from agentgate_server.tools.home_assistant.base import Access, Sight
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig
from agentgate_server.tools.home_assistant.house import House
from agentgate_server.tools.home_assistant.reading import read_house
from agentgate_server.tools.home_assistant.services import SLOW_S, Services
from agentgate_server.tools.home_assistant.tools import home_assistant_tools
from agentgate_server.tools.home_assistant.watching import Watching
from agentgate_server.tools.home_assistant.zone import Zone

HEALTH_TIMEOUT_S: Final = 5.0
"""How long it may take to say that it runs (seed 001)."""

RETRY_S: Final = 5.0
"""The pause after a look that failed, if the usual one is longer."""

FIRST_LOOK_S: Final = 10.0
"""How long a start of the gateway waits for the first look at the house."""

NOT_ASKED: Final = "not asked yet"
"""How it is before the first look."""

log = logging.getLogger(__name__)


class HomeAssistant:
    """Home Assistant, as a gateway holds it: run ``watch`` in a task, close it in the end.

    Attributes:
        tools: see :mod:`agentgate_server.tools.home_assistant.tools`.
        house: what the policy asks for indirect names.
        watching: the link, and the mirror of the house that it keeps.
        sight: what those who ask for many states may see.
        problem: why it is not well, or "".
        news: what of that the log was told.
        unresolved: what could not be learned of the house, or "".
        link_news: what of the link the log was told.
        refused: Home Assistant has refused to tell some of it: a row that is too long, a kind that
            it does not know.
    """

    def __init__(self, config: HomeAssistantConfig, *, slow_s: float = SLOW_S) -> None:
        """Connect to nothing yet.

        Raises:
            ToolError: the configuration can't be used.
        """
        self.config = config
        self.api = Api(config)
        self.sight = Sight()
        self.house = House(config.resolve_stale_s)
        self.watching = Watching(self.api, config, self.house)
        self.tools = home_assistant_tools(
            Access(
                api=self.api,
                sight=self.sight,
                zone=Zone(self.api, time.time).get,
                plan=lambda: self.house.plan,
            ),
            config.timeout_s,
            services=Services(self.api, self.watching, config.timeout_s, slow_s),
            args_bytes_max=config.args_bytes_max,
        )
        self.problem = NOT_ASKED
        self.news = News()
        self.unresolved = ""
        self.link_news = News()
        self.refused = False

    def serve(self, policy: Policy) -> None:
        """Tell a policy what indirect names stand for."""
        policy.resolve_by(self.house)

    def health(self) -> dict[str, str]:
        """Say how it is, for everybody to read."""
        names = "known" if self.house.knows_groups else "groups unknown"
        if names == "known" and self.refused:
            names = "partly known"
        if not self.house.is_known:
            names = "unknown"
        return {"status": "failing" if self.problem else "ok", "names": names}

    async def watch(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Look at it for ever. It may be away: that is a warning, and the next look follows.

        It has started when the house is known, or does not get known soon: until then a group that
        is called like an entity counts as one.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.watching.run)
            with anyio.move_on_after(FIRST_LOOK_S):
                await self.watching.settled.wait()
                await self.try_to_look()
            task_status.started()
            while True:
                every_s = self.config.resolve_every_s
                await anyio.sleep(min(every_s, RETRY_S) if self.problem else every_s)
                await self.try_to_look()

    async def try_to_look(self) -> None:
        """Look at it, whatever comes of it: a look that fails must not end the gateway."""
        try:
            await self.look()
        except Exception as error:
            self.problem = type(error).__name__
            if self.news.failed(self.problem, anyio.current_time()) is not None:
                log.exception("Home Assistant could not be looked at")

    async def look(self) -> None:
        """See whether it is well, and learn what is in the house: by the link while it stands,
        which hears of changes at once; else by templates, which any version and proxy passes on."""
        if self.watching.mirror.is_live:
            await self.look_by_link()
            return
        asked_at = self.house.clock()
        try:
            await self.api.get("/api/", timeout_s=HEALTH_TIMEOUT_S)
            rendered, refused = await ask(self.api)
            told = read_house(rendered)
            plain = await ask_former(self.api, self.house.former(told))
        except CircuitOpen as error:  # nothing was asked, and its words count the seconds
            if not self.problem:
                self.note(str(error), self.unresolved)
            return
        except (NotStarted, EffectUnknown, ToolFailed) as error:
            self.note(str(error), self.unresolved)
            return
        if rendered:
            self.house.learn(told, asked_at, plain)
        self.refused = bool(refused)
        self.note("", "; ".join([*refused, *told.problems]))
        self.note_link()

    async def look_by_link(self) -> None:
        """Do it by the link."""
        try:
            await self.watching.look()
        except (NotStarted, EffectUnknown) as error:
            self.note(str(error), self.unresolved)
            return
        self.refused = self.watching.refused
        if (after := self.link_news.well(anyio.current_time())) is not None:
            log.info("Home Assistant's WebSocket can be used%s", after)
        self.note("", "; ".join(self.watching.problems))

    def note_link(self) -> None:
        """Tell the log why there is no link, where everything else is well."""
        problem = self.watching.link.problem
        if not problem or not self.watching.settled.is_set():
            return
        if (more := self.link_news.failed(problem, anyio.current_time())) is not None:
            log.warning(
                "Home Assistant's WebSocket can't be used, so its REST API is: %s; what changes in "
                "the house is seen every %g s%s",
                problem,
                self.config.resolve_every_s,
                more,
            )

    def note(self, problem: str, unresolved: str) -> None:
        """Keep how it is, and tell the log what is new."""
        now = anyio.current_time()
        if problem:
            if (more := self.news.failed(problem, now)) is not None:
                log.warning("%s; its tools will fail until it is back%s", problem, more)
        elif (after := self.news.well(now)) is not None or self.problem == NOT_ASKED:
            log.info("Home Assistant runs%s", after or "")
        if unresolved and unresolved != self.unresolved:
            log.warning("%s; those names match every deny and ask rule", unresolved)
        self.problem = problem
        self.unresolved = unresolved
