"""Nearness: what a slow comparison with all names would find, for what people type."""

from __future__ import annotations

import pytest

from agentgate_server.tools.home_assistant.nearness import near

pytestmark = pytest.mark.anyio

ROOMS = ("kitchen", "hall", "bedroom", "bathroom", "cellar", "garage", "attic", "garden")
THINGS = ("power", "energy", "temperature", "humidity", "battery", "signal", "door", "window")
NAMES = [f"{room}_{thing}_{n}" for room in ROOMS for thing in THINGS for n in range(10)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kichen_power_3", "kitchen_power_3"),
        ("bedrom_temperature_7", "bedroom_temperature_7"),
        ("garge_door_1", "garage_door_1"),
        ("attic_humdity_9", "attic_humidity_9"),
    ],
)
async def test_the_nearest_of_many_names_is_found(name: str, expected: str) -> None:
    assert (await near(name, NAMES))[0] == expected


async def test_what_is_like_nothing_has_nothing_near() -> None:
    assert await near("zzzz", NAMES) == []
    assert await near("kitchen", []) == []
