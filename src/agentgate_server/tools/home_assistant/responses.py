"""Responses: calendars, forecasts and lists of things to do, by services that only answer.

``calendar.get_events``, ``weather.get_forecasts`` and ``todo.get_items`` change nothing, so these
are reads: they may run again, and have the connections of reads. What else their domains do goes
through ``ha_call_service``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from agentgate_server.errors import ArgumentError, ToolFailed
from agentgate_server.policy.signature import shorten
from agentgate_server.tools.home_assistant import arguments, identifiers
from agentgate_server.tools.home_assistant.api import NAME, NotFound
from agentgate_server.tools.home_assistant.base import HomeAssistantTool, entity_of, schema
from agentgate_server.tools.home_assistant.states import all_states, no_such_entity
from agentgate_server.tools.home_assistant.windows import NAMES, WINDOW_SCHEMA, window_of

ENTITIES_MAX: Final = 20
"""Entities of one call."""

LIMIT: Final = 50
"""Events, items, or hours and days of a forecast, where nobody says how many."""

LIMIT_MAX: Final = 500
TEXT_CHARS_MAX: Final = 1_000
"""Of one text, such as an invitation with all its small print; its middle is left out."""

CALENDAR_HOURS: Final = 24.0 * 7
"""How far a look at a calendar goes where nobody says."""

FORECASTS: Final = {"daily": 1, "hourly": 2, "twice_daily": 4}
"""Kinds of forecasts, each with its bit in ``supported_features`` (``WeatherEntityFeature``)."""

STATUSES: Final = ("needs_action", "completed")
MORE: Final = "'more' says how many further ones there are: ask for less, or with a larger 'limit'"


class ResponseTool(HomeAssistantTool):
    """What the three have in common: they name entities of one domain.

    Attributes:
        domain: whose entities they are.
        service: what answers.
        example: an entity, for errors.
        further: the arguments besides ``entity_id`` and ``limit``.
    """

    domain: ClassVar[str]
    service: ClassVar[str]
    example: ClassVar[str]
    further: ClassVar[tuple[str, ...]] = ()

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args, "entity_id", *self.further, "limit")
        if "entity_id" not in args:
            raise ArgumentError(
                f"missing argument 'entity_id': such as {self.example}, or a list of such; "
                f"ha_get_states with domain={self.domain} lists those that there are"
            )
        asked = arguments.entities(args)
        if len(asked) > ENTITIES_MAX:
            raise ArgumentError(
                f"argument 'entity_id' names {len(asked)}, and may at most {ENTITIES_MAX}"
            )
        for entity in asked:
            if not entity.startswith(f"{self.domain}."):
                raise ArgumentError(
                    f"argument 'entity_id' must be such as {self.example}, found {entity!r}"
                )
        arguments.whole(args, "limit", LIMIT, 1, LIMIT_MAX)
        self.data_of(args)

    def data_of(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the service is told, besides entities.

        Raises:
            ArgumentError: an argument does not fit.
        """
        return {}

    async def responses(self, args: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Return what is answered of each entity.

        Raises:
            NotStarted, EffectUnknown, ToolFailed: see :mod:`api`; or there is no such entity.
        """
        asked = arguments.entities(args)
        name = f"{self.domain}.{self.service}"
        try:
            told = await self.api.respond(
                self.domain, self.service, {"entity_id": asked, **self.data_of(args)}
            )
        except ToolFailed:
            await self.expect_all(asked)
            raise
        found = [(each, told.get(each)) for each in asked]
        if not all(isinstance(response, dict) for _, response in found):
            await self.expect_all(asked)
            raise ToolFailed(f"{NAME} answered {name} with something else than what was asked for")
        return [(each, response) for each, response in found if response is not None]

    async def expect_all(self, asked: list[str]) -> None:
        """Expect that there are entities: of those that there are not nothing is answered.

        Raises:
            ToolFailed: there is one not.
        """
        there = {entity_of(state) for state in await all_states(self.access)}
        for entity in asked:
            if entity not in there:
                raise ToolFailed(await no_such_entity(self.access, entity))

    def limited(self, key: str, rows: list[dict[str, Any]], args: Mapping[str, Any]) -> Any:
        """Return a result with as many rows as are asked for."""
        limit = arguments.whole(args, "limit", LIMIT, 1, LIMIT_MAX)
        more = {"more": len(rows) - limit, "note": MORE} if len(rows) > limit else {}
        return {key: rows[:limit], **more}


class GetCalendar(ResponseTool):
    """``ha_get_calendar``."""

    domain = "calendar"
    service = "get_events"
    example = "calendar.family"
    further = NAMES
    optional = frozenset({*NAMES, "limit"})

    def data_of(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Tell the time; one without a zone is taken for the house's own."""
        window = window_of(args, self.access.utc(), CALENDAR_HOURS, ahead=True)
        return {
            "start_date_time": window.start.isoformat(),
            "end_date_time": window.end.isoformat(),
        }

    async def run(self, args: dict[str, Any]) -> Any:
        """Return the events of all calendars, by their start."""
        found = await self.responses(args)
        rows = [
            {"calendar": calendar, **event}
            for calendar, response in found
            for event in rows_of(response, "events")
        ]
        return self.limited("events", sorted(rows, key=lambda row: str(row.get("start"))), args)


class GetForecast(ResponseTool):
    """``ha_get_forecast``."""

    domain = "weather"
    service = "get_forecasts"
    example = "weather.home"
    further = ("type",)
    optional = frozenset({"type", "limit"})

    def data_of(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Tell of what kind."""
        kind = args.get("type", "daily")
        if not isinstance(kind, str) or kind not in FORECASTS:
            raise ArgumentError(f"argument 'type' must be one of {', '.join(FORECASTS)}")
        return {"type": kind}

    async def run(self, args: dict[str, Any]) -> Any:
        """Return the forecasts, with the units of their numbers."""
        units = {each: await self.units_of(each, args) for each in arguments.entities(args)}
        limit = arguments.whole(args, "limit", LIMIT, 1, LIMIT_MAX)
        forecasts: list[dict[str, Any]] = [
            {"entity_id": each, "units": units[each], "forecast": rows_of(response, "forecast")}
            for each, response in await self.responses(args)
        ]
        more = max(0, *(len(row["forecast"]) - limit for row in forecasts))
        cut = [row | {"forecast": row["forecast"][:limit]} for row in forecasts]
        return {"forecasts": cut, **({"more": more, "note": MORE} if more else {})}

    async def units_of(self, entity: str, args: Mapping[str, Any]) -> dict[str, str]:
        """Return in what units an entity tells the weather.

        Raises:
            NotStarted, EffectUnknown, ToolFailed: see :mod:`api`; or there is no such entity, or it
                has no such forecast.
        """
        try:
            state = await self.api.get(f"/api/states/{entity}")
        except NotFound:
            raise ToolFailed(await no_such_entity(self.access, entity)) from None
        attributes = state.get("attributes") if isinstance(state, dict) else None
        attributes = attributes if isinstance(attributes, dict) else {}
        kind = self.data_of(args)["type"]
        able = attributes.get("supported_features")
        if isinstance(able, int) and not able & FORECASTS[kind]:
            has = ", ".join(name for name, bit in FORECASTS.items() if able & bit)
            raise ToolFailed(f"{entity} has no {kind} forecast; it has {has or 'none at all'}")
        return {
            name.removesuffix("_unit"): value
            for name, value in attributes.items()
            if name.endswith("_unit") and isinstance(value, str)
        }


class GetTodo(ResponseTool):
    """``ha_get_todo``."""

    domain = "todo"
    service = "get_items"
    example = "todo.shopping_list"
    further = ("status",)
    optional = frozenset({"status", "limit"})

    def data_of(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Tell which items."""
        found = arguments.listed(args, "status") or [STATUSES[0]]
        if not all(status in STATUSES for status in found):
            raise ArgumentError(f"argument 'status' must be {' or '.join(STATUSES)}, or both")
        return {"status": found}

    async def run(self, args: dict[str, Any]) -> Any:
        """Return the items of all lists."""
        found = await self.responses(args)
        rows = [{"list": each, **item} for each, told in found for item in rows_of(told, "items")]
        return self.limited("items", rows, args)


def rows_of(response: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the rows of a response, without what is empty; of books only beginning and end."""
    rows = response.get(key)
    return [dict(told_of(row)) for row in rows or () if isinstance(row, dict)]


def told_of(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a row says."""
    for key, value in row.items():
        if isinstance(value, str):
            if value:
                yield key, shorten(value, TEXT_CHARS_MAX)
        elif value is not None:
            yield key, value


def response_tools(read: Mapping[str, Any]) -> tuple[HomeAssistantTool, ...]:
    """Make the three tools.

    Args:
        read: what they have in common with others that read.
    """
    named, limit = {"entity_id": arguments.NAMES_SCHEMA}, {"limit": arguments.LIMIT_SCHEMA}
    return (
        GetCalendar(
            name="ha_get_calendar",
            description="Events of calendars; the next 7 days unless said.",
            schema=schema({**named, **WINDOW_SCHEMA, **limit}, "entity_id"),
            **read,
        ),
        GetForecast(
            name="ha_get_forecast",
            description="Forecasts of the weather; daily unless said.",
            schema=schema({**named, "type": {"enum": [*FORECASTS]}, **limit}, "entity_id"),
            **read,
        ),
        GetTodo(
            name="ha_get_todo",
            description=f"What is on todo lists; {STATUSES[0]} unless said.",
            schema=schema(
                {**named, "status": {"type": "array", "items": {"enum": [*STATUSES]}}, **limit},
                "entity_id",
            ),
            **read,
        ),
    )
