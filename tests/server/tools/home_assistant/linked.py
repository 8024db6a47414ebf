"""A backend whose link to the stand-in stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl

TOKEN = "long-lived-token-0123456789"


def config(url: str, token: str = TOKEN, **more: Any) -> HomeAssistantConfig:
    return HomeAssistantConfig(url=HomeAssistantUrl(url), token=Secret(token), **more)


@asynccontextmanager
async def linked(home: StandIn, slow_s: float = 10.0, **more: Any) -> AsyncIterator[HomeAssistant]:
    """Run a backend's watch, and let the house be known first."""
    backend = HomeAssistant(config(home.url, **more), slow_s=slow_s)
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(backend.watch)
            yield backend
            tasks.cancel_scope.cancel()
    finally:
        await backend.api.aclose()
