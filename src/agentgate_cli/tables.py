"""Lists of rows: a table for the eye, or tab-separated lines for everything else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import click


class Column(NamedTuple):
    """One column.

    Attributes:
        title: its heading, on a terminal.
        style: how rich shows its cells.
        wide: it may be as wide as there is room, and is wrapped; others keep in one line.
    """

    title: str
    style: str = ""
    wide: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print rows.

    Args:
        columns: of the table.
        rows: the cells, printable.
        empty: what to say on a terminal if there are no rows.
    """
    rows = list(rows)
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
    elif not rows:
        click.echo(empty)
    else:
        print_rich(columns, rows)


def print_rich(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for the eye."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(
            column.title,
            style=column.style,
            no_wrap=not column.wide,
            overflow="fold" if column.wide else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a cell is never markup
    Console(highlight=False).print(table)
