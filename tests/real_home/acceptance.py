"""What must hold before a real Home Assistant. ``make real-home`` plays it; see ``__main__``.

The demo's house gets a floor, areas and a label by Home Assistant's own commands. What our stand-in
says is held against what the real one says.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.real_home.house import Refused, ask
from tests.server.embedded import OWNER, http, raw_client, serving, until
from tests.server.tools.home_assistant.running import Tools

from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_server.errors import ToolFailed
from agentgate_server.policy import Policy
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.asking import ask as ask_templates
from agentgate_server.tools.home_assistant.backend import HomeAssistant
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl
from agentgate_server.tools.home_assistant.link import Link
from agentgate_server.tools.home_assistant.reading import read_house, read_rows

pytestmark = pytest.mark.anyio
URL = os.environ["REAL_HOME_URL"]
TOKEN = os.environ["REAL_HOME_TOKEN"]
BOUND_S = 120.0


@pytest.fixture
def anyio_backend() -> str:
    """A real house takes its time; that all of this runs on trio too, the other tests see."""
    return "asyncio"


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


async def test_the_link_learns_what_the_templates_say() -> None:
    async with furnished() as backend:
        rendered, refused = await ask_templates(backend.api)
        assert refused == []
        by_templates = read_house(rendered)
        by_link = read_rows(backend.watching.mirror.rows())
        held = {key: entities for key, entities in by_link.members.items() if entities}
        assert held == {key: each for key, each in by_templates.members.items() if each}
        assert by_link.holders == by_templates.holders
        assert set(by_link.unread) == set(by_templates.unread)
        assert by_link.problems == by_templates.problems == ()
        assert backend.health() == {"status": "ok", "names": "known"}


async def test_what_moves_is_known_at_once() -> None:
    async with furnished() as backend:
        link, house = backend.watching.link, backend.house
        moved = "light.office_rgbw_lights"
        move = {"entity_id": moved, "area_id": "kitchen"}
        await say(link, "config/entity_registry/update", **move)
        await until(lambda: moved in (house("area_id", "kitchen") or ()), "the light")
        await say(link, "config/entity_registry/update", **{**move, "area_id": None})
        await until(lambda: moved not in (house("area_id", "kitchen") or ()), "it")


async def test_no_credential_gets_past_the_gate() -> None:
    whole = ask(f"{URL}/api/states/camera.demo_camera", TOKEN)
    secret = whole["attributes"]["access_token"]
    assert secret in whole["attributes"]["entity_picture"], "or this test sees nothing"
    async with linked() as backend:
        tools = Tools(backend)
        mirrored = [state.as_json() for state in backend.watching.mirror.states.values()]
        read = await tools.data("ha_get_state", entity_id="camera.demo_camera")
        every = await tools.data("ha_get_states", entity_id="camera.demo_camera")
        shown = msgspec.json.encode([mirrored, read, every]).decode()
        assert "camera.demo_camera" in shown
        assert secret not in shown
        assert "token=" not in shown


@pytest.mark.parametrize(
    ("domain", "service", "data", "words"),
    [
        ("light", "nope", {"entity_id": "light.bed_light"}, "Service light.nope not found"),
        (
            "light",
            "turn_on",
            {"entity_id": "light.bed_light", "brightness_pct": 300},
            "value must be at most 100",
        ),
        ("light", "turn_on", {"entity_id": "light.bed_light", "foo": 1}, "extra keys not allowed"),
        ("lock", "open", {"entity_id": "lock.kitchen_door"}, "does not support action lock.open"),
        (
            "climate",
            "set_temperature",
            {"entity_id": "climate.hvac", "temperature": 99},
            "Accepted range is 7 to 35",
        ),
        ("light", "turn_on", {"entity_id": "light.bedlight"}, "did you mean light.bed_light"),
        ("light", "turn_on", {"entity_id": "lock.front_door"}, "lock.front_door is no light"),
        ("light", "turn_on", {"area_id": "cellar"}, "there is no area cellar"),
        ("lock", "unlock", {"area_id": "kitchen"}, "the area kitchen holds no lock"),
    ],
)
async def test_what_cannot_be_done_fails_in_words(
    domain: str, service: str, data: dict[str, Any], words: str
) -> None:
    async with furnished() as backend:
        args = {"domain": domain, "service": service, **data}
        outcome = await Tools(backend).outcome("ha_call_service", **args)
        assert outcome.status == "failed"
        assert words in outcome.message


async def test_a_service_is_done_when_it_says_so() -> None:
    async with furnished() as backend:
        tools = Tools(backend)
        for service, state in (("turn_off", "off"), ("turn_on", "on")):
            args = {"domain": "light", "service": service, "entity_id": "light.bed_light"}
            result = await tools.data("ha_call_service", **args)
            assert state_of("light.bed_light") == state
        changed = [(each["entity_id"], each["state"]) for each in result["result"]]
        assert ("light.bed_light", "on") in changed
        began = anyio.current_time()
        slow = await tools.data("ha_call_service", domain="script", service="slow")
        assert anyio.current_time() - began > 11
        assert "completed" not in slow


async def test_a_person_sees_what_it_is_about() -> None:
    async with furnished() as backend:
        tools = {tool.name: tool for tool in backend.tools}
        await Tools(backend).data(
            "ha_call_service", domain="light", service="turn_on", area_id="hall"
        )
        about = tools["ha_call_service"].about
        off = {"domain": "light", "service": "turn_off"}
        assert about({**off, "entity_id": "light.bed_light"}) == "Bed Light (on) → off"
        hall = "Hall holds 2 lights: Bed Light (on), Ceiling Lights (on) → off"
        assert about({**off, "area_id": "hall"}) == hall
        leave = {"domain": "scene", "service": "turn_on", "entity_id": "scene.leaving"}
        assert about(leave) == "Leaving (sets Bed Light, Front Door)"


NO_LOCKS = """
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
defaults:
  - {pattern: "*", action: allow}
