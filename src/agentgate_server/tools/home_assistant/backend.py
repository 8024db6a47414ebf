"""The backend: tools, what the policy asks, and a look at Home Assistant now and then."""

from __future__ import annotations

import logging
from typing import Final

import anyio
import msgspec

from agentgate_server.config.services import HomeAssistantConfig
from agentgate_server.policy import Policy
from agentgate_server.tools.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.tools.home_assistant import templates
from agentgate_server.tools.home_assistant.api import Api
from agentgate_server.tools.home_assistant.house import House, read_house
from agentgate_server.tools.home_assistant.tools import SLOW_S, home_assistant_tools

HEALTH_TIMEOUT_S: Final = 5.0
"""How long it may take to say that it runs (seed 001)."""

RETRY_S: Final = 5.0
"""The pause after a look that failed, if the usual one is longer."""

TEMPLATES: Final = {
    "areas": templates.AREAS,
    "floors": templates.FLOORS,
    "labels": templates.LABELS,
    "devices": templates.DEVICES,
    "groups and scenes": templates.HOLDERS,
}

log = logging.getLogger(__name__)


class HomeAssistant:
    """Home Assistant, as a gateway holds it: run ``watch`` in a task, close it in the end.

    Attributes:
        tools: see :mod:`agentgate_server.tools.home_assistant.tools`.
        house: what the policy asks for indirect names.
        problem: why it is not well, or "".
        unresolved: what could not be learned of the house, or "".
    """

    def __init__(self, config: HomeAssistantConfig, *, slow_s: float = SLOW_S) -> None:
        """Connect to nothing yet.

        Raises:
            ToolError: the configuration can't be used.
        """
        self.config = config
        self.api = Api(config)
        self.tools = home_assistant_tools(self.api, config.timeout_s, slow_s=slow_s)
        self.house = House(config.resolve_stale_s)
        self.problem = "not asked yet"
        self.unresolved = ""

    def serve(self, policy: Policy) -> None:
        """Tell a policy what indirect names stand for."""
        policy.resolve_by(self.house)

    def health(self) -> dict[str, str]:
        """Say how it is, for everybody to read."""
        known = "known" if self.house.is_known else "unknown"
        return {"status": "failing" if self.problem else "ok", "names": known}

    async def watch(self) -> None:
        """Look at it for ever. It may be away: that is a warning, and the next look follows."""
        while True:
            try:
                await self.look()
            except Exception as error:  # a look that fails must not end the gateway
                log.exception("Home Assistant could not be looked at")
                self.problem = type(error).__name__
            every_s = self.config.resolve_every_s
            await anyio.sleep(min(every_s, RETRY_S) if self.problem else every_s)

    async def look(self) -> None:
        """See whether it is well, and learn what is in the house."""
        asked_at = self.house.clock()
        try:
            await self.api.get("/api/", timeout_s=HEALTH_TIMEOUT_S)
            rendered, refused = await self.ask()
        except (NotStarted, EffectUnknown, ToolFailed) as error:
            self.note(str(error), self.unresolved)
            return
        members, problems = read_house(rendered)
        self.house.learn(members, asked_at)
        self.note("", "; ".join([*refused, *problems]))

    async def ask(self) -> tuple[dict[str, list[bytes]], list[str]]:
        """Render the templates; return the pages that came, and what was refused.

        Raises:
            NotStarted, EffectUnknown: it does not answer.
        """
        rendered: dict[str, list[bytes]] = {}
        refused: list[str] = []
        for name, template in TEMPLATES.items():
            try:
                rendered[template] = await self.pages(template)
            except ToolFailed as error:
                refused.append(f"{name} can't be resolved: {error}")
        return rendered, refused

    async def pages(self, template: str) -> list[bytes]:
        """Render all pages of a template.

        Raises:
            NotStarted, EffectUnknown: it does not answer.
            ToolFailed: it refuses, or there is no end.
        """
        count = templates.ROWS_MAX
        pages: list[bytes] = []
        while len(pages) < templates.PAGES_MAX:
            pages.append(await self.api.render(template, first=count * len(pages), count=count))
            if not is_full(pages[-1], count):
                return pages
        raise ToolFailed(f"there are more than {count * templates.PAGES_MAX:,}")

    def note(self, problem: str, unresolved: str) -> None:
        """Keep how it is, and tell the log what is new."""
        if problem and problem != self.problem:
            log.warning("%s; its tools will fail until it is back", problem)
        elif self.problem and not problem:
            log.info("Home Assistant runs")
        if unresolved and unresolved != self.unresolved:
            log.warning("%s; those names match every deny and ask rule", unresolved)
        self.problem = problem
        self.unresolved = unresolved


def is_full(page: bytes, count: int) -> bool:
    """Whether another page may follow; of what is not understood, none does."""
    try:
        return len(msgspec.json.decode(page, type=list[msgspec.Raw])) >= count
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
