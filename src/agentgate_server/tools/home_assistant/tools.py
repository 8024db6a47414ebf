"""The tools that do something, as the first agent-gate had them, and all tools together.

Arguments beside the names go into the body as they are. A call is checked before policy sees it:
a domain, service, entity or event type that is no plain name is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentgate_proto.records.request import Effects
from agentgate_server.errors import ArgumentError, ToolFailed
from agentgate_server.tools.home_assistant import identifiers
from agentgate_server.tools.home_assistant.api import NAME, READS_MAX, WRITES_MAX
from agentgate_server.tools.home_assistant.arguments import TEXT_SCHEMA
from agentgate_server.tools.home_assistant.base import Access, HomeAssistantTool, schema
from agentgate_server.tools.home_assistant.listing import listing_tools
from agentgate_server.tools.home_assistant.picturing import picture_of
from agentgate_server.tools.home_assistant.records import record_tools
from agentgate_server.tools.home_assistant.responses import response_tools
from agentgate_server.tools.home_assistant.services import NoEntity, Services
from agentgate_server.tools.home_assistant.states import no_such_entity, state_tools

BACKEND: Final = "home_assistant"
ORIGIN: Final = "services.homeassistant"

NAME_SCHEMA: Final[Mapping[str, Any]] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}
"""A name or a list of names. Of a call a person reads the arguments: a name by itself, where it is
one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CallService(HomeAssistantTool):
    """``ha_call_service``.

    Attributes:
        services: calls them.
    """

    services: Services
    optional = frozenset({*identifiers.TARGET_KEYS, "target", "return_response"})

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.word(args, "domain")
        identifiers.word(args, "service")
        identifiers.service_data(args)
        if not isinstance(args.get("return_response", False), bool):
            raise ArgumentError("argument 'return_response' must be true or false")

    def about(self, args: Mapping[str, Any]) -> str:
        """See ``Tool.about``."""
        domain, service = identifiers.word(args, "domain"), identifiers.word(args, "service")
        return picture_of(self.services.mirror, domain, service, identifiers.service_data(args))

    async def run(self, args: dict[str, Any]) -> Any:
        """Call it. The result has what changed, and says so if it may still be running."""
        domain = identifiers.word(args, "domain")
        service = identifiers.word(args, "service")
        data = identifiers.service_data(args)
        responds = args.get("return_response", False)
        try:
            return await self.services.call(domain, service, data, responds=responds)
        except NoEntity as error:
            text = await no_such_entity(self.access, error.entity)
            raise ToolFailed(f"{text}; {domain}.{service} was not called") from None


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
    services: Services,
    args_bytes_max: int | None = None,
) -> tuple[HomeAssistantTool, ...]:
    """Make the tools.

    Args:
        access: where they ask, and what they may show.
        timeout_s: how long a call may take.
        services: calls services.
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
        *service_tools(write, services),
    )


def service_tools(write: Mapping[str, Any], services: Services) -> tuple[HomeAssistantTool, ...]:
    """Make the tools that do something.

    Args:
        write: what they have in common.
        services: calls services.
    """
    return (
        CallService(
            name="ha_call_service",
            description=(
                "Call a service on entities, devices, areas, floors or labels, its own arguments "
                "beside them; returns the states that changed."
            ),
            schema=schema(
                {
                    "domain": TEXT_SCHEMA,
                    "service": TEXT_SCHEMA,
                    **dict.fromkeys(identifiers.TARGET_KEYS, NAME_SCHEMA),
                    "return_response": {"type": "boolean"},
                },
                "domain",
                "service",
                more=True,
            ),
            services=services,
            **write,
        ),
        FireEvent(
            name="ha_fire_event",
            description="Fire an event; further arguments are its data.",
            schema=schema({"event_type": TEXT_SCHEMA}, "event_type", more=True),
            **write,
        ),
    )
