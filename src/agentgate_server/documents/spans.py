"""Spans of time in a document: a number of a unit, or a duration that says its own.

A field is one by its type: ``Annotated[float, Meta(gt=0, extra=SECONDS)]``. In the document stands
``900`` or ``15m``; what is decoded is the number, in the unit of the field.
"""

from __future__ import annotations

from typing import Any

from msgspec import inspect

from agentgate_proto.durations import format_duration

DAY_S = 86_400.0
UNIT = "unit_s"

SECONDS: dict[str, Any] = {UNIT: 1.0}
"""``extra`` of a field in seconds."""

DAYS: dict[str, Any] = {UNIT: DAY_S}
"""``extra`` of a field in days."""

NAMES = {1.0: "a number of seconds", DAY_S: "a number of days"}
"""How errors and references call what stands in such a field without a unit."""


def unit_of(kind: inspect.Type) -> float:
    """Return how many seconds the unit of a type has; 0: it is no span of time."""
    extra = kind.extra if isinstance(kind, inspect.Metadata) else None
    return float((extra or {}).get(UNIT, 0.0))


def broken_span(value: float, kind: inspect.Type, unit_s: float) -> str:
    """Return which constraint of a span the value breaks, as a phrase, or ""."""
    assert isinstance(kind, inspect.FloatType), "spans of time are real numbers"
    if kind.ge is not None and value < kind.ge:
        return f"be at least {shown(kind.ge, unit_s)}"
    if kind.gt is not None and value <= kind.gt:
        return f"be more than {shown(kind.gt, unit_s)}"
    if kind.le is not None and value > kind.le:
        return f"be at most {shown(kind.le, unit_s)}"
    return ""


def shown(value: float, unit_s: float) -> str:
    """Write a bound in both ways: ``600 (10m)``; nothing is nothing in every unit."""
    number = str(value).removesuffix(".0")
    return f"{number} ({format_duration(value * unit_s)})" if value else number
