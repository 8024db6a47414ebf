"""Tools of a small house. Name this file in your configuration:

tools:
  python: [tools_house.py]
"""

from typing import Literal

from agentgate_server import EffectUnknown, tool

Room = Literal["bedroom", "kitchen"]

lights: dict[str, bool] = {"bedroom": False, "kitchen": False}


@tool(effects="read", inline=True)
def list_lights() -> dict[str, bool]:
    """List the lights: room, and whether it is on."""
    return lights


@tool
def set_light(room: Room, on: bool = True) -> str:
    """Switch the light of a room.

    Args:
        room: which room.
        on: true switches it on, false off.
    """
    lights[room] = on
    return f"the {room} light is {'on' if on else 'off'}"


@tool(timeout_s=10, concurrency_max=1)
async def unlock_door(code: int) -> str:
    """Unlock the front door.

    Args:
        code: the four digits of the keypad.
    """
    try:
        await send_to_lock("unlock", code)
    except ConnectionError as error:
        # The command went out and no answer came back: say so, instead of "failed".
        raise EffectUnknown("the lock did not answer") from error
    return "the front door is unlocked"


async def send_to_lock(command: str, code: int) -> None:
    """Stand for the library of a real lock. Its error texts reach the agent as they are."""
    if code != 1234:
        raise ValueError(f"the lock did not accept the code for {command}")
