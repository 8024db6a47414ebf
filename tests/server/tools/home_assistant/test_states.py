"""States: in short and whole, by what is asked for, a page at a time, and none that is denied."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.tools.home_assistant.running import Tools, house

from agentgate_cli.standins.home import Entity, Home, make_home
from agentgate_cli.standins.http_server import json_response
from agentgate_server.tools.home_assistant import states
from agentgate_server.tools.home_assistant.plan import Place, Plan

pytestmark = pytest.mark.anyio


async def listed(tools: Tools, **args: Any) -> list[str]:
    """The entities of a page that is the only one."""
    answer = await tools.data("ha_get_states", **args)
    assert "next" not in answer
    return [each["entity_id"] for each in answer["states"]]


def hide(tools: Tools, *hidden: str) -> None:
    """Let the policy deny some entities to be seen."""
    tools.backend.sight.of_caller = lambda: lambda entity: entity not in hidden


async def test_a_row_says_what_a_person_would() -> None:
    async with house(look=True) as (home, tools):
        answer = await tools.data("ha_get_states")
        assert list(answer) == ["states"]
        rows = {each["entity_id"]: each for each in answer["states"]}
        assert list(rows) == sorted(home.home.entities)
        kitchen = {"name": "Kitchen", "area": "Kitchen", "state": "off"}
        assert rows["light.kitchen"] == {"entity_id": "light.kitchen", **kitchen}
        assert rows["lock.front"]["area"] == "Entrance Hall", "where its device is"
        assert rows["sensor.temp"]["unit"] == "°C"
        assert "area" not in rows["group.lights"]


async def test_whole_states_come_where_they_are_asked_for() -> None:
    async with house(look=True) as (home, tools):
        entity = home.home.entities["sensor.temp"].as_json()
        for args in ({"full": True, "domain": "sensor"}, {"entity_id": ["sensor.temp"]}):
            answer = await tools.data("ha_get_states", **args)
            assert entity in answer["states"]
        (short,) = (await tools.data("ha_get_states", entity_id="sensor.temp", full=False))[
            "states"
        ]
        assert "attributes" not in short


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"domain": ["lock", "climate"]}, "climate.hall lock.all_doors lock.back lock.front"),
        ({"area": "kitchen"}, "light.kitchen sensor.temp switch.kettle"),
        ({"area": "ENTRANCE hall", "domain": "light"}, "light.hall"),
        ({"area": ["garden", "Bedroom"]}, "cover.blinds light.bedroom lock.back"),
        ({"floor": "Upstairs"}, "cover.blinds light.bedroom"),
        (
            {"floor": "ground", "domain": ["light", "switch"], "area": "kitchen"},
            "light.kitchen switch.kettle",
        ),
        ({"floor": "ground", "area": "garden"}, ""),
        ({"label": "Leads outside"}, "lock.back lock.front sensor.front_battery"),
        ({"name": "door BACK"}, "lock.back"),
        ({"name": "lock"}, "lock.all_doors lock.back lock.front sensor.front_battery"),
        ({"state": ["ON", "heat"]}, "climate.hall group.everything light.hall"),
        ({"state": "on", "domain": "light", "name": "hall"}, "light.hall"),
        ({"domain": None, "area": None, "state": "playing"}, "media_player.tv"),
    ],
)
async def test_only_what_is_asked_for_comes(args: dict[str, Any], expected: str) -> None:
    async with house(look=True) as (_, tools):
        assert await listed(tools, **args) == expected.split()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            {"area": "kitchn"},
            "there is no area 'kitchn'; did you mean 'kitchen'? (ha_list_areas lists them)",
        ),
        (
            {"area": "kitchen", "floor": "cellar"},
            "there is no floor 'cellar'; there are ground, up",
        ),
        ({"label": ["cosy", "outsid"]}, "there is no label 'outsid'; did you mean 'outside'?"),
    ],
)
async def test_a_place_that_is_not_there_is_an_error(args: dict[str, Any], text: str) -> None:
    async with house(look=True) as (_, tools):
        outcome = await tools.outcome("ha_get_states", **args)
        assert outcome.status == "failed"
        assert outcome.message.startswith(text)


def test_of_many_places_some_are_named() -> None:
    plan = Plan(areas=[Place(id=f"r{n}", name=f"Room {n}") for n in range(25)])
    with pytest.raises(states.NoSuchPlace, match=r"there are r0, .*, r19 and 5 more"):
        plan.find("area", "zzz")
    with pytest.raises(states.NoSuchPlace, match="no label 'zzz': there are none"):
        plan.find("label", "zzz")


async def test_before_the_house_is_known_areas_are_said_to_be_unknown() -> None:
    async with house() as (_, tools):
        answer = await tools.data("ha_get_states", domain="climate")
        row = {"entity_id": "climate.hall", "name": "Thermostat", "state": "heat"}
        assert answer == {"states": [row], "note": "the areas are not known at present"}
        assert "note" not in await tools.data("ha_get_states", domain="climate", full=True)
        outcome = await tools.outcome("ha_get_states", area="hall")
        assert "are not known at present: ask without them, or again" in outcome.message


async def test_pages_follow_one_another_and_say_what_there_is() -> None:
    async with house(look=True) as (home, tools):
        seen: list[str] = []
        args: dict[str, Any] = {"limit": 8}
        while True:
            answer = await tools.data("ha_get_states", **args)
            seen += [each["entity_id"] for each in answer["states"]]
            if "next" not in answer:
                break
            assert answer["total"] == len(home.home.entities)
            assert answer["more"] == answer["total"] - len(seen)
            assert answer["domains"]["lock"] == 3
            assert "ask again with 'after' as in 'next'" in answer["note"]
            args |= answer["next"]
        assert seen == sorted(home.home.entities)


async def test_a_page_ends_before_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "PAGE_BYTES_MAX", 1_000)
    rows = [Entity(id=f"sensor.s{n}", state="x" * 400) for n in range(5)]
    async with house(look=True, home=Home(rows)) as (_, tools):
        answer = await tools.data("ha_get_states")
        assert [each["entity_id"] for each in answer["states"]] == ["sensor.s0", "sensor.s1"]
        assert answer["next"] == {"after": "sensor.s1"}
        monkeypatch.setattr(states, "PAGE_BYTES_MAX", 1)
        answer = await tools.data("ha_get_states", **answer["next"])
        assert [each["entity_id"] for each in answer["states"]] == ["sensor.s2"], "one at least"


async def test_a_filter_tells_nothing_of_what_is_denied() -> None:
    async with house(look=True) as (home, tools):
        hide(tools, "lock.front")
        asked = [{"domain": "lock", "state": state} for state in ("locked", "unlocked")]
        answers = [await tools.data("ha_get_states", **args) for args in asked]
        home.home.entities["lock.front"].set_state("unlocked")
        assert answers == [await tools.data("ha_get_states", **args) for args in asked]
        assert [each["left_out"] for each in answers] == [1, 1]
        assert "the policy denies ha_get_state of them" in answers[0]["note"]
        answer = await tools.data("ha_get_states", entity_id=["lock.front", "lock.frnt"])
        assert (answer["left_out"], answer["missing"]) == (1, ["lock.frnt"])
        hide(tools, "lock.front", "lock.frnt")
        answer = await tools.data("ha_get_states", entity_id=["lock.front", "lock.frnt"])
        assert "missing" not in answer, "whether a denied one is there is not told"


@pytest.mark.parametrize(
    ("entity", "hidden", "text"),
    [
        ("light.kichen", "", "there is no entity light.kichen; did you mean light.kitchen? ha_get"),
        ("light.kettle", "", "there is no entity light.kettle; did you mean switch.kettle? ha_get"),
        (
            "light.kichen",
            "light.kitchen",
            "there is no entity light.kichen; of light there are light.bedroom, light.hall; ha_get",
        ),
        (
            "cover.garage",
            "",
            "there is no entity cover.garage; of cover there are cover.blinds; ha",
        ),
        ("valve.zzzzzz", "", "there is no entity valve.zzzzzz; ha_get_states lists them, also by"),
    ],
)
async def test_an_entity_that_is_not_there_is_told_by_name(
    entity: str, hidden: str, text: str
) -> None:
    async with house() as (_, tools):
        hide(tools, hidden)
        outcome = await tools.outcome("ha_get_state", entity_id=entity)
        assert outcome.status == "failed"
        assert outcome.message.startswith(text)


async def test_what_is_no_state_is_an_error_or_left_out() -> None:
    async with house() as (home, tools):
        home.fault = lambda request: json_response({"states": []})
        outcome = await tools.outcome("ha_get_states")
        assert (outcome.status, outcome.message) == (
            "failed",
            "Home Assistant answered something else than states",
        )
        odd = [
            5,
            {"entity_id": 5},
            {"entity_id": "lock.a"},
            {"entity_id": "lock.b", "attributes": 5},
        ]
        home.fault = lambda request: json_response(odd)
        answer = await tools.data("ha_get_states", domain="lock", full=True)
        assert answer == {"states": odd[2:]}
        answer = await tools.data("ha_get_states", name="lock")
        assert answer["states"] == [
            {"entity_id": "lock.a", "state": None},
            {"entity_id": "lock.b", "state": None},
        ]


async def test_what_the_house_tells_of_its_places() -> None:
    async with house(look=True, home=make_home()) as (_, tools):
        plan = tools.backend.house.plan
        assert plan is not None
        assert [(each.id, each.name, each.within) for each in plan.areas] == [
            ("bedroom", "Bedroom", "upstairs"),
            ("garden", "Garden", ""),
            ("hall", "Entrance Hall", "ground"),
            ("kitchen", "Kitchen", "ground"),
        ]
        assert [each.name for each in plan.floors] == ["Ground floor", "Upstairs"]
        assert plan.within("floor", ["upstairs"]) == {"light.bedroom", "cover.blinds"}
        assert [each.id for each in plan.labels] == ["cosy", "outside"]
