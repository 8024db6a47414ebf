"""Records: what entities were, and what has happened, as Home Assistant's recorder has it.

Only what a person would tell is passed on: when, and what. The newest is what is asked for, so of
too much the oldest is left out, and its number told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from agentgate_server.errors import ArgumentError, ToolFailed
from agentgate_server.tools.home_assistant import arguments, identifiers
from agentgate_server.tools.home_assistant.api import NAME, NotFound, TooLarge
from agentgate_server.tools.home_assistant.base import (
    HomeAssistantTool,
    Shows,
    entity_of,
    schema,
    visible,
)
from agentgate_server.tools.home_assistant.mentions import hidden_names, tellable
from agentgate_server.tools.home_assistant.states import (
    all_states,
    attribute,
    name_of,
    no_such_entity,
)
from agentgate_server.tools.home_assistant.windows import (
    NAMES,
    WINDOW_SCHEMA,
    Window,
    told,
    window_of,
)

HOURS: Final = 24.0
"""How far back it goes where nobody says."""

ENTITIES_MAX: Final = 20
"""Entities of one call."""

LIMIT: Final = 100
"""Rows where nobody says how many: of each entity, or of the logbook."""

ROWS_MAX: Final = 3_000
"""Rows of one answer, of all entities together: some 200 KB."""

MESSAGE_CHARS_MAX: Final = 500

ANSWER_BYTES_MAX: Final = 4_000_000
"""Of what is asked of the recorder: some 50,000 states."""

EARLIER: Final = (
    "'earlier' says how many older ones are left out: ask for a shorter time, or with a larger "
    "'limit'"
)
UNTOLD: Final = "what the policy denies ha_get_state of is not told"
NOTHING: Final = "of those in 'nothing' nothing is recorded in this time"


class RecordsTool(HomeAssistantTool):
    """What both have in common."""

    optional = frozenset({"entity_id", *NAMES, "limit"})

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args, "entity_id", *NAMES, "limit")
        asked = arguments.entities(args)
        if len(asked) > ENTITIES_MAX:
            raise ArgumentError(
                f"argument 'entity_id' names {len(asked)}, and may at most {ENTITIES_MAX}"
            )
        self.window(args)
        arguments.whole(args, "limit", LIMIT, 1, ROWS_MAX)

    def window(self, args: Mapping[str, Any]) -> Window:
        """Return what time is asked for."""
        return window_of(args, self.access.utc(), HOURS)

    async def records(self, kind: str, window: Window, **query: str) -> Any:
        """Ask for records of a time.

        Raises:
            NotStarted, EffectUnknown, ToolFailed: see :mod:`api`.
        """
        start, end = (time.isoformat() for time in (window.start, window.end))
        found = urlencode({"end_time": end, **query})
        path = f"/api/{kind}/{start.replace('+', '%2B')}?{found}"
        try:
            return await self.api.get(path, bytes_max=ANSWER_BYTES_MAX)
        except TooLarge:
            raise ToolFailed(
                f"{NAME} has recorded more than {ANSWER_BYTES_MAX:,} bytes in this time: ask for a "
                "shorter one, or for fewer entities"
            ) from None
        except NotFound:
            what = kind.partition("/")[0]
            raise ToolFailed(
                f"{NAME} tells no {what}: its integration '{what}', a part of default_config, is "
                "not set up"
            ) from None


class GetHistory(RecordsTool):
    """``ha_get_history``."""

    optional = RecordsTool.optional - {"entity_id"}

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        if "entity_id" not in args:
            raise ArgumentError(
                "missing argument 'entity_id': an entity such as sensor.temp, or a list of such"
            )
        super().check(args)

    async def run(self, args: dict[str, Any]) -> Any:
        """Return how each entity was, and when that changed."""
        asked = arguments.entities(args)
        zone = await self.access.zone()
        window = self.window(args).within(zone)
        found = await self.records(
            "history/period",
            window,
            filter_entity_id=",".join(asked),
            minimal_response="1",
        )
        if not isinstance(found, list):
            raise ToolFailed(f"{NAME} answered something else than a history")
        limit = arguments.whole(args, "limit", LIMIT, 1, ROWS_MAX)
        limit = min(limit, ROWS_MAX // len(asked))
        rows = await self.api.aside(histories_of, found, limit, zone)
        by_entity = {row["entity_id"]: row for row in rows if row["entity_id"] in asked}
        answer: dict[str, Any] = {
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "entities": [by_entity[each] for each in asked if each in by_entity],
        }
        notes = [EARLIER] if any("earlier" in row for row in by_entity.values()) else []
        if nothing := [each for each in asked if each not in by_entity]:
            there = {entity_of(state) for state in await all_states(self.access)}
            for each in nothing:
                if each not in there:
                    raise ToolFailed(await no_such_entity(self.access, each))
            answer["nothing"] = nothing
            notes.append(NOTHING)
        return answer | ({"note": "; ".join(notes)} if notes else {})


def histories_of(found: list[Any], limit: int, zone: tzinfo | None) -> list[dict[str, Any]]:
    """Return what is told of each entity, see :func:`history_of`."""
    return [history_of(states, limit, zone) for states in found if isinstance(states, list)]


def history_of(states: list[Any], limit: int, zone: tzinfo | None) -> dict[str, Any]:
    """Return what is told of one entity: at most so many of its newest states, and of numbers the
    range of all. Of a minimal answer only the first and the last row tell whose they are."""
    rows = [state for state in states if isinstance(state, dict)]
    changes: list[dict[str, Any]] = []
    for state in rows:
        if not changes or changes[-1]["state"] != state.get("state"):
            changes.append({"at": state.get("last_changed"), "state": state.get("state")})
    whole = rows[0] if rows else {}
    row: dict[str, Any] = {"entity_id": entity_of(whole)}
    row |= {"name": name} if (name := name_of(whole)) else {}
    row |= {"unit": unit} if (unit := attribute(whole, "unit_of_measurement")) else {}
    if numbers := [number for each in changes if (number := number_of(each["state"])) is not None]:
        row |= {"lowest": min(numbers), "highest": max(numbers)}
    if len(changes) > limit:
        row["earlier"] = len(changes) - limit
    row["changes"] = [each | {"at": told(each["at"], zone)} for each in changes[-limit:]]
    return row


def number_of(state: Any) -> float | None:
    """Return the number that a state is, or None."""
    try:
        number = float(state)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


class GetLogbook(RecordsTool):
    """``ha_get_logbook``."""

    async def run(self, args: dict[str, Any]) -> Any:
        """Return what has happened, the oldest first."""
        asked = arguments.entities(args)
        zone = await self.access.zone()
        window = self.window(args).within(zone)
        query = {"entity": ",".join(asked)} if asked else {}
        found = await self.records("logbook", window, **query)
        if not isinstance(found, list):
            raise ToolFailed(f"{NAME} answered something else than a logbook")
        shows = self.access.sight.of_caller()
        rows = [row for row in found if isinstance(row, dict)]
        named = await visible([row for row in rows if entity_of(row)], shows)
        kept = {id(row) for row in named}
        seen = [row for row in rows if id(row) in kept or not entity_of(row)]
        entries = seen
        if shows is not None and seen:
            hidden = await hidden_names(await all_states(self.access), shows)
            entries = await tellable(seen, shows, hidden)
        limit = arguments.whole(args, "limit", LIMIT, 1, ROWS_MAX)
        answer: dict[str, Any] = {
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "entries": [entry_of(row, shows, zone) for row in entries[-limit:]],
        }
        notes = [] if shows is None or asked else [UNTOLD]
        if len(entries) > limit:
            answer["earlier"] = len(entries) - limit
            notes.append(EARLIER)
        return answer | ({"note": "; ".join(notes)} if notes else {})


def entry_of(row: Mapping[str, Any], shows: Shows | None, zone: tzinfo | None) -> dict[str, Any]:
    """Return what a person would tell of an entry, and what has done it, if that may be seen."""
    entry: dict[str, Any] = {"at": told(row.get("when"), zone)}
    for key in ("entity_id", "domain", "name", "state", "message"):
        value = row.get(key)
        if isinstance(value, str) and value and not (key == "domain" and "entity_id" in entry):
            entry[key] = value[:MESSAGE_CHARS_MAX]
    source = row.get("context_entity_id")
    name = row.get("context_name") or row.get("context_entity_id_name")
    if isinstance(source, str) and isinstance(name, str) and (shows is None or shows(source)):
        entry["by"] = name[:MESSAGE_CHARS_MAX]
    return entry


RECORDS_SCHEMA: Final = {
    "entity_id": arguments.NAMES_SCHEMA,
    **WINDOW_SCHEMA,
    "limit": arguments.LIMIT_SCHEMA,
}


def record_tools(read: Mapping[str, Any]) -> tuple[HomeAssistantTool, ...]:
    """Make the two tools.

    Args:
        read: what they have in common with others that read.
    """
    return (
        GetHistory(
            name="ha_get_history",
            description="How entities were and when that changed; the last 24 hours unless said.",
            schema=schema(RECORDS_SCHEMA, "entity_id"),
            **read,
        ),
        GetLogbook(
            name="ha_get_logbook",
            description="What has happened at home, or to entities; the last 24 hours unless said.",
            schema=schema(RECORDS_SCHEMA),
            **read,
        ),
    )
