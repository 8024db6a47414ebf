"""Output of the command line: a few styles, used sparingly, and only where a person looks.

Everything goes through click, which leaves styles out where the output is no terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import click
import msgspec

from agentgate_cli.text import escape_json


def styled(text: str, **style: Any) -> str:
    """Style a text, unless the user wants none (https://no-color.org), or the terminal can't."""
    if os.environ.get("NO_COLOR"):
        return text
    if os.environ.get("TERM") == "dumb" and not is_forced():
        return text
    return click.style(text, **style)


def is_forced() -> bool:
    """Whether styles are wanted even where nobody seems to look (https://force-color.org)."""
    return bool(os.environ.get("FORCE_COLOR")) and not os.environ.get("NO_COLOR")


def colour() -> bool | None:
    """What click is to do about styles: keep them, or see for itself whether it is a terminal."""
    return True if is_forced() else None


def bold(text: str) -> str:
    """What the eye should find first."""
    return styled(text, bold=True)


def dim(text: str) -> str:
    """What is there if one looks for it."""
    return styled(text, dim=True)


def good(text: str) -> str:
    """It went well."""
    return styled(text, fg="green")


def bad(text: str) -> str:
    """It went wrong, or somebody said no."""
    return styled(text, fg="red")


def warn(text: str) -> str:
    """Read this before you go on."""
    return styled(text, fg="yellow")


def say(text: str = "") -> None:
    """Print a line that a person reads, at once."""
    click.echo(text, color=colour())


def note(text: str) -> None:
    """Print a line beside the result: on standard error."""
    click.echo(text, err=True, color=colour())


def drop_output() -> None:
    """Print nothing any more: what is left could not be written either, when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def say_pages(text: str) -> None:
    """Print what may be long: on a terminal by the person's pager, if it does not fit."""
    if sys.stdout.isatty() and text.count("\n") >= shutil.get_terminal_size().lines:
        click.echo_via_pager(text + "\n")
    else:
        say(text)


def say_json(value: Any) -> None:
    """Print one JSON document: on a terminal for the eye, otherwise in one line."""
    encoded = msgspec.json.encode(value)
    if sys.stdout.isatty():
        encoded = msgspec.json.format(encoded, indent=2)
        click.echo(escape_json(encoded.decode()))
    else:
        click.echo(encoded)
