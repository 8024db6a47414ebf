"""Templates: what we ask Home Assistant about its house, by ``POST /api/template``.

Its REST API tells states, and nothing of areas, devices, floors and labels; its templates know
them all. Each template renders a JSON list with one row for each thing. They are apart, so that a
version without floors and labels (before 2024.4) still answers the others.
"""

from __future__ import annotations

from typing import Final


def rows(loop: str, row: str) -> str:
    """Return a template that renders a JSON list of rows."""
    return (
        f"[{{% for {loop} %}}{{{{ [{row}] | to_json }}}}"
        "{% if not loop.last %},{% endif %}{% endfor %}]"
    )


AREAS: Final = rows("a in areas()", "a, area_name(a), area_entities(a)")
"""Rows of id, name, entities."""

FLOORS: Final = rows("f in floors()", "f, floor_name(f), floor_areas(f)")
"""Rows of id, name, areas."""

LABELS: Final = rows(
    "l in labels()", "l, label_name(l), label_entities(l), label_devices(l), label_areas(l)"
)
"""Rows of id, name, entities, devices, areas."""

DEVICES: Final = rows(
    'd in states | map(attribute="entity_id") | map("device_id") | reject("none") | unique',
    'd, device_entities(d), device_attr(d, "parent_device_id"), '
    'device_attr(d, "composite_device_id")',
)
"""Rows of id, entities, and the ids of the devices, if any, that this one is a part of: who names
those acts on this one too (2026.8 and later)."""

HOLDERS: Final = rows(
    's in states if s.attributes.get("entity_id") is not none',
    's.entity_id, s.attributes.get("entity_id")',
)
"""Rows of a group or scene and what is in it: lists, or one entity as text."""
