"""docs/cli.md and the commands say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from agentgate_cli.exits import Exit
from agentgate_cli.main import COMMANDS, cli
from agentgate_server.version import VERSION

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")


def commands() -> Iterator[click.Command]:
    """Every command, those of groups included."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield found


def test_every_command_and_option_is_documented() -> None:
    for command in commands():
        assert f"`{command.name}" in TEXT or f" {command.name}" in TEXT, command.name
        for parameter in command.params:
            for option in parameter.opts:
                assert option in TEXT or isinstance(parameter, click.Argument), option


def test_every_documented_option_exists() -> None:
    options = [[*p.opts, *p.secondary_opts] for c in commands() for p in c.params]
    known = {option for each in options for option in each}
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= {*known, "--help"}


def test_every_exit_code_is_documented() -> None:
    table = re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)
    assert [int(code) for code in table] == [int(code) for code in Exit]


def test_the_version_that_is_shown_is_this_one() -> None:
    assert set(re.findall(r"version (\d+\.\d+\.\d+)", TEXT)) == {VERSION}
