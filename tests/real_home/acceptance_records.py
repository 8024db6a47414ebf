"""The tools that read, before a real Home Assistant: what was, what will be, and what there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from tests.real_home.furnished import furnished, linked
from tests.server.tools.home_assistant.running import Tools

pytestmark = pytest.mark.anyio

BED = "light.bed_light"
DOOR = "lock.kitchen_door"
LIST = "todo.shopping_list"
POLL_S = 0.5
"""Between two looks at what its recorder writes in its own time."""


async def switch(tools: Tools, *services: str) -> None:
    for service in services:
        await tools.data("ha_call_service", domain="light", service=service, entity_id=BED)


async def recorded(tools: Tools, tool: str, fits: Callable[[Any], bool], **args: Any) -> Any:
    """Return what a tool tells, once the recorder has written what is waited for."""
    while not fits(answer := await tools.data(tool, **args)):
        await anyio.sleep(POLL_S)
    return answer


async def test_history_tells_how_a_light_was() -> None:
    async with linked() as backend:
        tools = Tools(backend)
        await switch(tools, "turn_on", "turn_off", "turn_on", "turn_off")

        def fits(answer: Any) -> bool:
            states = [each["state"] for row in answer["entities"] for each in row["changes"]]
            return states[-3:] == ["off", "on", "off"]

        answer = await recorded(tools, "ha_get_history", fits, entity_id=[BED], hours=1)
        (row,) = answer["entities"]
        assert (row["entity_id"], row["name"]) == (BED, "Bed Light")
        assert all(each["at"].startswith("20") for each in row["changes"])
        newest = await tools.data("ha_get_history", entity_id=BED, hours=1, limit=1)
        assert newest["entities"][0]["earlier"] >= 3
        assert [each["state"] for each in newest["entities"][0]["changes"]] == ["off"]


async def test_history_tells_numbers_with_their_unit_and_what_is_not_recorded() -> None:
    async with linked() as backend:
        tools = Tools(backend)
        sensor = "sensor.outside_temperature"

        def fits(answer: Any) -> bool:
            return bool(answer["entities"])

        answer = await recorded(tools, "ha_get_history", fits, entity_id=sensor, hours=1)
        (row,) = answer["entities"]
        assert (row["unit"], row["lowest"], row["highest"]) == ("°C", 15.6, 15.6)
        outcome = await tools.outcome("ha_get_history", entity_id="sensor.outside_temperatur")
        assert f"did you mean {sensor}?" in outcome.message


async def test_the_logbook_tells_what_has_happened_and_nothing_of_what_is_hidden() -> None:
    async with linked() as backend:
        tools = Tools(backend)
        await switch(tools, "turn_on", "turn_off")
        lock = {"domain": "lock", "entity_id": DOOR}
        await tools.data("ha_call_service", **lock, service="lock")
        await tools.data("ha_call_service", **lock, service="unlock")

        def told(answer: Any) -> set[str]:
            return {each.get("entity_id", "") for each in answer["entries"]}

        def fits(answer: Any) -> bool:
            return {BED, DOOR} <= told(answer)

        answer = await recorded(tools, "ha_get_logbook", fits, hours=1)
        entries = [each for each in answer["entries"] if each.get("entity_id") == BED]
        assert {"name": "Bed Light", "state": "off"}.items() <= entries[-1].items()
        backend.sight.of_caller = lambda: lambda entity: entity != DOOR
        answer = await tools.data("ha_get_logbook", hours=1)
        assert BED in told(answer)
        assert "kitchen door" not in str(answer).lower()
        assert "kitchen_door" not in str(answer)


async def test_areas_say_what_they_hold() -> None:
    async with furnished() as backend:
        answer = await Tools(backend).data("ha_list_areas")
        (hall,) = [each for each in answer["areas"] if each["area_id"] == "hall"]
        assert (hall["name"], hall["floor_id"]) == ("Hall", "ground")
        assert {"light": 2, "lock": 1}.items() <= hall["holds"].items()
        assert [each["name"] for each in answer["floors"]] == ["Ground"]
        assert [each["name"] for each in answer["labels"]] == ["Outside"]


async def test_services_say_what_they_take_and_whether_they_answer() -> None:
    async with linked() as backend:
        tools = Tools(backend)
        every = await tools.data("ha_list_services")
        assert {"turn_on", "turn_off", "toggle"} <= set(every["services"]["light"])
        lights = await tools.data("ha_list_services", domain="light", service="turn_on")
        (service,) = lights["services"]
        assert service["target"] is True
        assert {"brightness_pct", "transition", "rgb_color"} <= service["fields"].keys()
        items = await tools.data("ha_list_services", domain="todo", service="get_items")
        assert items["services"][0]["responds"] == "always: return_response"
        outcome = await tools.outcome("ha_list_services", domain="light", service="turn_onn")
        assert "there is no service light.turn_onn; did you mean" in outcome.message


async def test_states_are_listed_by_where_they_are_and_what_they_are_called() -> None:
    async with furnished() as backend:
        tools = Tools(backend)
        lights = await tools.data("ha_get_states", domain="light", area="Hall")
        ids = [each["entity_id"] for each in lights["states"]]
        assert ids == ["light.bed_light", "light.ceiling_lights"]
        named = await tools.data("ha_get_states", name="bed light")
        assert [each["area"] for each in named["states"]] == ["Hall"]


async def test_a_calendar_tells_what_is_to_come() -> None:
    async with linked() as backend:
        tools = Tools(backend)
        both = ["calendar.calendar_1", "calendar.calendar_2"]
        start = (datetime.now(UTC) - timedelta(hours=12)).isoformat()  # since it has begun to run
        answer = await tools.data("ha_get_calendar", entity_id=both, start=start)
        events = {each["calendar"]: each["summary"] for each in answer["events"]}
        assert events == {both[0]: "Future Event", both[1]: "Current Event"}
        assert answer["events"][-1]["description"] == "Future Description"
        outcome = await tools.outcome("ha_get_calendar", entity_id="calendar.calendar_3")
        assert "there is no entity calendar.calendar_3" in outcome.message


async def test_a_forecast_is_told_with_its_units_and_only_where_there_is_one() -> None:
    async with linked() as backend:
        tools = Tools(backend)
        north, south = "weather.demo_weather_north", "weather.demo_weather_south"
        answer = await tools.data("ha_get_forecast", entity_id=[south], limit=2)
        (told,) = answer["forecasts"]
        assert (told["entity_id"], len(told["forecast"])) == (south, 2)
        assert told["units"]["temperature"] == "°C"
        assert {"condition", "datetime", "temperature"} <= told["forecast"][0].keys()
        hourly = await tools.data("ha_get_forecast", entity_id=north, type="hourly")
        assert hourly["forecasts"][0]["forecast"]
        outcome = await tools.outcome("ha_get_forecast", entity_id=south, type="hourly")
        assert f"{south} has no hourly forecast; it has daily" in outcome.message


async def test_lists_are_read_after_they_are_written() -> None:
    async with linked() as backend:
        tools = Tools(backend)
        write = {"domain": "todo", "entity_id": LIST}
        for item in ("Milk", "Bread"):
            await tools.data("ha_call_service", **write, service="add_item", item=item)
        done = {"service": "update_item", "item": "Bread", "status": "completed"}
        await tools.data("ha_call_service", **write, **done)
        open_items = await tools.data("ha_get_todo", entity_id=LIST)
        assert [each["summary"] for each in open_items["items"]] == ["Milk"]
        closed = await tools.data("ha_get_todo", entity_id=LIST, status="completed")
        assert [each["summary"] for each in closed["items"]] == ["Bread"]
        await tools.data("ha_call_service", **write, service="remove_item", item=["Milk", "Bread"])
        assert (await tools.data("ha_get_todo", entity_id=LIST))["items"] == []