"""


@pytest.mark.parametrize(
    ("service", "data", "may"),
    [
        ("light.turn_on", {"area_id": "hall"}, True),
        ("light.turn_on", {"entity_id": "group.lights"}, True),
        ("scene.turn_on", {"entity_id": "scene.evening"}, True),
        ("lock.unlock", {"entity_id": "lock.front_door"}, False),
        ("homeassistant.turn_off", {"area_id": "hall"}, False),
        ("homeassistant.turn_off", {"floor_id": "ground"}, False),
        ("homeassistant.turn_off", {"label_id": "outside"}, False),
        ("homeassistant.turn_off", {"area_id": "Hall"}, False),
        ("homeassistant.turn_off", {"area_id": "cellar"}, False),
        ("homeassistant.turn_off", {"entity_id": "group.everything"}, False),
        ("homeassistant.turn_off", {"entity_id": "lock.all_doors"}, False),
        ("homeassistant.turn_off", {"entity_id": "all"}, False),
        ("scene.turn_on", {"entity_id": "scene.leaving"}, False),
        ("script.open_up", {}, False),
        ("script.turn_on", {"entity_id": "script.open_up"}, False),
    ],
)
async def test_a_rule_for_locks_holds_whatever_they_are_called(
    service: str, data: dict[str, Any], may: bool, tmp_path: Path
) -> None:
    async with furnished():
        pass
    services = {"homeassistant": {"url": URL, "token": TOKEN}}
    async with (
        serving(tmp_path, policy=Policy.parse(NO_LOCKS), services=services) as gateway,
        raw_client(gateway) as client,
    ):
        await client.next(Authenticated)
        domain, _, name = service.partition(".")
        args = {"domain": domain, "service": name, **data}
        await client.request(1, "tool_request", {"tool": "ha_call_service", "args": args})
        answer = await client.next(Answered)
        assert (answer.error is None) is may, answer.error
        if not may:
            assert answer.error.code == -32003
        assert state_of("lock.front_door") == "locked"
        _, _, health = await http(gateway, "GET", "/health", token=OWNER)
        assert health["home_assistant"]["names"] == "known"


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

    async with linked() as real, StandIn(token=TOKEN) as home, linked(home.url) as stand_in:
        assert await answer(stand_in) == await answer(real)


REQUESTS: list[tuple[str, Any]] = [
    ("/api/states/light.none", None),
    ("/api/services/light/nope", {}),
    ("/api/services/light/turn_on", {"area_id": "hall", "target": {}}),
    ("/api/services/light/turn_on?return_response", {"area_id": "hall"}),
    ("/api/events/doorbell", {"a": 1}),
    ("/api/nonsense", None),
]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_the_stand_in_answers_requests_as_the_real_one(path: str, body: Any) -> None:
    def answer(url: str) -> Any:
        try:
            return ask(f"{url}{path}", TOKEN, body)
        except Refused as error:
            return error.status, error.body

    async with StandIn(token=TOKEN) as home:
        ours = await anyio.to_thread.run_sync(answer, home.url)
        assert ours == await anyio.to_thread.run_sync(answer, URL)


async def test_the_tools_that_read_work() -> None:
    async with furnished() as backend:
        tools = Tools(backend)
        areas = await tools.data("ha_list_areas")
        assert "hall" in msgspec.json.encode(areas).decode()
        lights = await tools.data("ha_get_states", domain="light", area="hall")
        assert "light.bed_light" in msgspec.json.encode(lights).decode()
        services = await tools.data("ha_list_services", domain="light")
        assert "turn_on" in msgspec.json.encode(services).decode()
        weather = {"entity_id": "weather.demo_weather_south"}
        found = await tools.data("ha_get_forecast", **weather, type="daily")
        assert found["forecasts"][0]["entity_id"] == weather["entity_id"]
        assert "condition" in str(found)
