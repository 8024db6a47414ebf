"""The tools that do something, as the first agent-gate had them, and all tools together.

Arguments beside the names go into the body as they are. A call is checked before policy sees it:
a domain, service, entity or event type that is no plain name is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio

from agentgate_proto.records.request import Effects
from agentgate_server.errors import ArgumentError
from agentgate_server.tools.home_assistant import identifiers
from agentgate_server.tools.home_assistant.api import NAME, READS_MAX, WRITES_MAX
from agentgate_server.tools.home_assistant.base import Access, HomeAssistantTool, schema
from agentgate_server.tools.home_assistant.listing import listing_tools
from agentgate_server.tools.home_assistant.records import record_tools
from agentgate_server.tools.home_assistant.responses import response_tools
from agentgate_server.tools.home_assistant.states import state_tools

BACKEND: Final = "home_assistant"
ORIGIN: Final = "services.homeassistant"

SLOW_S: Final = 10.0
"""Until 2023 Home Assistant answered a service call after this time whether it was done or not
(``SERVICE_CALL_LIMIT``); since then when it is done. The answer looks the same."""

SLOW_NOTE: Final = (
    "Home Assistant answered after {took:.0f} s. Older versions answer after 10 s although the "
    "service still runs: look at the state before you take it for done."
)

NAME_SCHEMA: Final[Mapping[str, Any]] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}
TARGET_SCHEMA: Final = dict.fromkeys(identifiers.TARGET_KEYS, NAME_SCHEMA)


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


def home_assistant_tools(
    access: Access,
    timeout_s: float,
    *,
    slow_s: float = SLOW_S,
    args_bytes_max: int | None = None,
) -> tuple[HomeAssistantTool, ...]:
    """Make the tools.

    Args:
        access: where they ask, and what they may show.
        timeout_s: how long a call may take.
        slow_s: from when on the answer to a service call may have come too early.
        args_bytes_max: bytes that the arguments of a call may have; None: as many as of others.
    """
    every: dict[str, Any] = {
        "backend": BACKEND,
        "origin": ORIGIN,
        "access": access,
        "timeout_s": timeout_s,
        "args_bytes_max": args_bytes_max,
    }
    read: dict[str, Any] = {
        "effects": Effects.READ,
        "bulkhead": f"{NAME} (reads)",
        "concurrency_max": READS_MAX,
        **every,
    }
    write: dict[str, Any] = {
        "effects": Effects.WRITE,
        "bulkhead": f"{NAME} (services)",
        "concurrency_max": WRITES_MAX,
        **every,
    }
    return (
        *state_tools(read),
        *listing_tools(read),
        *record_tools(read),
        *response_tools(read),
        *service_tools(write, slow_s),
    )


def service_tools(write: Mapping[str, Any], slow_s: float) -> tuple[HomeAssistantTool, ...]:
    """Make the tools that do something.

    Args:
        write: what they have in common.
        slow_s: see :func:`home_assistant_tools`.
    """
    return (
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
        ),
        FireEvent(
            name="ha_fire_event",
            description="Fire an event in Home Assistant; further arguments are its data.",
            schema=schema({"event_type": {"type": "string"}}, "event_type", more=True),
            **write,
        ),
    )
