"""Templates: what we ask Home Assistant about its house, by ``POST /api/template``.

Its REST API tells states, and nothing of areas, devices, floors and labels; its templates know
them all. Each template renders a JSON list with one row for each thing, sorted by the id that
every row begins with, and a page of it at a time: the ``count`` rows that come ``after`` an id.
Home Assistant refuses to render more than 256 KiB (``MAX_TEMPLATE_OUTPUT``). They are apart, so
that a version without floors and labels (before 2024.4) still answers the others.
"""

from __future__ import annotations

from typing import Final

ROWS_MAX: Final = 100
"""Rows of one page: a room with two thousand characters of entities fits a hundred times."""

RENDERS_MAX: Final = 300
"""Pages that are asked for of one template; a house with more is not understood."""


def rows(name: str, things: str, row: str, first: str = "") -> str:
    """Return a template that renders a JSON list of the ``count`` rows ``after`` an id.

    Args:
        name: what a thing's id is called in ``row``.
        things: the ids of all.
        row: the row of one.
        first: what is done before each row.
    """
    return (
        f'[{{% for {name} in (({things}) | select("gt", after) | unique(case_sensitive=true)'
        f" | sort(case_sensitive=true))[:count] %}}{first}{{{{ [{row}] | to_json }}}}"
        "{% if not loop.last %},{% endif %}{% endfor %}]"
    )


def ids(things: str) -> str:
    """Return a template whose rows are an id and nothing more."""
    return rows("x", things, "x")


ALL_AREAS: Final = "areas()"
ALL_FLOORS: Final = "floors()"
ALL_LABELS: Final = "labels()"
ALL_DEVICES: Final = 'states | map(attribute="entity_id") | map("device_id") | reject("none")'
ALL_HOLDERS: Final = (
    'states | selectattr("attributes.entity_id", "defined") | map(attribute="entity_id")'
)

AREAS: Final = rows("a", ALL_AREAS, "a, area_name(a), area_entities(a)")
"""Rows of id, name, entities."""

FLOORS: Final = rows("f", ALL_FLOORS, "f, floor_name(f), floor_areas(f)")
"""Rows of id, name, areas."""

LABELS: Final = rows(
    "l", ALL_LABELS, "l, label_name(l), label_entities(l), label_devices(l), label_areas(l)"
)
"""Rows of id, name, entities, devices, areas."""

WHOLES: Final = 'device_attr(d, "parent_device_id"), device_attr(d, "composite_device_id")'
DEVICES: Final = rows("d", ALL_DEVICES, f"d, device_entities(d), {WHOLES}")
"""Rows of id, entities, and the ids of the devices, if any, that this one is a part of: who names
those acts on this one too (2026.8 and later)."""

HOLDERS: Final = rows(
    "s",
    ALL_HOLDERS,
    's, e | map("string") | list '
    "if e is iterable and e is not string and e is not mapping else e if e is string else none",
    first='{% set e = state_attr(s, "entity_id") %}',
)
"""Rows of a group or scene and what is in it: a list of texts, or one text; null for what is
neither. Any entity may have such an attribute, and it may hold what is no JSON."""

SHORT: Final = {
    AREAS: rows("a", ALL_AREAS, "a, area_name(a)"),
    FLOORS: rows("f", ALL_FLOORS, "f, floor_name(f)"),
    LABELS: rows("l", ALL_LABELS, "l, label_name(l)"),
    DEVICES: rows("d", ALL_DEVICES, f"d, none, {WHOLES}"),
    HOLDERS: ids(ALL_HOLDERS),
}
"""For each template whose rows may be too long, or hold what can't be rendered, the same rows
without what they hold."""

GROUPS: Final = ids('integration_entities("group")')
"""Rows of the groups that were made as groups, also of those that are unavailable, which do not
tell what is in them."""

FORMER: Final = ids(
    'states | selectattr("entity_id", "in", former) | rejectattr("state", "eq", "unavailable")'
    ' | rejectattr("attributes.entity_id", "defined") | map(attribute="entity_id")'
)
"""Rows of those of the ids ``former`` that are there, and hold nothing."""
