"""History and logbook: what was, in a time that the test tells, and nothing of what is denied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.server.tools.home_assistant.running import Tools, house

from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_cli.standins.http_server import json_response
from agentgate_server.errors import ArgumentError
from agentgate_server.tools.home_assistant import api, records

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
TEMPERATURES = [
    ("2026-03-08T00:00:00+00:00", "18.5"),
    ("2026-03-10T06:00:00.250000+00:00", "20"),
    ("2026-03-10T07:00:00+00:00", "20"),
    ("2026-03-10T08:00:00+00:00", "unavailable"),
    ("2026-03-10T09:00:00+00:00", "21.3"),
]
DOOR = {"name": "Front door", "entity_id": "lock.front", "domain": "lock"}
LOGBOOK: list[dict[str, Any]] = [
    {"when": "2026-03-08T00:00:00+00:00", **DOOR, "state": "locked"},
    {
        "when": "2026-03-10T05:00:00+00:00",
        "name": "Home Assistant",
        "message": "started",
        "domain": "homeassistant",
    },
    {
        "when": "2026-03-10T06:00:00.5+00:00",
        **DOOR,
        "state": "unlocked",
        "context_entity_id": "script.open_up",
        "context_name": "Open up",
        "context_user_id": "somebody",
    },
    {
        "when": "2026-03-10T06:00:01+00:00",
        "name": "Welcome",
        "entity_id": "automation.welcome",
        "message": "triggered by state of lock.front",
    },
    {"when": "2026-03-10T07:00:00+00:00", "name": "Hall", "entity_id": "light.hall", "state": "on"},
]


@asynccontextmanager
async def recorded() -> AsyncIterator[tuple[StandIn, Tools]]:
    async with house() as (home, tools):
        home.home.records.history = {
            "sensor.temp": TEMPERATURES,
            "light.hall": [("2026-03-01T00:00:00+00:00", "on")],
        }
        home.home.records.logbook = LOGBOOK
        for each in tools.backend.tools:
            object.__setattr__(each, "access", replace(each.access, utc=lambda: NOW))
        yield home, tools


async def test_a_history_has_the_changes_of_a_time() -> None:
    async with recorded() as (_, tools):
        answer = await tools.data("ha_get_history", entity_id=["sensor.temp", "light.hall"])
        temperature = {
            "entity_id": "sensor.temp",
            "name": "Temperature",
            "unit": "°C",
            "lowest": 18.5,
            "highest": 21.3,
            "changes": [
                {"at": "2026-03-09T12:00:00+00:00", "state": "18.5"},
                {"at": "2026-03-10T06:00:00+00:00", "state": "20"},
                {"at": "2026-03-10T08:00:00+00:00", "state": "unavailable"},
                {"at": "2026-03-10T09:00:00+00:00", "state": "21.3"},
            ],
        }
        hall = {
            "entity_id": "light.hall",
            "name": "Hall",
            "changes": [{"at": "2026-03-09T12:00:00+00:00", "state": "on"}],
        }
        assert answer == {
            "start": "2026-03-09T12:00:00+00:00",
            "end": "2026-03-10T12:00:00+00:00",
            "entities": [temperature, hall],
        }


async def test_of_a_long_history_the_newest_is_told() -> None:
    async with recorded() as (_, tools):
        answer = await tools.data("ha_get_history", entity_id="sensor.temp", limit=1)
        (row,) = answer["entities"]
        assert (row["earlier"], row["lowest"]) == (3, 18.5)
        assert [each["state"] for each in row["changes"]] == ["21.3"]
        assert "'earlier' says how many older ones are left out" in answer["note"]


async def test_many_entities_share_what_an_answer_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "ROWS_MAX", 2)
    async with recorded() as (_, tools):
        asked = ["sensor.temp", "light.hall"]
        answer = await tools.data("ha_get_history", entity_id=asked, limit=2)
        assert [len(each["changes"]) for each in answer["entities"]] == [1, 1]


async def test_a_time_is_asked_for_as_it_is_written() -> None:
    async with recorded() as (home, tools):
        args = {"entity_id": "sensor.temp", "start": "2026-03-10T06:30", "end": "2026-03-10T08:00"}
        home.home.records.time_zone = "Europe/Berlin"
        answer = await tools.data("ha_get_history", **args)
        assert (answer["start"], answer["end"]) == (
            "2026-03-10T06:30:00+01:00",
            "2026-03-10T08:00:00+01:00",
        )
        assert answer["entities"][0]["changes"] == [
            {"at": "2026-03-10T06:30:00+01:00", "state": "18.5"},
            {"at": "2026-03-10T07:00:00+01:00", "state": "20"},
        ]
        *_, call = [each for each in home.calls if each.kind == "records"]
        assert "/2026-03-10T06:30:00%2B01:00?end_time=2026-03-10T08%3A00%3A00%2B01" in call.name
        (entry,) = (await tools.data("ha_get_logbook", hours=5.5))["entries"]
        assert entry["at"] == "2026-03-10T08:00:00+01:00"


async def test_nothing_recorded_is_not_the_same_as_no_entity() -> None:
    async with recorded() as (_, tools):
        answer = await tools.data("ha_get_history", entity_id=["light.kitchen", "light.hall"])
        assert answer["nothing"] == ["light.kitchen"]
        assert len(answer["entities"]) == 1
        assert "of those in 'nothing' nothing is recorded in this time" in answer["note"]
        outcome = await tools.outcome("ha_get_history", entity_id=["light.kitchn", "light.hall"])
        assert outcome.status == "failed"
        assert "no entity light.kitchn; did you mean light.kitchen?" in outcome.message


async def test_the_logbook_tells_what_has_happened_and_by_whom() -> None:
    async with recorded() as (_, tools):
        answer = await tools.data("ha_get_logbook")
        assert answer["entries"] == [
            {
                "at": "2026-03-10T05:00:00+00:00",
                "domain": "homeassistant",
                "name": "Home Assistant",
                "message": "started",
            },
            {
                "at": "2026-03-10T06:00:00+00:00",
                "entity_id": "lock.front",
                "name": "Front door",
                "state": "unlocked",
                "by": "Open up",
            },
            {
                "at": "2026-03-10T06:00:01+00:00",
                "entity_id": "automation.welcome",
                "name": "Welcome",
                "message": "triggered by state of lock.front",
            },
            {
                "at": "2026-03-10T07:00:00+00:00",
                "entity_id": "light.hall",
                "name": "Hall",
                "state": "on",
            },
        ]
        assert "note" not in answer
        some = await tools.data("ha_get_logbook", entity_id="lock.front", hours=72)
        assert [each["state"] for each in some["entries"]] == ["locked", "unlocked"]
        newest = await tools.data("ha_get_logbook", limit=1)
        assert (newest["earlier"], newest["entries"][0]["name"]) == (3, "Hall")


async def test_the_logbook_is_silent_on_what_is_denied() -> None:
    async with recorded() as (_, tools):
        tools.backend.sight.of_caller = lambda: lambda entity: entity != "lock.front"
        answer = await tools.data("ha_get_logbook")
        assert [each["name"] for each in answer["entries"]] == ["Home Assistant", "Hall"]
        assert answer["note"] == "what the policy denies ha_get_state of is not told"
        tools.backend.sight.of_caller = lambda: lambda entity: entity != "script.open_up"
        answer = await tools.data("ha_get_logbook")
        assert "by" not in answer["entries"][1]


async def test_the_logbook_is_silent_on_the_names_of_what_is_denied() -> None:
    async with recorded() as (home, tools):
        when = "2026-03-10T10:00:00+00:00"
        said = [
            {"name": "Good night", "message": "has locked the FRONT  DOOR, at last"},
            {"name": "Front door", "message": "was forced"},
            {"name": "Good night", "message": "saw the front of a door"},
            {"name": "Front door", "entity_id": "light.hall", "state": "on"},
            {"name": "Hall", "entity_id": "light.hall", "message": "followed Front-Door"},
        ]
        home.home.records.logbook[:] = [{"when": when, **each} for each in said]
        everything = await tools.data("ha_get_logbook")
        assert len(everything["entries"]) == len(said)
        tools.backend.sight.of_caller = lambda: lambda entity: entity != "lock.front"
        answer = await tools.data("ha_get_logbook")
        told = [each.get("message", each.get("state")) for each in answer["entries"]]
        assert told == ["saw the front of a door", "on"]


async def test_what_is_too_much_to_read_says_what_to_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, "ANSWER_BYTES_MAX", 500)
    async with recorded() as (_, tools):
        outcome = await tools.outcome("ha_get_history", entity_id="sensor.temp")
        assert outcome.status == "failed"
        assert outcome.message == (
            "Home Assistant has recorded more than 500 bytes in this time: ask for a shorter one, "
            "or for fewer entities"
        )


async def test_a_large_answer_is_read_aside_and_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with recorded() as (_, tools):
        args = {"entity_id": ["sensor.temp", "light.hall"]}
        answer = await tools.data("ha_get_history", **args)
        monkeypatch.setattr(api, "AT_ONCE_BYTES", 0)
        assert await tools.data("ha_get_history", **args) == answer
        outcome = await tools.outcome("ha_get_history", entity_id="light.hal")
        assert "did you mean light.hall?" in outcome.message


@pytest.mark.parametrize(
    ("tool", "what"), [("ha_get_history", "history"), ("ha_get_logbook", "logbook")]
)
async def test_a_house_without_records_says_what_is_missing(tool: str, what: str) -> None:
    async with recorded() as (home, tools):
        args = {"entity_id": "sensor.temp"}
        home.home.records.missing.add(what)
        outcome = await tools.outcome(tool, **args)
        assert f"tells no {what}: its integration '{what}', a part of default" in outcome.message
        home.fault = lambda request: json_response({})
        outcome = await tools.outcome(tool, **args)
        assert outcome.message == f"Home Assistant answered something else than a {what}"
        home.fault = lambda request: json_response([5, {}, [], [7]])
        assert (await tools.outcome("ha_get_logbook")).status == "executed"


@pytest.mark.parametrize(
    ("tool", "args", "text"),
    [
        ("ha_get_history", {}, "missing argument 'entity_id': an entity such as sensor.temp"),
        ("ha_get_history", {"entity_id": None}, "'entity_id' must be an entity such as"),
        ("ha_get_history", {"entity_id": ["a.b"] * 2 + [f"a.b{n}" for n in range(20)]}, "names 21"),
        ("ha_get_history", {"entity_id": "a.b", "area": "x"}, "unknown argument 'area'"),
        ("ha_get_logbook", {"start": "soon"}, "'start' must be a time such as"),
        ("ha_get_logbook", {"limit": 3_001}, "'limit' must be a whole number from 1 to 3,000"),
    ],
)
async def test_what_does_not_fit_is_refused(tool: str, args: dict[str, Any], text: str) -> None:
    async with recorded() as (home, tools):
        with pytest.raises(ArgumentError, match=text):
            await tools.outcome(tool, **args)
        assert home.calls == []
