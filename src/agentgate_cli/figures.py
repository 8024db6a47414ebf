"""Figures as people read them: money, tokens, bytes, shares, and bars of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import click

from agentgate_cli.style import dim, styled
from agentgate_proto.records.usage import MICROS, Usage

UNKNOWN = "unknown"
"""A cost that nobody knows; never written as 0."""

CENT_MICROS = 10_000

EMPTY = "·"
"""A place in a bar that nothing takes."""


class Part(NamedTuple):
    """A part of a bar.

    Attributes:
        amount: how much.
        glyph: what it is drawn with, so that parts can be told apart without colours.
        colour: one of click's.
    """

    amount: int
    glyph: str
    colour: str


def dollars(micros: int | None) -> str:
    """Show money: ``$12.34``, ``$0.0123``, ``$0.000264``, ``unknown``."""
    if micros is None:
        return UNKNOWN
    if micros >= MICROS:
        return f"${micros / MICROS:,.2f}"
    text = f"{micros / MICROS:.4f}" if micros >= CENT_MICROS else f"{micros / MICROS:.6f}"
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents.rstrip('0'):0<2}"


def usage_line(usage: Usage) -> str:
    """Show what was read and written: ``524 in, 13 out``."""
    about = "about " if usage.is_estimate else ""
    cached = f" ({usage.cache_read:,} from the cache)" if usage.cache_read else ""
    return f"{about}{usage.input:,} in{cached}, {usage.output:,} out"


def share(amount: int, total: int) -> str:
    """Show a share in per cent: ``42 %``, ``0.3 %``, ``< 0.1 %``."""
    if not total or not amount:
        return "0 %"
    percent = 100 * amount / total
    if percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def cells(amounts: Sequence[int], total: int, width: int) -> list[int]:
    """Divide a bar's places among amounts, so that the sum is as near the truth as can be.

    Args:
        amounts: of the parts.
        total: what the whole bar stands for.
        width: places in the bar.

    Returns:
        For each amount its places. Together at least one, if there is anything at all.
    """
    used = sum(amounts)
    if not used or total <= 0 or width <= 0:
        return [0 for _ in amounts]
    places = min(max(round(width * used / total), 1), width)
    exact = [places * amount / used for amount in amounts]
    given = [int(each) for each in exact]
    by_remainder = sorted(range(len(amounts)), key=lambda at: given[at] - exact[at])
    for at in by_remainder[: places - sum(given)]:
        given[at] += 1
    return given


def bar(parts: Sequence[Part], total: int, width: int) -> str:
    """Draw a bar.

    Args:
        parts: what it consists of, from the left.
        total: what the whole bar stands for; what the parts do not take is left empty.
        width: places in the bar.
    """
    given = cells([part.amount for part in parts], total, width)
    drawn = "".join(
        styled(part.glyph * places, fg=part.colour)
        for part, places in zip(parts, given, strict=True)
        if places
    )
    rest = width - sum(given)
    return drawn + dim(EMPTY * rest) if rest else drawn


def packed(parts: list[str], width: int, between: str = " ") -> list[str]:
    """Put parts into as few lines as they fit in, whole; ``between`` stands between two."""
    lines = parts[:1]
    for part in parts[1:]:
        longer = f"{lines[-1]}{between}{part}"
        if len(click.unstyle(longer)) < width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines
