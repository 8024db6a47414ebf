"""Templates: what we ask Home Assistant about its house, by ``POST /api/template``.

Its REST API tells states, and nothing of areas, devices, floors and labels; its templates know
them all. Each template renders a JSON list with one row for each thing, a page at a time: Home
Assistant refuses to render more than 256 KiB (``MAX_TEMPLATE_OUTPUT``). They are apart, so that a
version without floors and labels (before 2024.4) still answers the others.
"""

from __future__ import annotations

from typing import Final

ROWS_MAX: Final = 100
"""Rows of one page: a room with two thousand characters of entities fits a hundred times."""

PAGES_MAX: Final = 100
"""Pages of one template; a house with more is not understood."""


def rows(name: str, things: str, row: str) -> str:
    """Return a template that renders a JSON list of ``count`` rows from the ``first``."""
    return (
        f"[{{% for {name} in ({things})[first:first + count] %}}{{{{ [{row}] | to_json }}}}"
        "{% if not loop.last %},{% endif %}{% endfor %}]"
    )


AREAS: Final = rows("a", "areas()", "a, area_name(a), area_entities(a)")
"""Rows of id, name, entities."""

FLOORS: Final = rows("f", "floors()", "f, floor_name(f), floor_areas(f)")
"""Rows of id, name, areas."""

LABELS: Final = rows(
    "l", "labels()", "l, label_name(l), label_entities(l), label_devices(l), label_areas(l)"
)
"""Rows of id, name, entities, devices, areas."""

DEVICES: Final = rows(
    "d",
    'states | map(attribute="entity_id") | map("device_id") | reject("none") | unique | list',
    'd, device_entities(d), device_attr(d, "parent_device_id"), '
    'device_attr(d, "composite_device_id")',
)
"""Rows of id, entities, and the ids of the devices, if any, that this one is a part of: who names
those acts on this one too (2026.8 and later)."""

HOLDERS: Final = rows(
    "s",
    'states | selectattr("attributes.entity_id", "defined") | list',
    "s.entity_id, s.attributes.entity_id",
)
"""Rows of a group or scene and what is in it: lists, or one entity as text."""
