"""A make-believe house: lights, door locks, a thermostat and temperature sensors, as tools.

Tests of the command line run it, so it can be asked afterwards what really happened:

- ``HOUSE_JOURNAL``: a file that gets one line of JSON for each effect, ``{"tool": ..., "args":
  {...}}``, written in one piece *before* the effect, so that a start is counted even if the
  process is killed in its middle.
- ``HOUSE_DELAY_S``: how long the motor of a door lock takes, in seconds; 0 unless set. A gateway
  can then be killed while the tool runs.

Both are read at each call. The state is in memory: a restart finds the house as it was built.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import anyio
import msgspec

from agentgate_server import tool

Room = Literal["bedroom", "kitchen", "living_room"]
Door = Literal["front", "back", "garage"]
Percent = Annotated[int, msgspec.Meta(ge=1, le=100)]
Celsius = Annotated[float, msgspec.Meta(ge=5, le=30)]


class Light(msgspec.Struct, frozen=True):
    """A lamp. ``brightness`` is in percent, and kept while the lamp is off."""

    room: Room
    on: bool = False
    brightness: int = 100


class House:
    """The state of the house. Values are replaced whole, so threads see no half of one."""

    def __init__(self) -> None:
        self.temperatures: dict[str, float] = {
            "bedroom": 18.5,
            "kitchen": 21.0,
            "living_room": 20.5,
        }
        self.lights = {room: Light(room) for room in ("bedroom", "kitchen", "living_room")}
        self.locked = {"front": True, "back": True, "garage": True}
        self.target_celsius = 20.0


house = House()


def record_effect(name: str, **args: Any) -> None:
    """Append one line to the journal, if there is one.

    One ``write`` in append mode: lines of threads and of processes do not mix, and what was
    written outlives a ``kill -9``.
    """
    path = os.environ.get("HOUSE_JOURNAL")
    if not path:
        return
    line = msgspec.json.encode({"tool": name, "args": args}) + b"\n"
    journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(journal, line)
    finally:
        os.close(journal)


@tool(effects="read", inline=True)
def get_temperature(room: Room) -> float:
    """Read the temperature of a room, in degrees Celsius.

    Args:
        room: which room.
    """
    return house.temperatures[room]


@tool(effects="read", inline=True)
def list_lights() -> list[Light]:
    """List all lights: their room, whether they are on, and how bright, in percent."""
    return list(house.lights.values())


@tool
def set_light(room: Room, on: bool, brightness: Percent = 100) -> Light:
    """Switch the light of a room.

    Args:
        room: which room.
        on: true switches it on, false off.
        brightness: in percent, 1 to 100.
    """
    record_effect("set_light", room=room, on=on, brightness=brightness)
    light = house.lights[room] = Light(room, on, brightness)
    return light


@tool
async def unlock_door(door: Door) -> str:
    """Unlock a door. It stays unlocked until somebody locks it by hand.

    Args:
        door: which door.
    """
    if door == "garage":
        raise RuntimeError("the battery of the garage lock is empty")
    record_effect("unlock_door", door=door)
    await anyio.sleep(float(os.environ.get("HOUSE_DELAY_S", "0")))
    house.locked[door] = False
    return f"the {door} door is unlocked"


@tool
def set_thermostat(celsius: Celsius) -> dict[str, float]:
    """Set the temperature that the heating aims at.

    Args:
        celsius: degrees Celsius, 5 to 30.
    """
    record_effect("set_thermostat", celsius=celsius)
    house.target_celsius = celsius
    return {"target_celsius": celsius}
