"""Readings: all that one request may be taken for.

A deny or ask rule matches if it matches any reading, an allow rule only if it matches all of them.
A reading has the parts of a signature, each with the texts that may stand there, and fields for
the conditions of rules. There are four kinds:

- *named*: what the request says.
- *derived*: what that comes to: ``homeassistant.turn_off`` on ``lock.front`` is some service of
  ``lock``, an area is the entities in it.
- *behind*: what a group, scene, script or command does that the request only names, as far as
  that is known, what a text mentions in passing, and what a tool may take it for besides. Only
  deny and ask rules look behind: who allows a scene allows what is in it.
- *doubtful*: what it may come to because something in it cannot be resolved.

Nearly all requests have one reading of plain texts, which is found without looking any deeper.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from agentgate_server.policy.entities import Found, domain_of, find_entities
from agentgate_server.policy.leaves import Forms, Leaves, is_number, leaves_of, plain_form
from agentgate_server.policy.meanings import forms_of, received
from agentgate_server.policy.naming import (
    ENTITY_KEYS,
    HOLDERS,
    HOME_ASSISTANT_PREFIX,
    NAMINGS,
    RUNNERS,
    Naming,
    Resolver,
    names_entities,
    naming_for,
)
from agentgate_server.policy.signature import show, signature_of
from agentgate_server.policy.spelling import fold, is_plain, squeeze

TEXT_CHARS_MAX = 8_192
"""One text. Of a longer one only the beginning is known to patterns."""

READING_CHARS_MAX = 20_000
"""All texts of a request, which each pattern goes through letter by letter: one or two
milliseconds. A longer request may mean anything."""

REREAD_CHARS_MAX = 8_192
"""Of what a tool may take one text for besides; patterns take the rest for anything."""

READINGS_MAX = 100
"""Readings of one request: it names things of as many domains. A request with more may mean
anything; a house has some thirty."""


class Unknown(Enum):
    """What stands for a piece of text that is not known, if something is known of it."""

    WORD = "word"
    """A domain or a service: letters, digits and underscores."""


Text = str | tuple[str | Unknown | None, ...]
"""A text, or its pieces in order, with None or an ``Unknown`` for what is not known."""

Part = tuple[Text, ...]
"""The texts that may stand in one place of a signature."""

ANY_PART: Part = ((None,),)
PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]*")
PLAIN_ENTITY = re.compile(r"([a-z][a-z0-9_]*)\.[a-z0-9_]+")
PLAIN_INTEGER_MAX = 10**15
PLAIN_NAMES = frozenset({"domain", "service", "target"}) | ENTITY_KEYS
NAME_FIELDS = ("domain", "service", "entity_id")


class Kind(Enum):
    """How a reading follows from the request."""

    NAMED = "named"
    DERIVED = "derived"
    BEHIND = "behind"
    DOUBTFUL = "doubtful"


@dataclass(slots=True)
class Reading:
    """One thing that a request may be taken for.

    Attributes:
        parts: what may stand in each place of the signature.
        kind: how it follows from the request.
        fields: what may stand in an argument, by squeezed name; None: anything.
        is_reread: it is another one, and what a tool may take its texts for.
    """

    parts: tuple[Part, ...]
    kind: Kind = Kind.NAMED
    fields: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    is_reread: bool = False


class Request:
    """A request as rules see it.

    Attributes:
        tool, args: the request; an argument may be an ``Either``.
        readings: what it may be taken for.
        is_plain: it has one reading, which shows it as its signature does.
        exact: its values are written in their only form.
        found: the entities that it names, if its tool is one that names entities.
    """

    __slots__ = ("__dict__", "args", "exact", "found", "is_plain", "readings", "tool")

    def __init__(self, tool: str, args: Mapping[str, Any], resolver: Resolver | None) -> None:
        self.tool = tool
        self.args = args
        self.found: Found | None = None
        self.exact = True
        plain = plain_reading(tool, args, resolver)
        self.is_plain = plain is not None
        self.readings = (plain,) if plain is not None else self.read(resolver)

    @cached_property
    def leaves(self) -> Leaves:
        """All values of the request."""
        return leaves_of(self.args)

    @cached_property
    def has_numbers(self) -> bool:
        """Whether one of its values is a number, which could be written otherwise."""
        return any(is_number(leaf.value) for leaf in self.leaves.items)

    @cached_property
    def signature(self) -> str:
        """The request as text, see ``signature``."""
        return signature_of(self.tool, received(self.args))

    def read(self, resolver: Resolver | None) -> tuple[Reading, ...]:
        """Make the readings of a request that is not plain."""
        keys = {key for leaf in self.leaves.items for key in leaf.path}
        naming = naming_for(self.tool, keys | {squeeze(key) for key in self.args})
        if naming is not None:
            self.found = find_entities(self.args, self.leaves, naming, resolver)
        if naming is None or self.found is None or self.tool not in NAMINGS:
            readings = tuple(self.read_values())
        else:
            readings = tuple(read_names(self.found, naming))
            self.exact = self.found.exact
        size = sum(size_of(each) for each in readings if not each.is_reread)
        if len(readings) > READINGS_MAX or size > READING_CHARS_MAX:
            self.exact = False
            return (Reading((ANY_PART,), Kind.DOUBTFUL, UNKNOWN_FIELDS),)
        return readings

    def read_values(self) -> Iterator[Reading]:
        """Yield the readings of a tool whose signature shows the values of its arguments."""
        # Sorted by what keys mean, so that a key in another case does not change the order.
        places = {key: key for key in sorted(self.args, key=lambda key: (squeeze(key), key))}
        if self.tool == "ha_fire_event":
            places = {key: "event_type" for key in self.args if squeeze(key) == "eventtype"}
        texts: dict[str, dict[Text, None]] = {place: {} for place in places.values()}
        others: dict[str, dict[Text, None]] = {place: {} for place in places.values()}
        for leaf in self.leaves.items:
            if leaf.argument in places:
                place = places[leaf.argument]
                texts[place].update(texts_of(leaf.forms))
                others[place].update(texts_of(within(leaf.rereadings, REREAD_CHARS_MAX)))
        for key, place in places.items():
            forms = forms_of(self.args[key])
            for value in forms:
                if not isinstance(value, str) or len(forms) > 1:
                    texts[place][known(fold(show(value)))] = None
                self.exact &= key == place and isinstance(value, str) and is_plain(value)
        found, fields = self.found, {}
        if found is not None:
            fields = {"entityid": (*found.entities, *found.placed, *found.names)}
        parts = tuple(map(tuple, texts.values()))
        yield Reading(parts, Kind.NAMED, fields)
        more = tuple((*part, *others[place]) for place, part in zip(texts, parts, strict=True))
        if more != parts:
            yield Reading(more, Kind.BEHIND, fields, is_reread=True)
        if found is not None:
            for names, kind in ((found.placed, Kind.DERIVED), (found.members, Kind.BEHIND)):
                if names:
                    more = tuple((*part, *names) for part in parts)
                    yield Reading(more, kind, {"entityid": tuple(names)})
            yield from read_unknown(found)
        elif not self.leaves.complete:
            yield Reading((ANY_PART,), Kind.DOUBTFUL, UNKNOWN_FIELDS)


UNKNOWN_FIELDS = {"domain": (None,), "service": (None,), "entityid": (None,)}


def plain_reading(
    tool: str, args: Mapping[str, Any], resolver: Resolver | None = None
) -> Reading | None:
    """Return the only reading of a request that is as simple as most are, or None."""
    if tool in NAMINGS or tool.startswith(HOME_ASSISTANT_PREFIX):
        return plain_names(tool, args, resolver)
    parts = []
    for key in sorted(args):
        value = args[key]
        if PLAIN_KEY.fullmatch(key) is None or names_entities(key.replace("_", "")):
            return None
        if isinstance(value, str) and len(value) <= TEXT_CHARS_MAX and is_plain(value):
            parts.append((value,))
        elif type(value) is bool or (type(value) is int and abs(value) <= PLAIN_INTEGER_MAX):
            parts.append((plain_form(value),))
        else:
            return None
    return Reading(tuple(parts))


def plain_names(tool: str, args: Mapping[str, Any], resolver: Resolver | None) -> Reading | None:
    """The same for Home Assistant's two everyday calls."""
    entity = args.get("entity_id")
    if not isinstance(entity, str):
        return None
    match = PLAIN_ENTITY.fullmatch(entity)
    if match is None or match[1] in HOLDERS:
        return None
    if tool == "ha_get_state" and len(args) == 1:
        return Reading(((entity,),), Kind.NAMED, {"entityid": (entity,)})
    if tool != "ha_call_service":
        return None
    domain, service = args.get("domain"), args.get("service")
    if domain != match[1] or domain in RUNNERS or not isinstance(service, str):
        return None
    if PLAIN_KEY.fullmatch(service) is None:
        return None
    if resolver is not None and resolver("entity_id", entity) is not None:
        return None
    for key, value in args.items():
        # Numbers and truth values name nothing, whatever they are called.
        if key in NAME_FIELDS:
            continue
        if type(value) not in (int, bool, float) or PLAIN_KEY.fullmatch(key) is None:
            return None
        squeezed = key.replace("_", "")
        if squeezed in PLAIN_NAMES or names_entities(squeezed):
            return None
    fields = {"domain": (domain,), "service": (service,), "entityid": (entity,)}
    return Reading(((f"{domain}.{service}",), (entity,)), Kind.NAMED, fields)


