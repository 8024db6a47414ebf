"""What must hold before a real Home Assistant: what the gateway knows of it, and does in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.real_home.furnished import TOKEN, URL, furnished, linked, say, state_of
from tests.real_home.house import ask
from tests.server.embedded import OWNER, http, raw_client, serving, until
from tests.server.tools.home_assistant.running import Tools

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_server.policy import Policy
from agentgate_server.tools.home_assistant.asking import ask as ask_templates
from agentgate_server.tools.home_assistant.reading import read_house, read_rows

pytestmark = pytest.mark.anyio


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
