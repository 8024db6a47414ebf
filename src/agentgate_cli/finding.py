"""Which session is meant on a command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_client import AgentGateClient, Session

LATEST = "latest"
"""Names the session that was made last; no id is that short."""


class IdCommand(click.Command):
    """A command that is given ids. One may begin with a dash, so what is no option is an id; and
    there are no short options, because click looks for them inside of words."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; ``-h`` alone is no id."""
        ctx.help_option_names = ["--help"]
        return super().parse_args(ctx, ["--help" if arg == "-h" else arg for arg in args])


@contextmanager
def naming_model() -> Iterator[None]:
    """Make of a model that there is not a mistake in the command line.

    Raises:
        Failure: there is none of this name.
    """
    from agentgate_client import ModelFailed

    try:
        yield
    except ModelFailed as error:
        text = f"{printable(error.message)}; 'agent-gate sessions models' says more"
        raise Failure(text, Exit.USAGE) from None


async def find_session(client: AgentGateClient, name: str) -> Session:
    """Return a session by its id, or the one that was made last.

    Raises:
        Failure: there is none at all.
        SessionNotFound: there is none with this id that is the caller's.
    """
    if name != LATEST:
        return await client.sessions.get(name)
    views = await client.sessions.list(limit=1)
    if not views:
        raise Failure("there is no session yet: begin one with 'agent-gate chat'", Exit.USAGE)
    return await client.sessions.get(views[0].id)
