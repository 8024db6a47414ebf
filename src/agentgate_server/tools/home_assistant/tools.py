"""The four tools: names, arguments and results as the first agent-gate had them.

Arguments beside the names go into the body as they are. A call is checked before policy sees it:
a domain, service, entity or event type that is no plain name is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import anyio
import anyio.lowlevel

from agentgate_proto.records.request import Effects
from agentgate_server.backends.circuit_breaker import CircuitBreaker
from agentgate_server.errors import ArgumentError, ToolFailed
from agentgate_server.tools.home_assistant import identifiers
from agentgate_server.tools.home_assistant.api import NAME, READS_MAX, WRITES_MAX, Api
from agentgate_server.tools.tool import AsyncTool

BACKEND: Final = "home_assistant"
ORIGIN: Final = "services.homeassistant"

SLOW_S: Final = 10.0
"""Until 2023 Home Assistant answered a service call after this time whether it was done or not
(``SERVICE_CALL_LIMIT``); since then when it is done. The answer looks the same."""

SLOW_NOTE: Final = (
    "Home Assistant answered after {took:.0f} s. Older versions answer after 10 s although the "
    "service still runs: look at the state before you take it for done."
)

LEFT_OUT: Final = "some are left out: the policy denies ha_get_state of them"

LOOKED_AT_ONCE: Final = 10
"""States that are looked at before others get their turn: a millisecond if all are new."""

NAME_SCHEMA: Final[Mapping[str, Any]] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}
TARGET_SCHEMA: Final = dict.fromkeys(identifiers.TARGET_KEYS, NAME_SCHEMA)


def everything() -> None:
    """Whoever asks may see all."""


@dataclass(slots=True)
class Sight:
    """What those who ask may see of the house.

    Attributes:
        of_caller: returns what says whether an entity may be shown to whoever has asked for the
            running tool; None: all may. Whoever knows the policy puts its own here.
    """

    of_caller: Callable[[], Callable[[str], bool] | None] = everything


@dataclass(frozen=True, eq=False, kw_only=True)
class HomeAssistantTool(AsyncTool):
    """What the four have in common.

    Attributes:
        api: where they ask.
        optional: what may be left out, which null does too. What else there is goes to the service,
            which may have its own meaning for null.
    """

    api: Api
    optional: ClassVar[frozenset[str]] = frozenset()

    def bound(self, args: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See ``Tool.bound``."""
        found = {
            n: value for n, value in args.items() if value is not None or n not in self.optional
        }
        target = found.get("target")
        if isinstance(target, dict) and None in target.values():
            found["target"] = {n: value for n, value in target.items() if value is not None}
        self.check(found)
        return None if found == args else found

    @property
    def circuits(self) -> tuple[CircuitBreaker, ...]:
        """See ``Tool.circuits``."""
        return self.api.reads.circuit, self.api.writes.circuit


class GetState(HomeAssistantTool):
    """``ha_get_state``."""

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args, "entity_id")
        identifiers.entity(args)

    async def run(self, args: dict[str, Any]) -> Any:
        """Return the state object."""
        entity = identifiers.entity(args)
        return await self.api.get(f"/api/states/{entity}")


@dataclass(frozen=True, eq=False, kw_only=True)
class GetStates(HomeAssistantTool):
    """``ha_get_states``.

    Attributes:
        sight: what whoever asks may see.
    """

    optional = frozenset({"domain"})
    sight: Sight

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args, "domain")
        list(identifiers.words(args, "domain"))

    async def run(self, args: dict[str, Any]) -> Any:
        """Return the state objects, maybe only of some domains."""
        domains = set(identifiers.words(args, "domain"))
        states = await self.api.get("/api/states")
        if not isinstance(states, list):
            raise ToolFailed(f"{NAME} answered something else than states")
        if "domain" in args:
            states = [state for state in states if domain_of(state) in domains]
        return await shown_of(states, self.sight.of_caller())


