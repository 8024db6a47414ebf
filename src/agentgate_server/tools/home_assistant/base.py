"""What the tools have in common: where they ask, whom they may show what, how they are checked."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, ClassVar

import anyio
import anyio.lowlevel

from agentgate_server.backends.circuit_breaker import CircuitBreaker
from agentgate_server.errors import ToolFailed
from agentgate_server.tools.home_assistant.api import NAME, Api
from agentgate_server.tools.home_assistant.plan import Plan
from agentgate_server.tools.tool import AsyncTool

LOOKED_AT_ONCE = 10
"""States that are looked at before others get their turn: a millisecond if all are new."""

Shows = Callable[[str], bool]
"""Whether an entity may be shown to whoever asks."""


def everything() -> None:
    """Whoever asks may see all."""


def unknown() -> None:
    """Nothing is known of the house."""


@dataclass(slots=True)
class Sight:
    """What those who ask may see of the house.

    Attributes:
        of_caller: returns what says whether an entity may be shown to whoever has asked for the
            running tool; None: all may. Whoever knows the policy puts its own here.
    """

    of_caller: Callable[[], Shows | None] = everything


@dataclass(frozen=True, kw_only=True)
class Access:
    """What the tools are given of a house.

    Attributes:
        api: where they ask.
        sight: what those who ask may see.
        plan: returns the areas, floors and labels; None while they are not known.
        zone: returns the zone of the house, see :class:`zone.Zone`.
        utc: UTC seconds since 1970.
    """

    api: Api
    sight: Sight
    zone: Callable[[], Awaitable[tzinfo | None]]
    plan: Callable[[], Plan | None] = unknown
    utc: Callable[[], float] = time.time

    def known_plan(self) -> Plan:
        """Return the areas, floors and labels.

        Raises:
            ToolFailed: they are not known.
        """
        plan = self.plan()
        if plan is None:
            raise ToolFailed(
                f"the areas, floors and labels of {NAME} are not known at present: ask without "
                "them, or again in a minute. If it stays so, /health of the gateway and its log "
                "say why"
            )
        return plan


@dataclass(frozen=True, eq=False, kw_only=True)
class HomeAssistantTool(AsyncTool):
    """What all have in common.

    Attributes:
        access: where they ask, and what they may show.
        optional: what may be left out, which null does too. What else there is goes to the service,
            which may have its own meaning for null.
    """

    access: Access
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
    def api(self) -> Api:
        """Where it asks."""
        return self.access.api

    @property
    def circuits(self) -> tuple[CircuitBreaker, ...]:
        """See ``Tool.circuits``."""
        return self.api.reads.circuit, self.api.writes.circuit


async def visible(rows: list[Any], shows: Shows | None) -> list[Any]:
    """Return those of some rows, each about an ``entity_id``, that may be shown."""
    if shows is None:
        return rows
    shown = []
    for place, row in enumerate(rows):
        if place % LOOKED_AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
        if shows(entity_of(row)):
            shown.append(row)
    return shown


def entity_of(row: Any) -> str:
    """Return the entity that a row is about; "" of what is about none."""
    entity = row.get("entity_id") if isinstance(row, dict) else None
    return entity if isinstance(entity, str) else ""


def domain_of(row: Any) -> str:
    """Return ``light`` of a light's state object; "" of what is none."""
    return entity_of(row).partition(".")[0]


def schema(properties: Mapping[str, Any], *required: str, more: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of an object, and of what goes without saying nothing: a model reads
    it before each of its answers.

    Args:
        properties: each argument's schema.
        required: those that must be there.
        more: there may be others.
    """
    found: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if required:
        found["required"] = list(required)
    return found if more else {**found, "additionalProperties": False}
