"""The tools of the console's house: what each does is written down."""

from __future__ import annotations

from tests.e2e.tools import journal

from agentgate_server import tool


@tool(effects="read", inline=True)
def get_temperature(room: str) -> float:
    """Read how warm a room is.

    Args:
        room: such as kitchen.
    """
    journal("get_temperature", room=room)
    return 21.5


@tool(effects="write")
def turn_on(entity: str, brightness: int = 100) -> str:
    """Turn on a light.

    Args:
        entity: such as light.kitchen.
        brightness: in per cent.
    """
    journal("turn_on", entity=entity, brightness=brightness)
    return f"{entity} is on"


@tool(effects="write")
def write_note(text: str) -> str:
    """Leave a note on the board in the hall.

    Args:
        text: what it says.
    """
    journal("write_note", text=text)
    return "it hangs there"


@tool(effects="write")
def unlock_door(door: str) -> str:
    """Unlock a door.

    Args:
        door: such as front.
    """
    journal("unlock_door", door=door)
    return f"{door} is open"
