"""What there is to switch in the house. A line of a file says each time what was switched."""

from pathlib import Path
from typing import Literal

from agentgate_server import tool

JOURNAL = Path(__file__).with_name("journal.txt")
lights = {"bedroom": "off", "kitchen": "off"}


@tool(effects="read")
def list_lights() -> dict[str, str]:
    """List the lights, by room."""
    return lights


@tool
def set_light(room: Literal["bedroom", "kitchen"], state: Literal["on", "off"]) -> str:
    """Switch the light of a room.

    Args:
        room: which.
        state: on or off.
    """
    lights[room] = state
    with JOURNAL.open("a", encoding="utf-8") as journal:
        journal.write(f"{room} {state}\n")
    return f"the {room} light is {state}"
