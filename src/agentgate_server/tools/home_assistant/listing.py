"""Listing: the areas, floors and labels of a house, and the services that it has.

Who acts in a house has to know what it is called there. An area says how much of what is in it, as
far as that may be seen; a service says what it takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import anyio.lowlevel
import msgspec

from agentgate_server.documents.errors import did_you_mean
from agentgate_server.errors import ArgumentError, ToolFailed
from agentgate_server.policy.signature import shorten
from agentgate_server.tools.home_assistant import identifiers
from agentgate_server.tools.home_assistant.api import NAME
from agentgate_server.tools.home_assistant.arguments import TEXT_SCHEMA
from agentgate_server.tools.home_assistant.base import HomeAssistantTool, Shows, schema
from agentgate_server.tools.home_assistant.plan import Place

PLACES_MAX: Final = 500
"""Areas, and labels, of one answer; a large house has fifty."""

SERVICES_BYTES_MAX: Final = 100_000
"""Bytes of what is said of services."""

SELECTOR_BYTES_MAX: Final = 400
"""Bytes of what a field takes; of a longer list of choices only the kind is told."""

TEXT_CHARS_MAX: Final = 300


class ListAreas(HomeAssistantTool):
    """``ha_list_areas``."""

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args)

    async def run(self, args: dict[str, Any]) -> Any:
        """Return areas, floors and labels with the ids that services take."""
        plan = self.access.known_plan()
        shows = self.access.sight.of_caller()
        answer: dict[str, Any] = {
            "areas": [await described("area", each, shows) for each in plan.areas[:PLACES_MAX]]
        }
        if plan.floors:
            answer["floors"] = [
                {"floor_id": each.id, "name": each.name} for each in plan.floors[:PLACES_MAX]
            ]
        if plan.labels:
            answer["labels"] = [
                await described("label", each, shows) for each in plan.labels[:PLACES_MAX]
            ]
        more = max(len(each) for each in (plan.areas, plan.floors, plan.labels)) - PLACES_MAX
        return answer | ({"more": more} if more > 0 else {})


async def described(kind: str, place: Place, shows: Shows | None) -> dict[str, Any]:
    """Return what is told of a place: how many entities of each domain, of those that may be
    seen."""
    await anyio.lowlevel.checkpoint()
    seen = (each for each in place.entities if shows is None or shows(each))
    holds = Counter(each.partition(".")[0] for each in seen)
    row: dict[str, Any] = {f"{kind}_id": place.id, "name": place.name}
    if place.within:
        row["floor_id"] = place.within
    row["holds"] = dict(sorted(holds.items()))
    return row


class ListServices(HomeAssistantTool):
    """``ha_list_services``."""

    optional = frozenset({"domain", "service"})

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args, "domain", "service")
        for name in ("domain", "service"):
            if name in args:
                identifiers.word(args, name)
        if "service" in args and "domain" not in args:
            raise ArgumentError("argument 'service' needs 'domain': light for light.turn_on")

    async def run(self, args: dict[str, Any]) -> Any:
        """Return the names of all services, or what those of a domain take."""
        told = await self.api.get("/api/services")
        services = services_of(told)
        if "domain" not in args:
            return {"services": {domain: sorted(each) for domain, each in services.items()}}
        domain, name = args["domain"], args.get("service")
        known = services.get(domain)
        if known is None:
            near = did_you_mean(domain, services) or "; without 'domain' all are listed"
            raise ToolFailed(f"there are no services of {domain!r}{near}")
        if name is not None and name not in known:
            near = did_you_mean(name, known)
            raise ToolFailed(f"there is no service {domain}.{name}{near or what_else(known)}")
        wanted = [each for each in sorted(known) if name in (None, each)]
        return limited([service_of(f"{domain}.{each}", known[each]) for each in wanted])


def services_of(told: Any) -> dict[str, dict[str, Any]]:
    """Return what is told of services, by domain and name.

    Raises:
        ToolFailed: it is something else.
    """
    if not isinstance(told, list):
        raise ToolFailed(f"{NAME} answered something else than services")
    rows = ((row.get("domain"), row.get("services")) for row in told if isinstance(row, dict))
    return {
        domain: {name: about if isinstance(about, dict) else {} for name, about in each.items()}
        for domain, each in rows
        if isinstance(domain, str) and isinstance(each, dict)
    }


def what_else(names: Iterable[str]) -> str:
    """Say which services there are."""
    return f"; there are {', '.join(sorted(names)[:20])}"


def service_of(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a service: what it does, takes and answers."""
    row: dict[str, Any] = {"service": name}
    if isinstance(text := about.get("description"), str) and text:
        row["description"] = shorten(text, TEXT_CHARS_MAX)
    fields = dict(fields_of(about.get("fields")))
    row["fields"] = fields
    if "target" in about:
        row["target"] = True
    if isinstance(response := about.get("response"), dict):
        row["responds"] = "if asked to" if response.get("optional") else "always: return_response"
    return row


def fields_of(fields: Any) -> Sequence[tuple[str, dict[str, Any]]]:
    """Return the fields of a service; those in a section are like others to whoever calls it."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, about in fields.items() if isinstance(fields, dict) else ():
        if not isinstance(about, dict):
            continue
        if isinstance(inner := about.get("fields"), dict):
            found += [
                (each, field_of(told)) for each, told in inner.items() if isinstance(told, dict)
            ]
        else:
            found.append((name, field_of(about)))
    return found


def field_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a field."""
    row: dict[str, Any] = {}
    if about.get("required") is True:
        row["required"] = True
    if isinstance(text := about.get("description"), str) and text:
        row["description"] = shorten(text, TEXT_CHARS_MAX)
    if isinstance(selector := about.get("selector"), dict):
        is_short = len(msgspec.json.encode(selector)) <= SELECTOR_BYTES_MAX
        row["takes"] = selector if is_short else ", ".join(map(str, selector))
    if "example" in about:
        row["example"] = about["example"]
    return row


def limited(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a result whose services are as many as it may hold, and the names of the others."""
    size = 0
    kept: list[dict[str, Any]] = []
    for row in rows:
        size += len(msgspec.json.encode(row))
        if kept and size > SERVICES_BYTES_MAX:
            break
        kept.append(row)
    others = [row["service"] for row in rows[len(kept) :]]
    more = {"more": others, "note": "ask for one of 'more' by 'service'"} if others else {}
    return {"services": kept, **more}


def listing_tools(read: Mapping[str, Any]) -> tuple[HomeAssistantTool, ...]:
    """Make the two tools.

    Args:
        read: what they have in common with others that read.
    """
    return (
        ListAreas(
            name="ha_list_areas",
            description="Areas, floors and labels: ids, names, and what they hold.",
            schema=schema({}),
            **read,
        ),
        ListServices(
            name="ha_list_services",
            description="Names of all services, or what those of a domain take.",
            schema=schema({"domain": TEXT_SCHEMA, "service": TEXT_SCHEMA}),
            **read,
        ),
    )
