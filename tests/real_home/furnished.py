"""The real house as tests have it: our backend before it, with a floor, areas and a label."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
from tests.real_home.house import ask
from tests.server.embedded import until

from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl
from agentgate_server.tools.home_assistant.link import Link

URL = os.environ["REAL_HOME_URL"]
TOKEN = os.environ["REAL_HOME_TOKEN"]
BOUND_S = 120.0

AREAS = {  # of the demo only some can be put somewhere: those with an id of their own
    "light.bed_light": "hall",
    "light.ceiling_lights": "hall",
    "lock.all_doors": "hall",
    "light.kitchen_lights": "kitchen",
}


@asynccontextmanager
async def linked(url: str = URL, token: str = TOKEN) -> AsyncIterator[HomeAssistant]:
    config = HomeAssistantConfig(url=HomeAssistantUrl(url), token=Secret(token))
    backend = HomeAssistant(config)
    with anyio.fail_after(BOUND_S):
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(backend.watch)
                while not backend.watching.mirror.is_live:  # it may be busy with its own start
                    await anyio.sleep(0.1)
                yield backend
                tasks.cancel_scope.cancel()
        finally:
            await backend.api.aclose()


async def say(link: Link, kind: str, **fields: Any) -> Any:
    return msgspec.json.decode(await link.ask(kind, timeout_s=20, **fields))


async def furnish(link: Link) -> None:
    """Make the floor, the areas and the label, if they are not there yet."""
    floors = {row["floor_id"] for row in await say(link, "config/floor_registry/list")}
    if "ground" not in floors:
        await say(link, "config/floor_registry/create", name="Ground")
        await say(link, "config/label_registry/create", name="Outside")
    areas = {row["area_id"] for row in await say(link, "config/area_registry/list")}
    for name in ("Hall", "Kitchen"):
        if name.lower() not in areas:
            await say(link, "config/area_registry/create", name=name)
        update = {"area_id": name.lower(), "floor_id": "ground"}
        await say(link, "config/area_registry/update", **update)
    for entity, area in AREAS.items():
        await say(link, "config/entity_registry/update", entity_id=entity, area_id=area)
    labels = {"entity_id": "lock.all_doors", "labels": ["outside"]}
    await say(link, "config/entity_registry/update", **labels)


@asynccontextmanager
async def furnished() -> AsyncIterator[HomeAssistant]:
    async with linked() as backend:
        await furnish(backend.watching.link)
        await until(
            lambda: "lock.all_doors" in (backend.house("label_id", "outside") or ()), "the house"
        )
        yield backend


def state_of(entity: str) -> str:
    """The state of an entity, past everything of ours."""
    state: str = ask(f"{URL}/api/states/{entity}", TOKEN)["state"]
    return state
