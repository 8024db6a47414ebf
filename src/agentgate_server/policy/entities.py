"""Entities: what a request for a Home Assistant-like tool acts on, however it is named.

The values of the request are taken one by one. Each is an entity, an indirect name that a
resolver may know, half of a service's name, or data; data that looks like the name of an entity
or service is noted too, because scripts pass such names on. What cannot be understood leaves a
*doubt*: the request may act on anything, and every deny and ask rule of the tool takes it for its
own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentgate_proto.records.decision import WHYS_MAX
from agentgate_server.policy.leaves import UNKNOWN, Leaf, Leaves, Path
from agentgate_server.policy.meanings import forms_of
from agentgate_server.policy.naming import (
    HOLDER_SERVICES,
    HOLDERS,
    INDIRECT_KEYS,
    OWN_DOMAIN_ONLY,
    RUNNERS,
    Naming,
    Resolver,
    is_entity_key,
    may_reach_anything,
)
from agentgate_server.policy.signature import shorten
from agentgate_server.policy.spelling import NO_TEXT, fold, squeeze

ENTITY = re.compile(r"[0-9]*[a-z_][a-z0-9_]*\.[a-z0-9_]+")
MENTION = re.compile(r"[0-9]*+[a-z_][a-z0-9_]*+(\.[a-z0-9_]+)?|[0-9]++")
"""An entity, or a word that is none: words are stepped over whole, for a search that tried each of
their letters as a beginning would take time by the square of a text."""

WORD = re.compile(r"[a-z0-9_]+")
WITH_DOMAIN = re.compile(r"([0-9]*[a-z_][a-z0-9_]*)\.[^\s.,;]+")
"""An id that tells its domain, though maybe no rule can name it: ``cover.itho_non-cve``."""

REGISTRY_ID = re.compile(r"[0-9a-f]{32}")
TEMPLATE = re.compile(r"\{\{|\{%|\{#")
SEPARATORS = re.compile(r"[,;\s]+")
DOMAIN_KEYS = frozenset({"domain", "domains"})
NAMES_MAX = 500
"""Names in one text; a text with more of them may name anything."""

NAME_SHOWN_CHARS_MAX = 64
"""Of a name in a sentence about a doubt."""

NAME_CHARS_MAX = 255
"""Home Assistant's own limit on the length of an entity's name."""

ANYWHERE: Path = ()
EXACT_PLACES = {("entityid",): "entity_id", ("target", "entityid"): "target"}


@dataclass(slots=True)
class Found:
    """What one request names.

    Attributes:
        services: what is called, as (domain, service).
        entities: the entities that stand in the request.
        placed: the entities of the areas, devices, labels and floors that it names.
        members: the entities behind the groups, scenes, scripts and services that it names.
        names: data that is the name of an entity or service, or a list of such.
        mentions: names in the midst of other data.
        domains: domains that stand in nested data.
        hides: there is more of that kind than is known.
        doubts: why it may act on more: where the indirect names (``area_id``) stand that could not
            be resolved, ``ANYWHERE`` for all else.
        whys, hidden: the first of these doubts, and of what ``hides``, each in a sentence.
        indirect: the kinds of indirect names that were given.
        exact: every name stands where and how Home Assistant would write it.
    """

    services: dict[tuple[str, str], None] = field(default_factory=dict)
    entities: dict[str, None] = field(default_factory=dict)
    placed: dict[str, None] = field(default_factory=dict)
    members: dict[str, None] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    mentions: dict[str, None] = field(default_factory=dict)
    domains: dict[str, None] = field(default_factory=dict)
    hides: bool = False
    doubts: set[Path] = field(default_factory=set)
    whys: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    indirect: set[str] = field(default_factory=set)
    exact: bool = True

    def doubt(self, why: str, place: Path = ANYWHERE) -> None:
        """Note that it may act on anything, or on what stands at a place."""
        self.doubts.add(place)
        if len(self.whys) < WHYS_MAX:
            self.whys.append(why)

    def hide(self, why: str) -> None:
        """Note that there is more behind what it names."""
        self.hides = True
        if len(self.hidden) < WHYS_MAX:
            self.hidden.append(why)


def find_entities(
    args: Mapping[str, Any], leaves: Leaves, naming: Naming, resolver: Resolver | None
) -> Found:
    """Read what a request names."""
    reader = Reader(naming, resolver)
    if not leaves.complete:
        reader.found.doubt("its arguments are too many, or too deep, to be seen whole")
    if naming.calls_service:
        reader.read_service(args)
    for leaf in leaves.items:
        reader.read_leaf(leaf)
    if naming.acts:
        reader.read_holders()
    return reader.found


class Reader:
    """One walk over the values of a request."""

    def __init__(self, naming: Naming, resolver: Resolver | None) -> None:
        self.naming = naming
        self.resolver = resolver
        self.found = Found()
        self.own: frozenset[str] | None = None
        """The domains whose entities the services reach, if they reach no others."""

    def read_service(self, args: Mapping[str, Any]) -> None:
        """Read ``domain`` and ``service``, in whatever case the keys are; all pairs count."""
        found = self.found
        halves: dict[str, list[str]] = {"domain": [], "service": []}
        halved = ((key, squeeze(key), form) for key in args for form in forms_of(args[key]))
        for key, half, value in halved:
            if half not in halves:
                continue
            word = fold(value) if isinstance(value, str) else ""
            found.exact &= key == half and word == value
            if half == "service" and ENTITY.fullmatch(word):
                domain, _, service = word.partition(".")
                found.services[domain, service] = None
                found.exact = False
            elif WORD.fullmatch(word):
                halves[half].append(word)
            else:
                found.doubt(f"{shown(word)} is no {half}")
        pairs = [(domain, service) for domain in halves["domain"] for service in halves["service"]]
        found.services.update(dict.fromkeys(pairs))
        domains = frozenset(domain for domain, _ in found.services)
        self.own = domains if domains and domains <= OWN_DOMAIN_ONLY else None
        if not found.services:
            found.doubt("which service it calls is not known")
            found.domains.update(dict.fromkeys(halves["domain"]))

    def read_leaf(self, leaf: Leaf) -> None:
        """Sort one value by the innermost key that means something."""
        if leaf.is_json or (self.naming.calls_service and leaf.path in {("domain",), ("service",)}):
            return
        if leaf.known_forms is UNKNOWN:
            self.found.doubt(f"{shown(leaf.argument)} is too long to be looked at whole")
            return
        for depth in range(len(leaf.path) - 1, -1, -1):
            key = leaf.path[depth]
            if key in INDIRECT_KEYS:
                self.read_indirect(INDIRECT_KEYS[key], leaf)
                return
            if key == "entities" and depth < len(leaf.path) - 1:
                # scene.apply: the keys under ``entities`` are the entities, the values states.
                break
            if is_entity_key(key):
                self.read_entities(leaf)
                return
            if key == "target" and self.naming.strict and self.naming.acts:
                self.read_target(leaf, depth)
                return
        self.read_data(leaf)

    def read_entities(self, leaf: Leaf) -> None:
        """Read a value that stands where an entity belongs."""
        found = self.found
        if not isinstance(leaf.value, str):
            if self.naming.strict:
                found.doubt(f"what {shown(leaf.argument)} names is no text")
            return
        place = EXACT_PLACES.get(leaf.path)
        if leaf.argument != place or leaf.is_key:
            found.exact = False
        parts = leaf.value.split(",", NAMES_MAX)
        if len(parts) > NAMES_MAX:
            found.doubt(f"{shown(leaf.argument)} names more than {NAMES_MAX} things")
        for part in parts:
            name = fold(part)
            if name != leaf.value:
                found.exact = False
            if is_entity(name):
                found.entities[name] = None
            elif self.naming.strict or self.may_mean_entities(name):
                found.doubt(f"what {shown(name)} stands for is not known")

    def may_mean_entities(self, name: str) -> bool:
        """Whether Home Assistant would take a text that is no entity for one or many all the same.

        Anything outside ASCII may be a look-alike that is not in our table.
        """
        return (
            name in {"all", "none"}
            or REGISTRY_ID.fullmatch(name) is not None
            or "." in name
            or TEMPLATE.search(name) is not None
            or not name.isascii()
        )

    def read_indirect(self, kind: str, leaf: Leaf) -> None:
        """Read a value that stands for the entities of an area, a device, a label or a floor."""
        found = self.found
        found.indirect.add(kind)
        names = leaf.value.split(",") if isinstance(leaf.value, str) else [None]
        for part in names:
            entities = None if part is None else self.resolve(kind, fold(part))
            if entities is None or not self.note(entities, found.placed):
                what = f"{kind.removesuffix('_id')} {shown(fold(part or ''))}".rstrip()
                all_of = "what" if entities is None else "all that"
                found.doubt(f"{all_of} {what} holds is not known", leaf.path)

    def read_target(self, leaf: Leaf, depth: int) -> None:
        """Read a value under ``target`` that no key inside it explains."""
        if leaf.is_key and depth == len(leaf.path) - 1:
            key = squeeze(str(leaf.value))
            if key in INDIRECT_KEYS or is_entity_key(key):
                return
        if depth == len(leaf.path) - 1 and not leaf.is_key:
            self.read_entities(leaf)
        else:
            self.found.doubt(f"what {shown(leaf.argument)} names is not understood")

    def read_data(self, leaf: Leaf) -> None:
        """Read a value that is data: it may hold names that are passed on."""
        if not isinstance(leaf.value, str):
            if leaf.path[-1] in DOMAIN_KEYS:
                self.found.doubt(f"the domain in {shown(leaf.argument)} is no text")
            return
        if TEMPLATE.search(leaf.value):
            self.found.doubt(f"{shown(leaf.argument)} holds a template, which may name anything")
        text = fold(leaf.value)
        if text == NO_TEXT:
            self.found.doubt(f"{shown(leaf.argument)} can't be read as a text")
        names = SEPARATORS.split(text)
        if len(names) <= NAMES_MAX and all(map(is_entity, names)):
            self.found.names.update(dict.fromkeys(names))
        elif self.naming.calls_service and "." in text:
            mentions = [found[0] for found in MENTION.finditer(text) if found[1]]
            self.found.mentions.update(dict.fromkeys(mentions[:NAMES_MAX]))
            if len(mentions) > NAMES_MAX:
                self.found.hide(f"{shown(leaf.argument)} names more than {NAMES_MAX} things")
        if leaf.path[-1] in DOMAIN_KEYS and not leaf.is_key:
            self.found.domains.update(dict.fromkeys(filter(WORD.fullmatch, names)))
            if not all(map(WORD.fullmatch, names)):
                self.found.doubt(f"{shown(text)} is no domain")

    def read_holders(self) -> None:
        """Look behind groups, scenes, scripts, and services that run what is written elsewhere."""
        found = self.found
        queue = [*found.entities, *found.placed]
        names_any = bool(queue or found.indirect)
        for domain, service in found.services:
            if domain == "script" and service not in HOLDER_SERVICES:
                queue.append(f"script.{service}")
            is_open = not names_any and may_reach_anything(domain, service)
            if domain in RUNNERS or is_open:
                held = self.resolve("service", f"{domain}.{service}")
                if held is None or not self.note(held, found.members):
                    found.hide(f"what the service {shown(f'{domain}.{service}')} does is not known")
                queue += held or ()
        self.look_behind([(name, True) for name in queue])

    def look_behind(self, queue: list[tuple[str, bool]]) -> None:
        """Note what is in groups and scenes, at any depth.

        Args:
            queue: names, each with whether the service reaches what is in it; else only what is
                known for certain is noted.
        """
        found = self.found
        seen = set(queue)
        while queue:
            name, reached = queue.pop()
            # A group of locks is a lock as well; only whoever knows the house can tell.
            held = self.resolve("entity_id", name)
            if held is None:
                if reached and domain_of(name) in HOLDERS:
                    found.hide(f"what {shown(name)} reaches is not known")
                continue
            if not self.note(held, found.members) and reached:
                found.hide(f"all that {shown(name)} reaches is not known")
            # A group is replaced by what is in it before a service looks what is its own.
            inner = [
                (each, reached and (self.reaches(each) or domain_of(each) == "group"))
                for each in held
            ]
            queue += [each for each in inner if each not in seen]
            seen.update(inner)

    def note(self, entities: Collection[str], target: dict[str, None]) -> bool:
        """Note the entities behind a name that the service can reach.

        Returns:
            Whether that is all; else there is something that is not known.
        """
        complete = True
        for entity in filter(self.reaches, entities):
            if is_entity(entity):
                target[entity] = None
            else:
                complete = False
        return complete

    def reaches(self, entity: str) -> bool:
        """Whether the service can reach an entity; of one whose domain is not known it may."""
        if self.own is None:
            return True
        named = WITH_DOMAIN.fullmatch(entity)
        return named is None or named[1] in self.own

    def resolve(self, kind: str, name: str) -> Collection[str] | None:
        """Ask the resolver, if there is one."""
        return self.resolver(kind, name) if self.resolver is not None else None


def shown(name: str) -> str:
    """A name as a sentence may hold it."""
    return shorten(name, NAME_SHOWN_CHARS_MAX)


def is_entity(text: str) -> bool:
    """Whether a text is an entity's id, such as rules can name."""
    return len(text) <= NAME_CHARS_MAX and ENTITY.fullmatch(text) is not None


def domain_of(entity: str) -> str:
    """Return ``lock`` of ``lock.front``."""
    return entity.partition(".")[0]
