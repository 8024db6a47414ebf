"""Groups of commands, each loaded only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

Rows = Mapping[str, tuple[str, str]]
"""Where each command is (``module:name``), and its line in the help."""


class LazyGroup(click.Group):
    """A group whose commands' modules are not imported before they are needed.

    Args:
        sections: the commands, under the titles that the help has for them.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Rows], **options: Any) -> None:
        super().__init__(*args, **options)
        self.sections = sections
        self.rows = {name: row for rows in sections.values() for name, row in rows.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the order of the help."""
        return list(self.rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in self.rows:
            return None
        module, _, name = self.rows[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading any."""
        for title, rows in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in rows.items()])
