"""What a house is made of, and what its services take."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.tools.home_assistant.running import house

from agentgate_cli.standins.home import Area, Home
from agentgate_cli.standins.http_server import json_response
from agentgate_server.errors import ArgumentError
from agentgate_server.tools.home_assistant import listing

pytestmark = pytest.mark.anyio

BRIGHTNESS = {"number": {"min": 0, "max": 100, "unit_of_measurement": "%"}}
TURN_ON = {
    "name": "Turn on",
    "description": "Turns on one or more lights.",
    "target": {"entity": [{"domain": ["light"]}]},
    "fields": {
        "transition": {"description": "How long it takes.", "selector": {"number": {"min": 0}}},
        "advanced_fields": {
            "collapsed": True,
            "fields": {
                "brightness_pct": {"selector": BRIGHTNESS, "example": 47},
                "color_name": {"selector": {"select": {"options": ["aliceblue"] * 100}}},
                "odd": 5,
            },
        },
        "odd": 5,
    },
}
GET_ITEMS = {"fields": {"status": {"required": True}}, "response": {"optional": False}}
TOLD = {
    "light": {"turn_on": TURN_ON, "turn_off": {"description": "", "fields": None}, "toggle": 5},
    "todo": {"get_items": GET_ITEMS},
    "script": {"open_up": {"fields": {}, "response": {"optional": True}}},
}


async def test_a_house_tells_its_places_and_what_is_in_them() -> None:
    async with house(look=True) as (_, tools):
        answer = await tools.data("ha_list_areas")
        assert list(answer) == ["areas", "floors", "labels"]
        assert answer["areas"][2:] == [
            {
                "area_id": "hall",
                "name": "Entrance Hall",
                "floor_id": "ground",
                "holds": {"climate": 1, "light": 1, "lock": 1, "sensor": 1},
            },
            {
                "area_id": "kitchen",
                "name": "Kitchen",
                "floor_id": "ground",
                "holds": {"light": 1, "sensor": 1, "switch": 1},
            },
        ]
        assert answer["floors"][0] == {"floor_id": "ground", "name": "Ground floor"}
        assert answer["labels"][0] == {"label_id": "cosy", "name": "Cosy", "holds": {}}
        assert answer["labels"][1]["holds"] == {"lock": 2, "sensor": 1}
        tools.backend.sight.of_caller = lambda: lambda entity: not entity.startswith("lock.")
        answer = await tools.data("ha_list_areas")
        assert "lock" not in answer["areas"][2]["holds"], "what is denied is not counted"


async def test_of_very_many_places_some_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PLACES_MAX", 2)
    rooms = Home([], areas=[Area(id=f"r{n}", name=f"Room {n}") for n in range(5)])
    async with house(look=True, home=rooms) as (_, tools):
        answer = await tools.data("ha_list_areas")
        assert [each["area_id"] for each in answer["areas"]] == ["r0", "r1"]
        assert (answer["more"], "floors" in answer, "labels" in answer) == (3, False, False)


async def test_places_that_are_not_known_are_no_empty_house() -> None:
    async with house() as (_, tools):
        outcome = await tools.outcome("ha_list_areas")
        assert outcome.status == "failed"
        assert "are not known at present" in outcome.message


async def test_services_are_listed_by_name() -> None:
    async with house() as (_, tools):
        answer = await tools.data("ha_list_services")
        assert answer["services"]["lock"] == ["lock", "open", "unlock"]


async def test_services_of_a_domain_say_what_they_take() -> None:
    async with house() as (home, tools):
        home.home.records.services = TOLD
        answer = await tools.data("ha_list_services", domain="light")
        assert answer == {
            "services": [
                {"service": "light.toggle", "fields": {}},
                {"service": "light.turn_off", "fields": {}},
                {
                    "service": "light.turn_on",
                    "description": "Turns on one or more lights.",
                    "fields": {
                        "transition": {
                            "description": "How long it takes.",
                            "takes": {"number": {"min": 0}},
                        },
                        "brightness_pct": {"takes": BRIGHTNESS, "example": 47},
                        "color_name": {"takes": "select"},
                    },
                    "target": True,
                },
            ]
        }
        (items,) = (await tools.data("ha_list_services", domain="todo"))["services"]
        assert items["responds"] == "always: return_response"
        assert items["fields"] == {"status": {"required": True}}
        args = {"domain": "script", "service": "open_up"}
        (open_up,) = (await tools.data("ha_list_services", **args))["services"]
        assert open_up["responds"] == "if asked to"


async def test_what_is_too_much_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SERVICES_BYTES_MAX", 1)
    async with house() as (home, tools):
        home.home.records.services = TOLD
        answer = await tools.data("ha_list_services", domain="light")
        assert [each["service"] for each in answer["services"]] == ["light.toggle"]
        assert answer["more"] == ["light.turn_off", "light.turn_on"]
        assert answer["note"] == "ask for one of 'more' by 'service'"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"domain": "lihgt"}, "there are no services of 'lihgt'; did you mean 'light'?"),
        ({"domain": "zzz"}, "there are no services of 'zzz'; without 'domain' all are listed"),
        (
            {"domain": "light", "service": "turnon"},
            "there is no service light.turnon; did you mean 'turn_on'?",
        ),
        (
            {"domain": "light", "service": "zzz"},
            "there is no service light.zzz; there are toggle, turn_off, turn_on",
        ),
    ],
)
async def test_a_service_that_is_not_there_is_an_error(args: dict[str, Any], text: str) -> None:
    async with house() as (_, tools):
        outcome = await tools.outcome("ha_list_services", **args)
        assert (outcome.status, outcome.message) == ("failed", text)


async def test_an_answer_of_another_kind_is_an_error() -> None:
    async with house() as (home, tools):
        home.fault = lambda request: json_response({})
        outcome = await tools.outcome("ha_list_services")
        assert outcome.message == "Home Assistant answered something else than services"
        home.fault = lambda request: json_response(
            [5, {"domain": 5}, {"domain": "a", "services": []}]
        )
        assert await tools.data("ha_list_services") == {"services": {}}


@pytest.mark.parametrize(
    ("tool", "args", "text"),
    [
        ("ha_list_areas", {"area": "x"}, "unknown argument 'area', the arguments are: none"),
        (
            "ha_list_services",
            {"service": "turn_on"},
            "'service' needs 'domain': light for light.tu",
        ),
        ("ha_list_services", {"domain": "Light"}, "'domain' must be a plain name"),
    ],
)
async def test_what_does_not_fit_is_refused(tool: str, args: dict[str, Any], text: str) -> None:
    async with house() as (_, tools):
        with pytest.raises(ArgumentError, match=text):
            await tools.outcome(tool, **args)
