"""Lists of rows: a table for the eye, or tab-separated lines for everything else.

A table fits its terminal: what is said in a sentence keeps room to be read, and columns that matter
less are left out where there is too little, which is said below the table.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import click

from agentgate_cli.text import printable
from agentgate_proto.text.showing import straight

WIDE_CHARS_MIN = 24
"""Of a column that is wrapped, unless nothing in it is as wide: three or four words."""

NARROW_CHARS_MAX = 24
"""Of a column in one line, where the wrapped ones would have too little room."""

BROKEN_CHARS_MIN = 8
"""Of a wrapped column, where nothing is left to be left out."""

PIECE = re.compile(r"[^ ,{[]*[ ,{[]+|[^ ,{[]+")
"""What a line is not broken within, with what it may be broken after."""

GAP_CHARS = 2
"""Between two columns."""


class Column(NamedTuple):
    """One column.

    Attributes:
        title: its heading, on a terminal.
        style: how rich shows its cells.
        wide: it may be as wide as there is room, and is wrapped; others keep in one line.
        least: of a wide one, the characters that it needs, unless nothing in it is as long.
        rank: where there is too little room the column with the highest goes first; 0: it stays.
    """

    title: str
    style: str = ""
    wide: bool = False
    least: int = WIDE_CHARS_MIN
    rank: int = 0


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print rows.

    Args:
        columns: of the table.
        rows: the cells, whatever is in them.
        empty: what to say on a terminal if there are no rows.
    """
    rows = [shown(row) for row in rows]
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
    elif not rows:
        click.echo(empty)
    else:
        print_rich(columns, rows)


def shown(row: Sequence[str]) -> list[str]:
    """Return cells as they are shown: none but the last runs right to left, over the next one."""
    *others, last = map(printable, row)
    return [*map(straight, others), last]


def print_rich(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for the eye."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    longest = [
        max(cell_len(column.title), *(cell_len(row[place]) for row in rows))
        for place, column in enumerate(columns)
    ]
    widths = layout(columns, longest, console.width)
    table = Table(box=None, padding=(0, GAP_CHARS, 0, 0), header_style="dim")
    for place, width in widths.items():
        column = columns[place]
        table.add_column(
            column.title,
            style=column.style,
            width=width,
            no_wrap=not column.wide,
            overflow="fold" if column.wide else "ellipsis",
        )
    for row in rows:
        cells = (
            "\n".join(broken(row[place], width)) if columns[place].wide else row[place]
            for place, width in widths.items()
        )
        table.add_row(*map(Text, cells))  # Text: a cell is never markup
    console.print(table)
    left_out = [column.title for place, column in enumerate(columns) if place not in widths]
    if left_out:
        words = f"(too narrow for: {', '.join(left_out)}; --json has them)"
        console.print(Text(words, "dim"))


def broken(text: str, chars_max: int) -> list[str]:
    """Break a text into lines: after a blank or, since JSON has none, a comma or a brace; in the
    midst of a word only if that is longer than a line."""
    lines = [""]
    for piece in PIECE.findall(text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > chars_max:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > chars_max:
            lines[-1:] = [lines[-1][:chars_max], lines[-1][chars_max:]]
    return [line.rstrip() for line in lines]


def layout(columns: Sequence[Column], longest: Sequence[int], width: int) -> dict[int, int]:
    """Say which columns are shown, and how wide each is.

    Args:
        columns: of the table.
        longest: the widest cell of each, its title included.
        width: of the terminal.

    Returns:
        The widths by the columns' places.
    """
    places = list(range(len(columns)))
    while True:
        room = width - GAP_CHARS * len(places)
        needs = {place: least_of(columns[place], longest[place]) for place in places}
        ranked = max(places, key=lambda place: columns[place].rank)
        if sum(needs.values()) <= room or not columns[ranked].rank:
            break
        places.remove(ranked)
    for place in places:  # a very narrow terminal: words are broken rather than left out
        missing = sum(needs.values()) - room
        if missing > 0 and columns[place].wide:
            needs[place] = max(needs[place] - missing, BROKEN_CHARS_MIN)
    spare = max(room - sum(needs.values()), 0)
    narrow_first = sorted(places, key=lambda place: (columns[place].wide, longest[place]))
    for number, place in enumerate(narrow_first):
        wants = longest[place] - needs[place]
        share = spare // (len(narrow_first) - number) if columns[place].wide else spare
        more = min(wants, share)
        needs[place] += more
        spare -= more
    return needs


def least_of(column: Column, longest: int) -> int:
    """How wide a column must be."""
    return min(longest, column.least if column.wide else NARROW_CHARS_MAX)
