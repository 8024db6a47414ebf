"""``agent-gate grants``: approvals that cover more than one request, listed and ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.approvals import json_option
from agentgate_cli.beside import PERSON
from agentgate_cli.completing import complete_grants
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.finding import IdCommand
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import say, say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import duration, parse_time, printable, short_id

if TYPE_CHECKING:
    from agentgate_client import ApprovalsClient, GrantView

COLUMNS = (
    Column("id", "bold"),
    Column("state"),
    Column("given", rank=3),
    Column("by", rank=2),
    Column("uses left", rank=1),
    Column("allows", wide=True, least=40),
)

ID_CHARS = 37
"""Of a whole id: it needs no looking up."""


@click.group()
def grants() -> None:
    """See and end grants: approvals that cover more than the one request.

    'agent-gate approvals approve ID --for 10m' gives one. You need a token whose role is approver
    (or operator), in $AGENT_GATE_TOKEN.
    """


@grants.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@json_option("one JSON document")
@gateway_options
def list_grants(everything: bool, as_json: bool, **options: Any) -> int:
    """List the grants in force, newest first."""
    remote = remote_of(options, PERSON)

    async def work() -> int:
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            found = await client.grants()
        views = [view for view in found if everything or view.status == "active"]
        if as_json:
            say_json({"grants": views})
        else:
            print_table(COLUMNS, map(cells, views), "no grant is in force")
        return Exit.OK

    return run_remote(work)


@grants.command(cls=IdCommand)
@click.argument("grant_id", metavar="ID", shell_complete=complete_grants)
@json_option("the grant as it stands then, as JSON")
@gateway_options
def revoke(grant_id: str, as_json: bool, **options: Any) -> int:
    """End a grant now. ID may be shortened to what is unique among those in force."""
    remote = remote_of(options, PERSON)

    async def work() -> int:
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            view = await client.revoke_grant(await whole_id(client, grant_id))
        if as_json:
            say_json(view)
        else:
            say(f"{printable(view.status)}: {printable(view.words)}")
        return Exit.OK

    return run_remote(work)


def cells(view: GrantView) -> tuple[str, ...]:
    """Make one row of the table."""
    import time

    now = time.time()
    left = duration(parse_time(view.expires_at) - now)
    return (
        short_id(view.id) if sys.stdout.isatty() else printable(view.id),
        f"{left} left" if view.status == "active" else printable(view.status),
        f"{duration(now - parse_time(view.created_at))} ago",
        f"{printable(view.approver)} ({printable(view.channel)})",
        str(view.uses_left),
        printable(view.words),
    )


async def whole_id(client: ApprovalsClient, end: str) -> str:
    """Find the grant in force whose id ends so.

    Raises:
        Failure: there is none, or several.
    """
    if len(end) >= ID_CHARS:
        return end
    active = [view for view in await client.grants() if view.status == "active"]
    found = [view.id for view in active if view.id.endswith(end)]
    if len(found) == 1:
        return found[0]
    if found:
        text = f"{end} is the end of {len(found)} ids: {', '.join(found)}"
    else:
        text = f"no grant in force has an id that ends with {end}: see 'agent-gate grants list'"
    raise Failure(text, Exit.USAGE)
