"""Picturing: what a person who is asked sees of the house: names, present states, what would come.

::

    Hall light (on) → off
    Entrance Hall holds 3 lights: Hall light (on), Mirror (off), Stairs (on) → off
    there is no entity light.bedrom, so nothing would be done

The names are those that people gave in Home Assistant, and the states are those of this moment. It
is no part of what is approved: that are the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agentgate_server.tools.home_assistant.mirror import Mirror
from agentgate_server.tools.home_assistant.targets import Targets, listed, targets_of

SHOWN_MAX: Final = 4
"""Entities that are named one by one."""

NAME_CHARS_MAX: Final = 60
"""Characters of a name or a state; who gives things longer names sees their beginning."""

CHARS_MAX: Final = 600
"""Characters of all."""

Next = str | Callable[[Mapping[str, Any]], str]


def valued(key: str, unit: str = "") -> Callable[[Mapping[str, Any]], str]:
    """Return what says the state that a service's argument asks for; "": it is not there."""
    return lambda data: f"{short(data[key])}{unit}" if key in data else ""


def lit(data: Mapping[str, Any]) -> str:
    """Say what a light comes to."""
    level = data.get("brightness_pct")
    return f"on, at {short(level)} %" if level is not None else "on"


NEXT: Final[Mapping[str, Next]] = {
    "turn_on": lit,
    "turn_off": "off",
    "lock": "locked",
    "unlock": "unlocked",
    "open": "open",
    "open_cover": "open",
    "close_cover": "closed",
    "open_valve": "open",
    "close_valve": "closed",
    "set_cover_position": valued("position", " % open"),
    "set_temperature": valued("temperature", "°"),
    "set_humidity": valued("humidity", " %"),
    "set_hvac_mode": valued("hvac_mode"),
    "set_preset_mode": valued("preset_mode"),
    "set_percentage": valued("percentage", " %"),
    "select_option": valued("option"),
    "set_value": valued("value"),
    "select_source": valued("source"),
    "volume_set": valued("volume_level"),
    "media_play": "playing",
    "media_pause": "paused",
    "media_stop": "stopped",
    "alarm_disarm": "disarmed",
    "alarm_arm_away": "armed away",
    "alarm_arm_home": "armed home",
    "alarm_arm_night": "armed night",
    "start": "started",
    "stop": "stopped",
    "press": "pressed",
    "return_to_base": "returning to its dock",
}
"""What services lead to."""

STATELESS: Final = frozenset({"button", "event", "input_button", "scene"})
"""Domains whose states are only the time of their last use."""


def picture_of(mirror: Mirror, domain: str, service: str, data: Mapping[str, Any]) -> str:
    """Say in a line what a service call is about; "": nothing is known of it.

    Args:
        mirror: shows the house; if it is not live, nothing is known.
        domain, service: what is called.
        data: its data, with what it acts on.
    """
    if not mirror.is_live:
        return ""
    targets = targets_of(mirror, domain, service, data)
    if targets.missing:
        return cut(f"{'; '.join(targets.missing)}, so nothing would be done")
    if targets.idle and not targets.entities:
        return cut(f"{'; '.join(targets.idle)}, so nothing would be done")
    if not targets.entities:
        return cut(named(mirror, domain, service, data))
    then = next_of(mirror, targets, service, data)
    who = ", ".join(shown(mirror, name) for name in targets.entities[:SHOWN_MAX])
    more = len(targets.entities) - SHOWN_MAX
    if more > 0:
        who += f" and {more} more"
    places = "; ".join(f"{short(name)} holds {count_of(n, domain)}" for name, n in targets.places)
    parts = [": ".join(filter(None, (places, who))) + (f" → {then}" if then else "")]
    parts += targets.idle[:SHOWN_MAX]
    return cut("; ".join(parts))


def picture_of_entity(mirror: Mirror, name: str) -> str:
    """Say what an entity is called, and how it is; "": nothing is known of it."""
    if not mirror.is_live:
        return ""
    if name not in mirror.states:
        return f"there is no entity {name}"
    return cut(shown(mirror, name))


def named(mirror: Mirror, domain: str, service: str, data: Mapping[str, Any]) -> str:
    """Say which known entities are named, of a service that may do anything with them."""
    own = [f"{domain}.{service}"] if domain == "script" else []
    names = [name for name in (*own, *listed(data.get("entity_id", []))) if name in mirror.states]
    return ", ".join(shown(mirror, name) for name in names[:SHOWN_MAX])


def next_of(mirror: Mirror, targets: Targets, service: str, data: Mapping[str, Any]) -> str:
    """Say what a call leads to; "": nobody knows."""
    if any(name.partition(".")[0] in STATELESS for name in targets.entities):
        return ""
    if service == "toggle":
        states = {mirror.states[name].state for name in targets.entities}
        return {"on": "off", "off": "on"}.get(states.pop(), "") if len(states) == 1 else ""
    found = NEXT.get(service, "")
    return found if isinstance(found, str) else found(data)


def shown(mirror: Mirror, name: str) -> str:
    """Return an entity's name and state; of a scene what it sets."""
    state = mirror.states[name]
    called = short(mirror.name_of(name))
    if state.domain == "scene":
        held = [each for each in listed(state.attributes.get("entity_id")) if each in mirror.states]
        sets = ", ".join(short(mirror.name_of(each)) for each in held[:SHOWN_MAX])
        return f"{called} (sets {sets})" if sets else called
    if state.domain in STATELESS:
        return called
    unit = state.attributes.get("unit_of_measurement")
    words = f"{state.state} {unit}" if isinstance(unit, str) else state.state
    return f"{called} ({short(words)})"


def count_of(count: int, domain: str) -> str:
    """Say how many entities of a kind there are: ``3 lights``."""
    if domain == "homeassistant":
        return f"{count} {'entity' if count == 1 else 'entities'}"
    word = domain.replace("_", " ")
    if count == 1:
        return f"1 {word}"
    return f"{count} {word}{'es' if word.endswith(('s', 'x', 'ch')) else 's'}"


def short(value: Any) -> str:
    """Return a text that somebody chose on one line, and not too much of it."""
    text = " ".join(str(value).split())
    return text if len(text) <= NAME_CHARS_MAX else f"{text[: NAME_CHARS_MAX - 1]}…"


def cut(text: str) -> str:
    """Return not too much of a line."""
    return text if len(text) <= CHARS_MAX else f"{text[: CHARS_MAX - 1]}…"
