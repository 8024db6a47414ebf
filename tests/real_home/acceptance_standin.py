"""Does our stand-in say what a real Home Assistant says, word for word?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.real_home.furnished import TOKEN, URL, linked, say
from tests.real_home.house import Refused, ask

from agentgate_cli.standins.home import Entity
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_server.errors import ToolFailed
from agentgate_server.tools.home_assistant.backend import HomeAssistant

pytestmark = pytest.mark.anyio

LIST, LIGHT = "todo.shopping_list", "light.bed_light"
PAST, FUTURE = "2026-01-01T00:00:00%2B00:00", "2126-01-01T00:00:00%2B00:00"


@asynccontextmanager
async def stood_in() -> AsyncIterator[StandIn]:
    """A stand-in with what the rows are about."""
    async with StandIn(token=TOKEN) as home:
        home.home.entities[LIST] = Entity(id=LIST, state="0")
        home.home.records.responses["todo.get_items"] = {LIST: {"items": []}}
        yield home


COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("nonsense", {}),
    ("call_service", {"domain": "light", "service": "nope"}),
    ("call_service", {"domain": "light", "service": "turn_on"}),
    (
        "call_service",
        {"domain": "light", "service": "turn_on", "service_data": {"area_id": "hall", "data": 1}},
    ),
    (
        "call_service",
        {
            "domain": "light",
            "service": "turn_on",
            "service_data": {"area_id": "hall"},
            "return_response": True,
        },
    ),
    ("call_service", {"domain": "light", "service": "turn_on", "target": {"entity_id": "light.x"}}),
    ("call_service", {"domain": "notify", "service": "notify", "service_data": {"title": "x"}}),
    (
        "call_service",
        {"domain": "todo", "service": "get_items", "target": {"entity_id": "todo.shopping_list"}},
    ),
    (
        "call_service",
        {
            "domain": "todo",
            "service": "get_items",
            "target": {"entity_id": "todo.none"},
            "return_response": True,
        },
    ),
    (
        "call_service",
        {
            "domain": "todo",
            "service": "get_items",
            "target": {"entity_id": "todo.shopping_list"},
            "return_response": True,
        },
    ),
    ("fire_event", {"event_type": "doorbell", "event_data": {"a": 1}}),
    ("subscribe_events", {"event_type": "doorbell"}),
]


@pytest.mark.parametrize(("kind", "fields"), COMMANDS)
async def test_the_stand_in_answers_as_the_real_one(kind: str, fields: dict[str, Any]) -> None:
    async def answer(backend: HomeAssistant) -> Any:
        try:
            result = await say(backend.watching.link, kind, **fields)
        except ToolFailed as error:
            return str(error)
        return sorted(result) if isinstance(result, dict) else result

    async with linked() as real, stood_in() as home, linked(home.url) as stand_in:
        assert await answer(stand_in) == await answer(real)


REQUESTS: list[tuple[str, Any]] = [
    ("/api/states/light.none", None),
    ("/api/services/light/nope", {}),
    ("/api/services/light/turn_on", {"area_id": "hall", "target": {}}),
    ("/api/services/light/turn_on?return_response", {"area_id": "hall"}),
    ("/api/events/doorbell", {"a": 1}),
    ("/api/nonsense", None),
    ("/api/services/notify/notify", {"title": "x"}),
    ("/api/services/todo/get_items", {"entity_id": LIST}),
    ("/api/services/todo/get_items?return_response", {}),
    ("/api/services/todo/get_items?return_response", {"entity_id": "todo.none"}),
    ("/api/services/todo/get_items?return_response", {"entity_id": LIST}),
    (f"/api/history/period/soon?filter_entity_id={LIGHT}", None),
    (f"/api/history/period/{PAST}", None),
    (f"/api/history/period/{PAST}?filter_entity_id=light", None),
    (f"/api/history/period/{PAST}?filter_entity_id=light.none", None),
    (f"/api/history/period/{PAST}?filter_entity_id={LIGHT}&end_time=soon", None),
    (f"/api/history/period/{FUTURE}?filter_entity_id={LIGHT}", None),
    ("/api/logbook/soon", None),
    (f"/api/logbook/{PAST}?end_time=soon", None),
    (f"/api/logbook/{PAST}?entity=light", None),
    (f"/api/logbook/{PAST}?entity=light.none", None),
]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_the_stand_in_answers_requests_as_the_real_one(path: str, body: Any) -> None:
    def answer(url: str) -> Any:
        try:
            return ask(f"{url}{path}", TOKEN, body)
        except Refused as error:
            return error.status, error.body

    async with stood_in() as home:
        ours = await anyio.to_thread.run_sync(answer, home.url)
        assert ours == await anyio.to_thread.run_sync(answer, URL)
