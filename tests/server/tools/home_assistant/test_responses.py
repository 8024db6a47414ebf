"""Calendars, forecasts and lists: read by services that only answer, at a time the test tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.server.tools.home_assistant.running import Tools, house

from agentgate_cli.standins.home import Entity, Home
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, json_response
from agentgate_proto.records.request import Effects
from agentgate_server.errors import ArgumentError
from agentgate_server.tools.home_assistant import responses

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
DENTIST = {
    "start": "2026-03-12T09:00:00+01:00",
    "end": "2026-03-12T10:00:00+01:00",
    "summary": "Dentist",
}
HOLIDAY = {"start": "2026-03-11", "end": "2026-03-12", "summary": "Holiday", "description": ""}
DAY = {
    "datetime": "2026-03-11T11:00:00+00:00",
    "condition": "rainy",
    "temperature": 9.5,
    "wind": None,
}
MILK = {"summary": "Milk", "uid": "1", "status": "needs_action"}
ANSWERS = {
    "calendar.get_events": {
        "calendar.family": {"events": [DENTIST, 5]},
        "calendar.work": {"events": [HOLIDAY]},
    },
    "weather.get_forecasts": {"weather.home": {"forecast": [DAY, DAY, DAY]}},
    "todo.get_items": {"todo.shopping_list": {"items": [MILK]}, "todo.empty": {}},
}


def home() -> Home:
    """A house with something planned."""
    made = Home(
        [
            Entity(id="calendar.family", state="off"),
            Entity(id="calendar.work", state="on"),
            Entity(id="todo.shopping_list", state="1"),
            Entity(id="todo.empty", state="0"),
            Entity(
                id="weather.home",
                state="rainy",
                attributes={"temperature_unit": "°C", "pressure_unit": 5, "supported_features": 3},
            ),
            Entity(id="weather.odd", state="sunny"),
        ]
    )
    made.records.responses = ANSWERS
    return made


@asynccontextmanager
async def planned() -> AsyncIterator[tuple[StandIn, Tools, list[bytes]]]:
    async with house(home=home()) as (stand_in, tools):
        asked: list[bytes] = []

        def listen(request: HttpRequest) -> HttpResponse | None:
            if request.method == "POST":
                asked.append(request.body)
            return None

        stand_in.fault = listen
        for each in tools.backend.tools:
            object.__setattr__(each, "access", replace(each.access, utc=lambda: NOW))
        yield stand_in, tools, asked


async def test_events_of_some_calendars_come_by_their_start() -> None:
    async with planned() as (stand_in, tools, asked):
        answer = await tools.data("ha_get_calendar", entity_id=["calendar.family", "calendar.work"])
        holiday = {"calendar": "calendar.work", **HOLIDAY}
        del holiday["description"]
        assert answer == {"events": [holiday, {"calendar": "calendar.family", **DENTIST}]}
        times = '"start_date_time":"2026-03-10T12:00:00+00:00","end_date_time":"2026-03-17T12'
        assert times.encode() in asked[0]
        assert stand_in.acts == [], "it is a read"
        answer = await tools.data(
            "ha_get_calendar", entity_id="calendar.family", start="2026-03-12", hours=24
        )
        assert b'"start_date_time":"2026-03-12T00:00:00"' in asked[1]


async def test_a_forecast_has_its_units_and_as_much_as_asked_for() -> None:
    async with planned() as (_, tools, asked):
        day = {key: value for key, value in DAY.items() if value is not None}
        whole = {"entity_id": "weather.home", "units": {"temperature": "°C"}, "forecast": [day] * 3}
        assert await tools.data("ha_get_forecast", entity_id="weather.home") == {
            "forecasts": [whole]
        }
        assert b'"type":"daily"' in asked[0]
        answer = await tools.data(
            "ha_get_forecast", entity_id="weather.home", type="hourly", limit=2
        )
        assert answer["forecasts"] == [whole | {"forecast": [day, day]}]
        assert answer["more"] == 1
        assert "with a larger 'limit'" in answer["note"]
        assert b'"type":"hourly"' in asked[1]


async def test_items_of_a_list_are_those_that_are_to_be_done() -> None:
    async with planned() as (_, tools, asked):
        answer = await tools.data("ha_get_todo", entity_id=["todo.shopping_list", "todo.empty"])
        assert answer == {"items": [{"list": "todo.shopping_list", **MILK}]}
        assert b'"status":["needs_action"]' in asked[0]
        args = {"entity_id": "todo.shopping_list", "status": ["completed", "needs_action"]}
        await tools.data("ha_get_todo", **args)
        assert b'"status":["completed","needs_action"]' in asked[1]


async def test_of_many_rows_the_first_come_and_of_long_texts_the_ends() -> None:
    async with planned() as (stand_in, tools, _):
        long = {"summary": "x" * 2_000, "uid": "2"}
        stand_in.home.records.responses = {"todo.get_items": {"todo.empty": {"items": [long] * 5}}}
        answer = await tools.data("ha_get_todo", entity_id="todo.empty", limit=2)
        assert (len(answer["items"]), answer["more"]) == (2, 3)
        assert "…(1000 more characters)…" in answer["items"][0]["summary"]


@pytest.mark.parametrize(
    ("tool", "entity", "text"),
    [
        (
            "ha_get_calendar",
            "calendar.famly",
            "no entity calendar.famly; did you mean calendar.fam",
        ),
        ("ha_get_forecast", "weather.hom", "no entity weather.hom; did you mean weather.home?"),
        (
            "ha_get_todo",
            ["todo.empty", "todo.emty"],
            "no entity todo.emty; did you mean todo.empty",
        ),
        ("ha_get_forecast", "weather.odd", "failed at weather.get_forecasts (500)"),
    ],
)
async def test_what_is_not_there_is_told(tool: str, entity: Any, text: str) -> None:
    async with planned() as (_, tools, _):
        outcome = await tools.outcome(tool, entity_id=entity)
        assert outcome.status == "failed"
        assert text in outcome.message
        assert "may have been done" not in outcome.message


async def test_a_forecast_that_an_entity_does_not_have_is_told_before() -> None:
    async with planned() as (stand_in, tools, asked):
        args = {"entity_id": "weather.home", "type": "twice_daily"}
        outcome = await tools.outcome("ha_get_forecast", **args)
        text = "weather.home has no twice_daily forecast; it has daily, hourly"
        assert outcome.message == text
        stand_in.home.entities["weather.home"].attributes["supported_features"] = 0
        outcome = await tools.outcome("ha_get_forecast", **args)
        assert outcome.message.endswith("it has none at all")
        assert asked == []


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ([], "answered todo.get_items without a response"),
        ({"service_response": 5}, "answered todo.get_items without a response"),
        ({"service_response": {"todo.empty": 5}}, "with something else than what was asked for"),
        ({"service_response": {}}, "with something else than what was asked for"),
    ],
)
async def test_an_answer_of_another_kind_is_an_error(told: Any, text: str) -> None:
    async with planned() as (stand_in, tools, _):
        stand_in.fault = lambda request: json_response(told) if request.method == "POST" else None
        outcome = await tools.outcome("ha_get_todo", entity_id="todo.empty")
        assert outcome.status == "failed"
        assert text in outcome.message
        stand_in.fault = lambda request: (
            HttpResponse(body=b"<") if request.method == "POST" else None
        )
        outcome = await tools.outcome("ha_get_todo", entity_id="todo.empty")
        assert (outcome.status, "but no JSON" in outcome.message) == ("failed", True)


@pytest.mark.parametrize(
    ("tool", "args", "text"),
    [
        (
            "ha_get_calendar",
            {},
            "such as calendar.family, or a list of such; ha_get_states with domain=c",
        ),
        (
            "ha_get_calendar",
            {"entity_id": "light.hall"},
            "such as calendar.family, found 'light.hall'",
        ),
        ("ha_get_calendar", {"entity_id": "calendar.a", "start": "x"}, "'start' must be a time"),
        ("ha_get_calendar", {"entity_id": "calendar.a", "type": "x"}, "unknown argument 'type'"),
        (
            "ha_get_todo",
            {"entity_id": [f"todo.n{n}" for n in range(21)]},
            "names 21, and may at most",
        ),
        (
            "ha_get_todo",
            {"entity_id": "todo.a", "status": "done"},
            "must be needs_action or completed",
        ),
        ("ha_get_todo", {"entity_id": "todo.a", "limit": 501}, "whole number from 1 to 500"),
        (
            "ha_get_forecast",
            {"entity_id": "weather.a", "type": ["daily"]},
            "must be one of daily, ho",
        ),
    ],
)
async def test_what_does_not_fit_is_refused(tool: str, args: dict[str, Any], text: str) -> None:
    async with planned() as (stand_in, tools, _):
        with pytest.raises(ArgumentError, match=text):
            await tools.outcome(tool, **args)
        assert stand_in.calls == []


async def test_they_are_reads_and_share_the_places_of_reads() -> None:
    async with planned() as (_, tools, _):
        one = tools.catalogue.get("ha_get_state")
        assert one is not None
        for each in tools.backend.tools:
            if isinstance(each, responses.ResponseTool):
                assert (each.effects, each.bulkhead) == (Effects.READ, one.bulkhead)
