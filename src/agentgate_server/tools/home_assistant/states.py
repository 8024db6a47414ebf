"""States: one entity whole, or those of a house in short, a page at a time.

A house has hundreds of entities, and a state object half a kilobyte: whole, they fill the memory
of a model for nothing. So a row says what a person would: what it is called, where it is, how it
is. What the policy denies to be read one by one is in no list; it is left out before anybody can
ask by its name or state, since a filter that counts would tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from agentgate_server.errors import ToolFailed
from agentgate_server.tools.home_assistant import arguments, identifiers
from agentgate_server.tools.home_assistant.api import NAME, NotFound
from agentgate_server.tools.home_assistant.base import (
    Access,
    HomeAssistantTool,
    domain_of,
    entity_of,
    schema,
    visible,
)
from agentgate_server.tools.home_assistant.nearness import NEAR_MAX, near
from agentgate_server.tools.home_assistant.plan import NoSuchPlace

PLACES: Final = ("area", "floor", "label")
"""Arguments that name places."""

LIMIT: Final = 100
"""Rows of a page where nobody says how many: some 10 KB, or 3,000 tokens of a model."""

LIMIT_MAX: Final = 1_000
"""Rows of a page at most."""

PAGE_BYTES_MAX: Final = 200_000
"""Bytes of a page; its last row may exceed it. Beyond, a model sees little else."""

FEW: Final = 8
"""Entities of a domain that an error lists whole, where none is near to what was asked for."""

LEFT_OUT: Final = "some are left out: the policy denies ha_get_state of them"
NO_AREAS: Final = "the areas are not known at present"
NARROW: Final = (
    "there are more: ask again with 'after' as in 'next', or for less by domain, area, floor, "
    "label, name or state"
)


class GetState(HomeAssistantTool):
    """``ha_get_state``."""

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args, "entity_id")
        identifiers.entity(args)

    async def run(self, args: dict[str, Any]) -> Any:
        """Return the state object."""
        entity = identifiers.entity(args)
        try:
            return await self.api.get(f"/api/states/{entity}")
        except NotFound:
            raise ToolFailed(await no_such_entity(self.access, entity)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which states are asked for.

    Attributes:
        entities: only these, where there are any.
        domains: only of these, where there are any.
        within: only what is there; None: anywhere.
        words: each stands in the name or the id.
        states: only in one of these, where there are any; in small letters.
    """

    entities: Collection[str] = ()
    domains: Collection[str] = ()
    within: Collection[str] | None = None
    words: Collection[str] = ()
    states: Collection[str] = ()

    def place(self, state: Any) -> bool:
        """Whether a state is where and of what is asked for."""
        entity = entity_of(state)
        if self.entities and entity not in self.entities:
            return False
        if self.domains and domain_of(state) not in self.domains:
            return False
        return self.within is None or entity in self.within

    def looks(self, state: Any) -> bool:
        """Whether a state looks as what is asked for: only for eyes that may see it."""
        if self.states and str(state.get("state", "")).casefold() not in self.states:
            return False
        if not self.words:
            return True
        text = f"{name_of(state)} {entity_of(state)}".casefold()
        return all(word in text for word in self.words)


