"""Naming: how the arguments of a tool say on what it acts.

Tools that follow Home Assistant name entities (``lock.front``) in many places: ``entity_id``, also
as a list or a comma list, ``target``, nested service data, scripts' variables; and they name them
indirectly, by area, device, label or floor, or by a group, scene or script that holds them. Here
is the table of which argument means what; ``entities`` reads requests by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from agentgate_server.policy.spelling import fold

ANYTHING: Final = "*"
"""Among the entities behind a name: something that is not known, and may be any entity."""


class Resolver(Protocol):
    """Looks up what an indirect name stands for: the place where a backend plugs in its knowledge.

    It is called for each indirect name while a request is decided, so it answers from memory.
    """

    def __call__(self, kind: str, name: str) -> Collection[str] | None:
        """Return the entities behind a name, or None if that is not known.

        What stands directly behind it is enough: whoever asks looks behind that in turn. A text
        that is no entity's id stands for something that is not known, ``ANYTHING`` for whatever it
        may be.

        Args:
            kind: ``area_id``, ``device_id``, ``label_id`` or ``floor_id``; ``entity_id`` for a
                group, scene, script or automation, and for any other entity, which may be a group
                too; ``service`` for a service that runs what somebody wrote elsewhere
                (``rest_command.open_garage``).
            name: the name in lower case.

        Returns:
            The entities. Of an entity that may be a group, None says that it is none; who can't
            tell says ``[ANYTHING]``.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How one tool's arguments name things.

    Attributes:
        calls_service: ``domain`` and ``service`` say what is done, the rest is its data.
        acts: the tool acts on what is named, so that a group stands for its members. Reading a
            group's state touches only the group.
        strict: whatever stands where an entity belongs must be one. Elsewhere (a shop's API with
            an ``entity_id`` of its own) only what Home Assistant would understand counts.
    """

    calls_service: bool = False
    acts: bool = True
    strict: bool = True


STATE_READER: Final = "ha_get_state"
"""The tool that reads one entity."""

STATE_READERS: Final = (
    "ha_get_history",
    "ha_get_logbook",
    "ha_get_calendar",
    "ha_get_forecast",
    "ha_get_todo",
)
"""Tools that tell more of the entities that they name. Who may not read a state, or only if a
person says so, must not get it by its history: rules that deny or ask about ``STATE_READER`` are
about these as well."""

NAMINGS: Mapping[str, Naming | None] = {
    "ha_call_service": Naming(calls_service=True),
    **dict.fromkeys((STATE_READER, *STATE_READERS), Naming(acts=False)),
    # An event's data is for whoever listens; nothing acts on what it names.
    "ha_fire_event": None,
}
"""Tools of their own kind; None: names nothing."""

HOME_ASSISTANT_PREFIX = "ha_"
HOME_ASSISTANT = Naming()
SIMILAR = Naming(strict=False)

INDIRECT_KEYS: Mapping[str, str] = {
    squeezed: kind
    for kind in ("area_id", "device_id", "label_id", "floor_id")
    for squeezed in (kind.replace("_", ""), kind.replace("_", "") + "s")
}
"""Squeezed keys whose values stand for entities, and the resolver's word for them."""

ENTITY_KEYS = frozenset({"entityid", "entityids", "entity", "entities"})
"""Squeezed keys whose values are entities, beside all that end in ``entityid(s)``."""

HOLDERS = frozenset({"automation", "group", "scene", "script"})
"""Domains whose entities stand for others."""

HOLDER_SERVICES = frozenset({"turn_on", "turn_off", "toggle", "reload"})
"""Services of ``script`` that are not themselves names of scripts."""

RUNNERS = frozenset(
    {
        "appdaemon",
        "assist_pipeline",
        "assist_satellite",
        "conversation",
        "esphome",
        "google_assistant_sdk",
        "hassio",
        "intent_script",
        "knx",
        "modbus",
        "mqtt",
        "pyscript",
        "python_script",
        "rest_command",
        "shell_command",
        "zha",
        "zwave_js",
    }
)
"""Domains whose services do what is written elsewhere, or speak to devices below the entities."""

OWN_DOMAIN_ONLY = frozenset(
    {
        "alarm_control_panel",
        "button",
        "camera",
        "climate",
        "cover",
        "fan",
        "humidifier",
        "input_boolean",
        "input_number",
        "input_select",
        "lawn_mower",
        "light",
        "lock",
        "media_player",
        "number",
        "remote",
        "select",
        "siren",
        "switch",
        "vacuum",
        "valve",
        "water_heater",
    }
)
"""Domains whose services reach only their own entities: of an area, ``light.turn_off`` takes the
lights."""


HARMLESS = frozenset(
    {
        "backup",
        "calendar",
        "counter",
        "frontend",
        "input_button",
        "input_datetime",
        "input_text",
        "logbook",
        "logger",
        "notify",
        "persistent_notification",
        "person",
        "recorder",
        "schedule",
        "shopping_list",
        "system_log",
        "timer",
        "todo",
        "tts",
        "update",
        "weather",
        "zone",
    }
)
"""Domains whose services change no device, or only entities of their own: they write, remember,
tell people. (What they say aloud may be heard by an assistant: docs/home-assistant.md.)"""

HARMLESS_SERVICES = frozenset(
    ("homeassistant", service)
    for service in (
        "check_config",
        "reload_all",
        "reload_config_entry",
        "reload_core_config",
        "reload_custom_templates",
        "restart",
        "save_persistent_states",
        "set_location",
        "stop",
        "update_entity",
    )
)
"""Services that act on no device, of domains of which others do."""


def may_reach_anything(domain: str, service: str) -> bool:
    """Whether a service that is told of no entity may act on any: nobody has said of it that it
    reaches its own at most. The world has more integrations than any list of dangerous ones."""
    if domain in OWN_DOMAIN_ONLY or domain in HARMLESS or domain in HOLDERS:
        return False
    return service != "reload" and (domain, service) not in HARMLESS_SERVICES


class Members:
    """A resolver that answers from the ``members`` of ``permissions.yaml``, then asks another."""

    def __init__(
        self, members: Mapping[str, Mapping[str, Collection[str]]], other: Resolver | None = None
    ) -> None:
        self.members = {
            (kind, fold(name)): tuple(entities)
            for kind, names in members.items()
            for name, entities in names.items()
        }
        self.other = other

    def __call__(self, kind: str, name: str) -> Collection[str] | None:
        """See :class:`Resolver`."""
        known = self.members.get((kind, name))
        if known is None and self.other is not None:
            return self.other(kind, name)
        return known


MEMBER_KINDS = ("entity_id", "area_id", "device_id", "label_id", "floor_id", "service")
"""The words that a resolver is asked with."""


def naming_for(tool: str, keys: Collection[str]) -> Naming | None:
    """Return how a tool names things.

    Args:
        tool: its name.
        keys: all squeezed keys of the request, at any depth.
    """
    if tool in NAMINGS:
        return NAMINGS[tool]
    if tool.startswith(HOME_ASSISTANT_PREFIX):
        return HOME_ASSISTANT
    if any(map(names_entities, keys)):
        return SIMILAR
    return None


def names_entities(key: str) -> bool:
    """Whether a squeezed key is one of Home Assistant's own, whatever the tool."""
    return key in INDIRECT_KEYS or key.endswith(("entityid", "entityids"))


def is_entity_key(key: str) -> bool:
    """Whether the value at a squeezed key is an entity."""
    return key in ENTITY_KEYS or key.endswith(("entityid", "entityids"))
