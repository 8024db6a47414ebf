"""Groups of commands, each loaded only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from agentgate_cli.text import printable

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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant.

        Raises:
            click.UsageError: there is none of this name; the text says which is near.
        """
        name = args[0]
        if name not in self.rows and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, self.rows, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"see '{ctx.command_path} --help'"
            raise click.UsageError(f"there is no command '{printable(name)}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading any."""
        for title, rows in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in rows.items()])