class GetStates(HomeAssistantTool):
    """``ha_get_states``."""

    optional = frozenset(
        {"entity_id", "domain", *PLACES, "name", "state", "full", "limit", "after"}
    )

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``."""
        identifiers.only(args, *STATES_SCHEMA["properties"])
        list(identifiers.words(args, "domain"))
        arguments.entities(args)
        for place in PLACES:
            arguments.texts(args, place, f"the id or name of {a(place)}, or a list of such")
        arguments.text(args, "name", "a part of a name")
        arguments.text(args, "after", "what 'next' of the last page says")
        arguments.texts(args, "state", "a state such as on, or a list of such")
        arguments.flag(args, "full")
        arguments.whole(args, "limit", LIMIT, 1, LIMIT_MAX)

    async def run(self, args: dict[str, Any]) -> Any:
        """Return a page of what is asked for, sorted by id."""
        filters = self.filters_of(args)
        everything = await all_states(self.access)
        placed = [state for state in everything if filters.place(state)]
        shows = self.access.sight.of_caller()
        seen = await visible(placed, shows)
        found = sorted(filter(filters.looks, seen), key=entity_of)
        full = arguments.flag(args, "full", bool(filters.entities))
        limit = arguments.whole(args, "limit", LIMIT, 1, LIMIT_MAX)
        answer = self.page(found, args.get("after", ""), full, limit)
        notes = [answer.pop("note")] if "note" in answer else []
        if left_out := len(placed) - len(seen):
            answer["left_out"] = left_out
            notes.append(LEFT_OUT)
        if missing := missing_of(filters.entities, everything, shows):
            answer["missing"] = missing
            notes.append("there is no entity of the names in 'missing'")
        if not full and self.access.plan() is None:
            notes.append(NO_AREAS)
        return answer | ({"note": "; ".join(notes)} if notes else {})

    def filters_of(self, args: Mapping[str, Any]) -> Filters:
        """Read what is asked for.

        Raises:
            ToolFailed: there is no such place, or it is not known what is in it.
        """
        within: frozenset[str] | None = None
        try:
            for kind in PLACES:
                if kind in args:
                    names = arguments.texts(args, kind, "")
                    held = self.access.known_plan().within(kind, names)
                    within = held if within is None else within & held
        except NoSuchPlace as error:
            raise ToolFailed(f"{error} (ha_list_areas lists them)") from None
        words = arguments.text(args, "name", "").casefold().split()
        states = [each.casefold() for each in arguments.texts(args, "state", "")]
        return Filters(
            entities=arguments.entities(args),
            domains=frozenset(identifiers.words(args, "domain")),
            within=within,
            words=words,
            states=states,
        )

    def page(self, found: list[Any], after: str, full: bool, limit: int) -> dict[str, Any]:
        """Return the rows that come after an id, as many as a page takes."""
        rows: list[Any] = []
        size, rest = 0, [state for state in found if entity_of(state) > after]
        plan = self.access.plan()
        areas = {} if plan is None else plan.area_of
        for state in rest[:limit]:
            row = state if full else in_short(state, areas)
            size += len(msgspec.json.encode(row))
            if rows and size > PAGE_BYTES_MAX:
                break
            rows.append(row)
        answer: dict[str, Any] = {"states": rows}
        if more := len(rest) - len(rows):
            answer |= {"total": len(found), "more": more, "next": {"after": entity_of(rows[-1])}}
            answer |= {"domains": dict(Counter(map(domain_of, found)).most_common())}
            answer |= {"note": NARROW}
        return answer


async def all_states(access: Access) -> list[Any]:
    """Return all state objects.

    Raises:
        NotStarted, EffectUnknown, ToolFailed: see :mod:`api`.
    """
    states = await access.api.get("/api/states")
    if not isinstance(states, list):
        raise ToolFailed(f"{NAME} answered something else than states")
    return [state for state in states if entity_of(state)]


def in_short(state: Mapping[str, Any], areas: Mapping[str, str]) -> dict[str, Any]:
    """Return what a person would say of a state."""
    entity = entity_of(state)
    row: dict[str, Any] = {"entity_id": entity}
    if name := name_of(state):
        row["name"] = name
    if area := areas.get(entity):
        row["area"] = area
    row["state"] = state.get("state")
    if unit := attribute(state, "unit_of_measurement"):
        row["unit"] = unit
    return row


def name_of(state: Mapping[str, Any]) -> str:
    """Return what people call an entity, or ""."""
    return attribute(state, "friendly_name")


def attribute(state: Mapping[str, Any], name: str) -> str:
    """Return an attribute that is a text; "": there is none."""
    attributes = state.get("attributes")
    value = attributes.get(name) if isinstance(attributes, dict) else None
    return value if isinstance(value, str) else ""


def missing_of(asked: Iterable[str], states: Iterable[Any], shows: Any) -> list[str]:
    """Return the entities that there are not; of those that may not be seen nothing is said."""
    there = {entity_of(state) for state in states}
    return [each for each in asked if each not in there and (shows is None or shows(each))]


async def no_such_entity(access: Access, entity: str) -> str:
    """Say that there is no entity of a name, and which is meant, of those that may be seen.

    Raises:
        NotStarted, EffectUnknown, ToolFailed: see :mod:`api`.
    """
    domain, _, name = entity.partition(".")
    known = [entity_of(state).partition(".") for state in await all_states(access)]
    names = [each for of, _, each in known if of == domain]
    meant = [f"{domain}.{each}" for each in await near(name, names)]
    meant += [f"{of}.{name}" for of, _, each in known if each == name]
    shows = access.sight.of_caller()
    seen = [each for each in dict.fromkeys(meant) if shows is None or shows(each)][:NEAR_MAX]
    listed = "ha_get_states lists them, also by domain or name"
    if seen:
        return f"there is no entity {entity}; did you mean {' or '.join(seen)}? {listed}"
    others = [f"{domain}.{each}" for each in sorted(names)]
    few = [each for each in others if shows is None or shows(each)] if len(others) <= FEW else []
    there = f"of {domain} there are {', '.join(few)}; " if few else ""
    return f"there is no entity {entity}; {there}{listed}"


def a(word: str) -> str:
    """Return a word with its article."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


STATES_SCHEMA: Final = schema(
    {
        **dict.fromkeys(
            ("entity_id", "domain", "area", "floor", "label", "state"), arguments.NAMES_SCHEMA
        ),
        "name": {"type": "string", "description": "words of a name or id"},
        "full": {"type": "boolean", "description": "with attributes"},
        "limit": arguments.LIMIT_SCHEMA,
        "after": arguments.TEXT_SCHEMA,
    }
)


def state_tools(read: Mapping[str, Any]) -> tuple[HomeAssistantTool, ...]:
    """Make the two tools.

    Args:
        read: what they have in common with others that read.
    """
    return (
        GetState(
            name="ha_get_state",
            description="State and attributes of one entity of Home Assistant.",
            schema=schema({"entity_id": arguments.TEXT_SCHEMA}, "entity_id"),
            **read,
        ),
        GetStates(
            name="ha_get_states",
            description=(
                "Entities that fit all arguments, with name, area (by id or name, as floor and "
                f"label) and state; {LIMIT} unless said, the next by 'after'."
            ),
            schema=STATES_SCHEMA,
            **read,
        ),
    )