@dataclass(frozen=True, eq=False, kw_only=True)
class CallService(HomeAssistantTool):
    """``ha_call_service``.

    Attributes:
        slow_s: from when on an answer may have come too early.
    """

    slow_s: float = SLOW_S
    optional = frozenset({*identifiers.TARGET_KEYS, "target", "return_response"})

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.word(args, "domain")
        identifiers.word(args, "service")
        identifiers.service_data(args)
        if not isinstance(args.get("return_response", False), bool):
            raise ArgumentError("argument 'return_response' must be true or false")

    async def run(self, args: dict[str, Any]) -> Any:
        """Call it. The result has what changed, and says so if it may still be running."""
        domain = identifiers.word(args, "domain")
        service = identifiers.word(args, "service")
        responds = args.get("return_response", False)
        path = f"/api/services/{domain}/{service}{'?return_response' if responds else ''}"
        began = anyio.current_time()
        found = await self.api.post(path, identifiers.service_data(args), f"{domain}.{service}")
        took = anyio.current_time() - began
        result = {"result": found}
        if responds and isinstance(found, dict):
            result = {
                "result": found.get("changed_states"),
                "response": found.get("service_response"),
            }
        if took >= self.slow_s:
            result |= {"completed": "unknown", "note": SLOW_NOTE.format(took=took)}
        return result


class FireEvent(HomeAssistantTool):
    """``ha_fire_event``."""

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.event_type(args)

    async def run(self, args: dict[str, Any]) -> Any:
        """Fire it; the result is what Home Assistant says of it."""
        event = identifiers.event_type(args)
        data = {key: value for key, value in args.items() if key != "event_type"}
        return await self.api.post(f"/api/events/{event}", data, f"event {event}")


async def shown_of(states: list[Any], shows: Callable[[str], bool] | None) -> dict[str, Any]:
    """Return the result that shows those of some states that may be shown; None: all may."""
    if shows is None:
        return {"states": states}
    shown = []
    for place, state in enumerate(states):
        if place % LOOKED_AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
        if shows(entity_of(state)):
            shown.append(state)
    left_out = len(states) - len(shown)
    more = {"left_out": left_out, "note": LEFT_OUT} if left_out else {}
    return {"states": shown, **more}


def entity_of(state: Any) -> str:
    """Return the entity of a state object; "" of what is none."""
    entity = state.get("entity_id") if isinstance(state, dict) else None
    return entity if isinstance(entity, str) else ""


def domain_of(state: Any) -> str:
    """Return ``light`` of a light's state object; "" of what is none."""
    return entity_of(state).partition(".")[0]


def home_assistant_tools(
    api: Api,
    timeout_s: float,
    *,
    slow_s: float = SLOW_S,
    args_bytes_max: int | None = None,
    sight: Sight | None = None,
) -> tuple[HomeAssistantTool, ...]:
    """Make the four tools.

    Args:
        api: where they ask.
        timeout_s: how long a call may take.
        slow_s: from when on the answer to a service call may have come too early.
        args_bytes_max: bytes that the arguments of a call may have; None: as many as of others.
        sight: what those who ask may see; None: everything.
    """
    read: dict[str, Any] = {
        "effects": Effects.READ,
        "bulkhead": f"{NAME} (reads)",
        "concurrency_max": READS_MAX,
    }
    write: dict[str, Any] = {
        "effects": Effects.WRITE,
        "bulkhead": f"{NAME} (services)",
        "concurrency_max": WRITES_MAX,
    }
    every: dict[str, Any] = {
        "backend": BACKEND,
        "origin": ORIGIN,
        "api": api,
        "timeout_s": timeout_s,
        "args_bytes_max": args_bytes_max,
    }
    return (
        GetState(
            name="ha_get_state",
            description="Read the state and attributes of one entity of Home Assistant.",
            schema=schema({"entity_id": {"type": "string"}}, "entity_id"),
            **read,
            **every,
        ),
        GetStates(
            name="ha_get_states",
            description=(
                "Read the states of all entities of Home Assistant, or of those of some domains."
            ),
            schema=schema({"domain": NAME_SCHEMA}),
            sight=sight or Sight(),
            **read,
            **every,
        ),
        CallService(
            name="ha_call_service",
            description=(
                "Call a service of Home Assistant, such as light.turn_on. Name what it acts on by "
                "entity_id, device_id, area_id, floor_id or label_id, beside the service's own "
                "arguments. Returns the states that changed."
            ),
            schema=schema(
                {
                    "domain": {"type": "string"},
                    "service": {"type": "string"},
                    **TARGET_SCHEMA,
                    "target": schema(TARGET_SCHEMA),
                    "return_response": {"type": "boolean"},
                },
                "domain",
                "service",
                more=True,
            ),
            slow_s=slow_s,
            **write,
            **every,
        ),
        FireEvent(
            name="ha_fire_event",
            description="Fire an event in Home Assistant; further arguments are its data.",
            schema=schema({"event_type": {"type": "string"}}, "event_type", more=True),
            **write,
            **every,
        ),
    )


def schema(properties: Mapping[str, Any], *required: str, more: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of an object."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": more,
    }
