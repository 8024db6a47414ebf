"""Calling services over the link: what is said of what is not there, and when it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.server.embedded import until
from tests.server.tools.home_assistant.linked import TOKEN, config, linked
from tests.server.tools.home_assistant.running import Tools

from agentgate_cli.standins.home import Entity, Home, make_home
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_server.tools.home_assistant import link
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.services import blocks

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def house(home: Home | None = None) -> AsyncIterator[tuple[StandIn, Tools]]:
    with anyio.fail_after(30):
        async with StandIn(home, token=TOKEN) as stand_in, linked(stand_in) as backend:
            yield stand_in, Tools(backend)


async def refusal(tools: Tools, domain: str, service: str, **data: Any) -> str:
    """Why a call fails, before which nothing was done."""
    outcome = await tools.outcome("ha_call_service", domain=domain, service=service, **data)
    assert outcome.status == "failed", outcome
    return outcome.message


async def test_a_service_is_called_over_the_link_and_returns_what_changed() -> None:
    async with house() as (home, tools):
        data = {"domain": "light", "service": "turn_on", "entity_id": "light.bedroom"}
        result = await tools.data("ha_call_service", **data, brightness=50)
        assert [(each["entity_id"], each["state"]) for each in result["result"]] == [
            ("light.bedroom", "on")
        ]
        assert list(result) == ["result"]
        assert home.sockets.commands.count("call_service") == 1
        assert home.acts[0].data == {"entity_id": "light.bedroom", "brightness": 50}


async def test_a_response_is_returned_where_one_is_asked_for() -> None:
    async with house() as (_, tools):
        data = {"domain": "script", "service": "open_up", "return_response": True}
        result = await tools.data("ha_call_service", **data)
        assert result == {"result": [], "response": {"done": True}}


async def test_what_only_responds_says_so_and_responds_to_who_asks_it_to() -> None:
    home = make_home()
    home.entities["todo.list"] = Entity(id="todo.list", state="1")
    told = {"todo.list": {"items": [{"summary": "Milk", "status": "needs_action"}]}}
    home.records.responses["todo.get_items"] = told
    async with house(home) as (_, tools):
        words = await refusal(tools, "todo", "get_items", entity_id="todo.list")
        assert "requires responses and must be called with return_response=True" in words
        data = {"domain": "todo", "service": "get_items", "entity_id": "todo.list"}
        result = await tools.data("ha_call_service", **data, return_response=True)
        assert result == {"result": [], "response": told}


@pytest.mark.parametrize(
    ("domain", "data", "words"),
    [
        ("light", {"entity_id": "light.bedrom"}, "there is no entity light.bedrom; did you mean"),
        ("light", {"entity_id": ["light.hall", "light.x"]}, "there is no entity light.x"),
        ("light", {"area_id": "cellar"}, "there is no area cellar; light.turn_off was not called"),
        ("light", {"floor_id": "roof"}, "there is no floor roof"),
        ("light", {"label_id": "x"}, "there is no label x"),
        ("light", {"device_id": "d9"}, "there is no device d9"),
        (
            "light",
            {"entity_id": ["light.x", "light.y"]},
            "there is no entity light.x; there is no entity light.y; light.turn_off was not called",
        ),
        (
            "light",
            {"entity_id": "switch.kettle"},
            "switch.kettle is no light; light.turn_off would do nothing and was not called",
        ),
        ("light", {"area_id": "garden"}, "the area garden holds no light"),
        ("homeassistant", {"entity_id": "light.x"}, "there is no entity light.x"),
    ],
)
async def test_what_is_not_there_is_said_and_nothing_is_called(
    domain: str, data: dict[str, Any], words: str
) -> None:
    async with house() as (home, tools):
        assert words in await refusal(tools, domain, "turn_off", **data)
        assert home.acts == []


async def test_what_is_unavailable_is_said() -> None:
    async with house() as (home, tools):
        home.home.entities["light.hall"].set_state("unavailable")
        await home.sockets.tell()
        mirror = tools.backend.watching.mirror
        await until(lambda: mirror.states["light.hall"].state == "unavailable", "the news")
        said = await refusal(tools, "light", "turn_off", entity_id="light.hall")
        assert "light.hall is unavailable; light.turn_off would do nothing" in said
        both = ["light.hall", "light.kitchen"]
        data = {"domain": "light", "service": "turn_on", "entity_id": both}
        result = await tools.data("ha_call_service", **data)
        assert [each["entity_id"] for each in result["result"]] == ["light.kitchen"]
        assert result["note"] == "nothing was done with some: light.hall is unavailable"


async def test_a_group_stands_for_its_members() -> None:
    async with house() as (_, tools):
        data = {"domain": "light", "service": "turn_on", "entity_id": "group.everything"}
        result = await tools.data("ha_call_service", **data)
        assert {each["entity_id"] for each in result["result"]} == {
            "light.bedroom",
            "light.kitchen",
        }
        assert "lock.front is no light" in result["note"]


@pytest.mark.parametrize(
    ("domain", "service", "data", "words"),
    [
        ("light", "nope", {"entity_id": "light.hall"}, "Service light.nope not found."),
        ("light", "turn_on", {}, "must contain at least one of entity_id"),
        ("light", "turn_on", {"area_id": "hall", "data": 1}, "extra keys not allowed @ data"),
        ("light", "turn_on", {"area_id": "hall", "return_response": True}, "does not return"),
    ],
)
async def test_a_refusal_is_in_its_own_words(
    domain: str, service: str, data: dict[str, Any], words: str
) -> None:
    async with house() as (home, tools):
        said = await refusal(tools, domain, service, **data)
        assert said.startswith(f"Home Assistant refused {domain}.{service}: ")
        assert words in said
        assert home.acts == []


async def test_who_may_act_on_anything_is_not_judged_by_what_it_is_given() -> None:
    async with house() as (home, tools):
        data = {"domain": "script", "service": "open_up", "entity_id": "light.variable"}
        await tools.data("ha_call_service", **data)
        assert len(home.acts) == 1


async def test_a_connection_that_breaks_after_the_call_leaves_it_unknown() -> None:
    async with house() as (home, tools):
        home.dropped = {"light.turn_on"}
        data = {"domain": "light", "service": "turn_on", "entity_id": "light.hall"}
        outcome = await tools.outcome("ha_call_service", **data)
        assert outcome.status == "unknown"
        assert "no answer came" in outcome.message


async def test_a_call_that_is_not_answered_in_time_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house() as (home, tools):
        home.delays["script.open_up"] = 60
        monkeypatch.setattr(link, "MARGIN_S", 10.0)  # room for a machine that is late
        with anyio.move_on_after(10.5):
            outcome = await tools.outcome("ha_call_service", domain="script", service="open_up")
        assert outcome.status == "unknown"
        assert "has not answered script.open_up within" in outcome.message


@pytest.mark.parametrize(("version", "says"), [("2025.4.4", False), ("2023.6.1", True)])
async def test_only_an_old_version_that_took_its_time_leaves_it_in_doubt(
    version: str, says: bool
) -> None:
    with anyio.fail_after(30):
        async with StandIn(token=TOKEN) as home:
            home.sockets.version = version
            async with linked(home, slow_s=0.0) as backend:
                tools = Tools(backend)
                result = await tools.data("ha_call_service", domain="script", service="open_up")
                assert ("completed" in result) is says


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        ("2025.4.4", True),
        ("2024.1.0b1", True),
        ("2026.11.0.dev20261101", True),
        ("2023.12.4", False),
        ("0.118.1", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_versions_that_answer_when_it_is_done_are_known(version: str, answer: bool) -> None:
    assert blocks(version) is answer


async def test_without_a_websocket_an_entity_that_is_named_is_looked_at() -> None:
    with anyio.fail_after(20):
        async with StandIn(token=TOKEN) as home:
            backend = HomeAssistant(config(home.url))
            tools = Tools(backend)
            said = await refusal(tools, "light", "turn_on", entity_id="light.bedrom")
            assert "there is no entity light.bedrom; did you mean light.bedroom?" in said
            assert home.acts == []
            await backend.api.aclose()
