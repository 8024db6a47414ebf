"""What the stand-in for Home Assistant has recorded and planned: history, logbook, calendars,
forecasts, lists of things to do; and what it says of its services.

After the components ``history``, ``logbook``, ``calendar``, ``weather`` and ``todo``: texts of
errors, which rows of a history are whole, and that a service which is asked for a response fails
where it matches no entity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    json_response,
    text_response,
)

StateOf = Callable[[str], dict[str, Any] | None]
"""Returns the state object of an entity; None: there is none."""

RESPONDING: Final = ("calendar.get_events", "todo.get_items", "weather.get_forecasts")
"""Services that do nothing but respond."""

ENTITY: Final = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
BROKEN: Final = "500 Internal Server Error\n\nServer got itself in trouble"
"""What an error comes to that the component does not deal with."""

LOGBOOK_DAYS: Final = 1
"""How much of its logbook it tells where nobody says until when."""


@dataclass(slots=True, kw_only=True)
class Records:
    """What there is.

    Attributes:
        history: for each entity when it took which state, in order; times are RFC 3339.
        logbook: entries, in order.
        responses: what services answer, by service and entity.
        services: what is said of services, by domain and name; None: nothing.
        missing: integrations that are not set up: ``history``, ``logbook``.
        time_zone: by which the house lives.
    """

    history: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    logbook: list[dict[str, Any]] = field(default_factory=list)
    responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] | None = None
    missing: set[str] = field(default_factory=set)
    time_zone: str = "UTC"


def answer_of(
    records: Records,
    state_of: StateOf,
    services: Mapping[str, Mapping[str, str]],
    request: HttpRequest,
) -> HttpResponse | None:
    """Answer a request for what is recorded; None: it is about something else.

    Args:
        records: what there is.
        state_of: knows the entities of the house.
        services: names of services by domain, of which nothing is said.
        request: with the right token.
    """
    match (request.method, *request.segments):
        case ("GET", "api", "services"):
            told = records.services or {
                of: {name: {} for name in names} for of, names in services.items()
            }
            return json_response([{"domain": of, "services": each} for of, each in told.items()])
        case ("GET", "api", "history", "period", start) if "history" not in records.missing:
            return history_of(records, state_of, start, request.query)
        case ("GET", "api", "logbook", start) if "logbook" not in records.missing:
            return logbook_of(records, start, request.query)
        case ("POST", "api", "services", domain, service):
            name = f"{domain}.{service}"
            if name in RESPONDING and name in records.responses:
                return response_of(records, name, request)
    return None


def config_of(records: Records, version: str) -> HttpResponse:
    """Tell what the house is, and which Home Assistant it has."""
    about = {"location_name": "Home", "time_zone": records.time_zone, "version": version}
    return json_response(about)


def history_of(
    records: Records, state_of: StateOf, start: str, query: Mapping[str, str]
) -> HttpResponse:
    """Tell how entities were."""
    begin = time_of(start)
    if begin is None:
        return json_response({"message": "Invalid datetime"}, 400)
    end = time_of(query["end_time"]) if "end_time" in query else begin + timedelta(days=1)
    if end is None:
        return json_response({"message": "Invalid end_time"}, 400)
    if not query.get("filter_entity_id"):
        return json_response({"message": "filter_entity_id is missing"}, 400)
    asked = query["filter_entity_id"].strip().lower().split(",")
    if not all(ENTITY.fullmatch(name) for name in asked):
        return json_response({"message": "Invalid filter_entity_id"}, 400)
    found = []
    for name in asked:
        rows = within(records.history.get(name, []), begin, end)
        whole = state_of(name)
        if not rows or whole is None:
            continue
        states = [
            whole | {"state": state, "last_changed": at, "last_updated": at} for at, state in rows
        ]
        if "minimal_response" in query:
            short = [
                {"state": each["state"], "last_changed": each["last_changed"]} for each in states
            ]
            states = [states[0], *short[1:]]
        found.append(states)
    return json_response(found)


def within(rows: list[tuple[str, str]], begin: datetime, end: datetime) -> list[tuple[str, str]]:
    """Return the rows of a time, after the one that held when it began."""
    before = [row for row in rows if parsed(row[0]) <= begin]
    during = [row for row in rows if begin < parsed(row[0]) <= end]
    return [(begin.isoformat(), before[-1][1]), *during] if before else during


def logbook_of(records: Records, start: str, query: Mapping[str, str]) -> HttpResponse:
    """Tell what has happened."""
    begin = time_of(start)
    if begin is None:
        return json_response({"message": "Invalid datetime"}, 400)
    wanted = query["entity"].lower().split(",") if "entity" in query else None
    if not all(ENTITY.fullmatch(name) for name in wanted or ()):
        return text_response(BROKEN, 500)
    end = time_of(query["end_time"]) if "end_time" in query else begin + timedelta(LOGBOOK_DAYS)
    if end is None:
        return json_response({"message": "Invalid end_time"}, 400)
    return json_response(
        [
            row
            for row in records.logbook
            if begin <= parsed(row["when"]) <= end
            and (wanted is None or row.get("entity_id") in wanted)
        ]
    )


def response_of(records: Records, name: str, request: HttpRequest) -> HttpResponse:
    """Answer a service that responds; it must be asked to."""
    try:
        data = msgspec.json.decode(request.body)
        asked = data["entity_id"]
    except (msgspec.DecodeError, TypeError, KeyError):
        return text_response("400: Bad Request", 400)
    if "return_response" not in request.query:
        text = (
            "Service call requires responses but caller did not ask for responses. "
            "Add ?return_response to query parameters."
        )
        return json_response({"message": text}, 400)
    wanted = asked if isinstance(asked, list) else [asked]
    told = records.responses[name]
    found = {each: told[each] for each in wanted if each in told}
    if not found:
        return text_response(BROKEN, 500)
    return json_response({"changed_states": [], "service_response": found})


def time_of(text: str) -> datetime | None:
    """Read a time; one without a zone is in the house's own, which is UTC."""
    try:
        return parsed(text)
    except ValueError:
        return None


def parsed(text: str) -> datetime:
    """The same of what is known to be one."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