def read_names(found: Found, naming: Naming) -> Iterator[Reading]:
    """Yield the readings of a tool whose signature shows a service, an entity, or both."""
    entities: tuple[str, ...] = tuple(found.entities) or ("",)
    if not naming.calls_service:
        # What may be asked without an entity shows as its bare name then.
        named = (tuple(found.entities),) if found.entities else ()
        yield Reading(named, Kind.NAMED, {"entityid": entities})
        if names := tuple(found.names):
            yield Reading((names,), Kind.DOUBTFUL, {"entityid": names})
    else:
        services = tuple(found.services)
        if services:
            yield service_reading(services, entities, Kind.NAMED)
            for behind, kind in ((found.placed, Kind.DERIVED), (found.members, Kind.BEHIND)):
                if behind:
                    yield service_reading(services, tuple(behind), kind)
        yield from read_foreign(found, entities)
    yield from read_unknown(found)


def read_unknown(found: Found) -> Iterator[Reading]:
    """Yield the readings that say that a request may act on anything."""
    if found.hides:
        yield Reading((ANY_PART,), Kind.BEHIND, UNKNOWN_FIELDS)
    if found.doubts:
        yield Reading((ANY_PART,), Kind.DOUBTFUL, UNKNOWN_FIELDS)


def read_foreign(found: Found, entities: tuple[str, ...]) -> Iterator[Reading]:
    """Yield the readings of entities and names outside the service's own domain.

    What a service does to them is not known: it counts as any service of their domain.
    """
    own = {domain for domain, _ in found.services}
    own = own if len(own) == 1 else set()
    acted_on = [(name, Kind.DERIVED) for name in (*found.entities, *found.placed)]
    acted_on += [(name, Kind.BEHIND) for name in (*found.members, *found.mentions)]
    groups: dict[tuple[str, Kind], list[str]] = {}
    for name, kind in acted_on:
        if domain_of(name) not in own:
            groups.setdefault((domain_of(name), kind), []).append(name)
    for name in found.names:
        groups.setdefault((domain_of(name), Kind.DOUBTFUL), []).append(name)
    for domain in found.domains:
        groups.setdefault((domain, Kind.DOUBTFUL), []).extend(entities)
    for (domain, kind), names in groups.items():
        yield Reading(
            (((f"{domain}.", Unknown.WORD),), tuple(names)),
            kind,
            {"domain": (domain,), "service": (None,), "entityid": tuple(names)},
        )
    # A name in data may be a service as well: "lock.unlock" among a script's variables.
    for data, kind in ((found.names, Kind.DOUBTFUL), (found.mentions, Kind.BEHIND)):
        if data:
            calls = [(domain_of(name), name.partition(".")[2]) for name in data]
            yield service_reading(calls, entities, kind)


