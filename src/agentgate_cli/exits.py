"""Exit codes: what a script learns without reading a word. One table for every command."""

from __future__ import annotations

from enum import IntEnum

import click


class Exit(IntEnum):
    """How a command ended; seed 001's successor gave ``call`` the codes 0 to 4."""

    OK = 0
    """It worked; for ``call``: the tool ran, its result is on standard output."""

    DENIED = 1
    """``call``: policy or a person said no. Elsewhere: it could not be done; standard error says
    why."""

    EXPIRED = 2
    """Nobody answered in time, or the caller's own patience ended; the tool did not run."""

    UNREACHABLE = 3
    """No gateway there, it did not accept the token, or it could not take the request."""

    USAGE = 4
    """The command line is wrong, or the arguments do not fit the tool."""

    TOOL_FAILED = 5
    """The tool ran and failed, or nobody can say whether it took effect."""

    INTERRUPTED = 130
    """Ctrl-C, as shells have it: 128 + SIGINT."""


class Failure(click.ClickException):
    """Ends a command with one line on standard error.

    Args:
        message: what is wrong and what to do next.
        code: the exit code.
    """

    def __init__(self, message: str, code: Exit = Exit.DENIED) -> None:
        super().__init__(message)
        self.code = code

    def format_message(self) -> str:
        """The words, as they are shown: a part of them may be a gateway's."""
        from agentgate_cli.text import escape_json

        return escape_json(self.message)
