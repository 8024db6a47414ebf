"""The person's editor: a text goes there, and what they have saved comes back.

It has the terminal for as long as it is open. Whatever ends us ends it, too, so that nothing waits
for a person who is away, and the terminal is as it was before, however the editor ended.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import click

from agentgate_cli.exits import Failure
from agentgate_cli.terminal import Terminal

CHOSEN = ("VISUAL", "EDITOR")
"""The variables in which people name theirs, the more special one first."""

USUAL = ("sensible-editor", "vim", "nano", "vi")
"""Where they name none: the first that there is."""

LAST_WORDS_S = 2.0
"""How long an editor may take to put its things away, after it was told to end."""


def command() -> list[str]:
    """Return the command that opens the person's editor.

    Raises:
        click.UsageError: there is none.
    """
    for name in CHOSEN:
        if words := shlex.split(os.environ.get(name, ""), posix=os.name == "posix"):
            return words
    for name in USUAL:
        if found := shutil.which(name):
            return [found]
    raise click.UsageError("there is no editor: name yours in $EDITOR, or see --set")


async def edited(text: str, suffix: str) -> str:
    """Let a person edit a text; returns what they have saved, or the same text.

    Args:
        text: what they begin with.
        suffix: of the file's name, by which editors know what it is.

    Raises:
        click.UsageError: there is no such editor.
        Failure: it has failed, or what was saved is no text.
    """
    words = command()
    with TemporaryDirectory(prefix="agent-gate-") as folder:  # for its owner alone
        path = Path(folder) / f"edit{suffix}"
        path.write_text(text, encoding="utf-8")
        with modes_kept():
            code = await ended([*words, str(path)])
        if code:
            raise Failure(f"{words[0]} has ended with {code}, so nothing was taken")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise Failure(f"what was saved can't be read: {error}") from None


async def ended(words: list[str]) -> int:
    """Run a command that has the terminal; returns its exit code."""
    try:
        process = await anyio.open_process(words, stdin=None, stdout=None, stderr=None)
    except OSError as error:
        raise click.UsageError(f"the editor can't be started: {error}; see $EDITOR") from None
    async with process:
        try:
            return await process.wait()
        except anyio.get_cancelled_exc_class():
            process.terminate()
            with anyio.move_on_after(LAST_WORDS_S, shield=True):
                await process.wait()
            raise


@contextmanager
def modes_kept() -> Iterator[None]:
    """Leave the terminal as it was, even if an editor was killed that had changed it."""
    if not Terminal.is_there():
        yield
        return
    import termios

    descriptor = sys.stdin.fileno()
    modes = termios.tcgetattr(descriptor)
    try:
        yield
    finally:
        # Not TCSAFLUSH, which waits for all output to be shown: a terminal may be stopped (Ctrl-S)
        termios.tcsetattr(descriptor, termios.TCSANOW, modes)
        termios.tcflush(descriptor, termios.TCIFLUSH)
