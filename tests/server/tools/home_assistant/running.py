"""A backend that runs before the stand-in, and its tools as the gateway runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec

from agentgate_cli.standins.home import Home
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_proto.records.outcome import Outcome
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl
from agentgate_server.tools.runner import Runner

TOKEN = "long-lived-token-0123456789"


class Tools:
    """The tools of one backend, run as the gateway runs them."""

    def __init__(self, backend: HomeAssistant) -> None:
        self.backend = backend
        self.catalogue = Catalogue(backend.tools)
        self.runner = Runner()

    async def outcome(self, name: str, /, **args: Any) -> Outcome:
        tool = self.catalogue.get(name)
        assert tool is not None
        return await self.runner.run(tool, dict(tool.received(args)))

    async def data(self, name: str, /, **args: Any) -> Any:
        outcome = await self.outcome(name, **args)
        assert outcome.status == "executed", outcome.message
        assert outcome.data is not None
        return msgspec.json.decode(outcome.data)


def config(url: str, token: str = TOKEN, **more: Any) -> HomeAssistantConfig:
    return HomeAssistantConfig(url=HomeAssistantUrl(url), token=Secret(token), **more)


@asynccontextmanager
async def house(
    *, token: str = TOKEN, slow_s: float = 10.0, look: bool = False, home: Home | None = None
) -> AsyncIterator[tuple[StandIn, Tools]]:
    """A backend before a house, and whether it has looked at it."""
    with anyio.fail_after(10):
        async with StandIn(home, token=TOKEN) as stand_in:
            backend = HomeAssistant(config(stand_in.url, token), slow_s=slow_s)
            try:
                if look:
                    await backend.look()
                yield stand_in, Tools(backend)
            finally:
                await backend.api.aclose()
