"""The scenes of the demo: what the agent asks for, what happens meanwhile, what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

Verdict = Literal["allow", "deny", "ask"]


class Twist(Enum):
    """What goes wrong while a person is asked."""

    NOTHING = "nothing"
    AGENT_GONE = "the agent's process is killed"
    GATEWAY_KILLED = "the gateway is killed and started again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One request of the agent's.

    Attributes:
        title: what the scene shows.
        tool, args: what the agent asks for.
        verdict: what the policy must say.
        effects: "write" tools leave a line in the journal for each start.
        answer: what the person says unless they say something else.
        twist: what goes wrong while they think.
        data: what the tool returns, if it runs.
    """

    title: str
    tool: str
    args: dict[str, Any]
    verdict: Verdict
    effects: Literal["read", "write"] = "write"
    answer: Literal["approve", "deny"] = "approve"
    twist: Twist = Twist.NOTHING
    data: Any = None


SCENES = (
    Scene(
        title="A read that the policy allows",
        tool="get_temperature",
        args={"room": "kitchen"},
        verdict="allow",
        effects="read",
        data=21.0,
    ),
    Scene(
        title="A request that the policy denies",
        tool="unlock_door",
        args={"door": "garage"},
        verdict="deny",
    ),
    Scene(
        title="A person is asked about a door",
        tool="unlock_door",
        args={"door": "front"},
        verdict="ask",
        data="the front door is unlocked",
    ),
    Scene(
        title="A person is asked about the heating",
        tool="set_thermostat",
        args={"celsius": 29.5},
        verdict="ask",
        answer="deny",
        data={"target_celsius": 29.5},
    ),
    Scene(
        title="The agent is gone before the person has answered",
        tool="set_light",
        args={"room": "bedroom", "on": True, "brightness": 40},
        verdict="ask",
        twist=Twist.AGENT_GONE,
        data={"room": "bedroom", "on": True, "brightness": 40},
    ),
    Scene(
        title="The gateway is killed while the person thinks",
        tool="unlock_door",
        args={"door": "back"},
        verdict="ask",
        twist=Twist.GATEWAY_KILLED,
        data="the back door is unlocked",
    ),
)