def service_reading(
    services: Iterable[tuple[str, str]], entities: tuple[str, ...], kind: Kind
) -> Reading:
    """Make the reading of services on entities."""
    pairs = tuple(services)
    fields = {
        "domain": tuple(domain for domain, _ in pairs),
        "service": tuple(service for _, service in pairs),
        "entityid": entities,
    }
    return Reading((tuple(f"{a}.{b}" for a, b in pairs), entities), kind, fields)


def size_of(reading: Reading) -> int:
    """Return how many characters a reading's texts have."""
    return sum(
        len(piece)
        for part in reading.parts
        for text in part
        for piece in ((text,) if isinstance(text, str) else text)
        if isinstance(piece, str)
    )


def within(forms: Forms, chars_max: int) -> Forms:
    """Return the first of forms that have no more characters together."""
    size = 0
    for count, text in enumerate(forms.texts):
        size += len(text)
        if size > chars_max:
            return Forms(forms.texts[:count], complete=False)
    return forms


def texts_of(forms: Forms) -> dict[Text, None]:
    """Return the texts of forms, with one that stands for all that are not known."""
    unknown: dict[Text, None] = {} if forms.complete else {(None,): None}
    return dict.fromkeys(map(known, forms.texts)) | unknown


def known(text: str) -> Text:
    """Return a text, or what of it patterns get to see."""
    return text if len(text) <= TEXT_CHARS_MAX else (text[:TEXT_CHARS_MAX], None)
