"""The scenes of the demo: what the agent asks for, what happens meanwhile, what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        effects: "write" tools leave a call at the house for each start.
        channel: where the person answers.
        answer: what the person says unless they say something else.
        twist: what goes wrong while they think.
        states: the states that the tool reports if it runs, by entity.
    """

    title: str
    tool: str
    args: dict[str, Any]
    verdict: Verdict
    effects: Literal["read", "write"] = "write"
    channel: Literal["terminal", "telegram"] = "terminal"
    answer: Literal["approve", "deny"] = "approve"
    twist: Twist = Twist.NOTHING
    states: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Something said to a model, which then asks for one tool.

    Attributes:
        title: what it shows.
        text: what is said.
        tool, args: what the model asks for.
        states: the states that the tool reports if it runs, by entity.
    """

    title: str
    text: str
    tool: str
    args: dict[str, Any]
    states: dict[str, str]

    @property
    def entity(self) -> str:
        """What of the house it is about."""
        return str(self.args["entity_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """What an MCP client asks for.

    Attributes:
        title: what it shows.
        tool, args: what the client asks for.
        state: what it reads in the result, if the tool runs.
    """

    title: str
    tool: str
    args: dict[str, Any]
    state: str


def service(domain: str, name: str, **data: Any) -> dict[str, Any]:
    """The arguments of ``ha_call_service``."""
    return {"domain": domain, "service": name, **data}


def states_in(data: Any) -> dict[str, str]:
    """Return the states, by entity, in what a tool of the house returned."""
    match data:
        case {"entity_id": str(entity), "state": str(state)}:
            return {entity: state}
        case {"result": list(rows)}:
            return {name: state for row in rows for name, state in states_in(row).items()}
    return {}


SCENES = (
    Scene(
        title="A read that the policy allows",
        tool="ha_get_state",
        args={"entity_id": "sensor.temp"},
        verdict="allow",
        effects="read",
        states={"sensor.temp": "21.3"},
    ),
    Scene(
        title="A door by another name: the policy asks the house what a group holds, and denies",
        tool="ha_call_service",
        args=service("homeassistant", "turn_off", entity_id="group.everything"),
        verdict="deny",
    ),
    Scene(
        title="A person is asked on the phone",
        tool="ha_call_service",
        args=service("light", "turn_on", entity_id="light.bedroom"),
        verdict="ask",
        channel="telegram",
        states={"light.bedroom": "on"},
    ),
    Scene(
        title="A person is asked about the heating",
        tool="ha_call_service",
        args=service("climate", "turn_off", entity_id="climate.hall"),
        verdict="ask",
        answer="deny",
        states={"climate.hall": "off"},
    ),
    Scene(
        title="The agent is gone before the person has answered",
        tool="ha_call_service",
        args=service("light", "turn_on", entity_id="light.kitchen"),
        verdict="ask",
        twist=Twist.AGENT_GONE,
        states={"light.kitchen": "on"},
    ),
    Scene(
        title="The gateway is killed while the person thinks",
        tool="ha_call_service",
        args=service("cover", "close_cover", entity_id="cover.blinds"),
        verdict="ask",
        twist=Twist.GATEWAY_KILLED,
        states={"cover.blinds": "closed"},
    ),
)

TALKS = (
    Talk(
        title="Somebody talks to a model: its tools go the same way, and its context has a price",
        text="It is late. Please turn off the light in the hall.",
        tool="ha_call_service",
        args=service("light", "turn_off", entity_id="light.hall"),
        states={"light.hall": "off"},
    ),
)

PLUGS = (
    Plug(
        title="An MCP client, such as Claude Code, asks, and the gateway is killed meanwhile",
        tool="ha_call_service",
        args=service("cover", "open_cover", entity_id="cover.blinds"),
        state="open",
    ),
)
