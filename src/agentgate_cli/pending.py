"""``agent-gate pending``: requests that are not over, or whose outcome nobody collected."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from agentgate_cli.exits import Exit
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import args_line, clock, cut, duration, fold, parse_time, printable

COLUMNS = (
    Column("asked"),
    Column("client", "dim"),
    Column("tool", "bold"),
    Column("arguments", wide=True),
    Column("state", wide=True),
)

SHOWN = (
    Column("asked"),
    Column("client", "dim", rank=1),
    Column("request", wide=True),
    Column("state", wide=True),
)
"""On a terminal, where the signature says in a third of the room what was asked."""

ARGS_CHARS_MAX = 120
"""Of the arguments in a table; --json has more of them, and those of one request whole."""

CLIENT_CHARS_MAX = 16
"""Of a client's id in a table: enough to tell them apart."""

PHASES = {"running": "running", "approved": "approved, about to run"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--all", "everything", is_flag=True, help="Also what is over and was collected.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Rows at most."
)
@click.option("--id", "request", metavar="ID", help="Only this one, whole, as JSON.")
@gateway_options
def pending(
    as_json: bool, everything: bool, limit: int, request: str | None, **options: Any
) -> int:
    """List your requests that wait, run, or ended without anybody there to hear it.

    Newest first. It changes nothing: an outcome goes on waiting for its client. With an operator's
    token these are everybody's requests. Of long arguments and results --json has the beginning,
    and names them in "shortened"; --id has the whole.
    """
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            if request:
                rows = [await client.get_request(request)]
            else:
                rows = await client.list_requests(open_only=not everything, limit=limit)
        if as_json or request:
            say_json({"requests": rows})
        else:
            at_terminal = sys.stdout.isatty()
            table = map(shown_cells if at_terminal else cells, rows)
            print_table(SHOWN if at_terminal else COLUMNS, table, "nothing is pending")
        return Exit.OK

    return run_remote(work)


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Make one row of the table."""
    age = f"{duration(time.time() - parse_time(row['created_at']))} ago"
    args = fold(args_line(row["args"], row.get("shortened", ())), ARGS_CHARS_MAX)
    client = cut(printable(row["client_id"]), CLIENT_CHARS_MAX) or "-"
    return age, client, printable(row["tool"]), args, state_of(row)


def shown_cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Make one row of the table on a terminal."""
    age, client, *_, state = cells(row)
    return age, client, fold(printable(row["signature"][:ARGS_CHARS_MAX]), ARGS_CHARS_MAX), state


def state_of(row: dict[str, Any]) -> str:
    """Say where a request is in its life."""
    if row["phase"] == "waiting":
        return f"waits for a person until {clock(row['expires_at'])} ({printable(row['rule'])})"
    if "status" not in row:
        return PHASES.get(row["phase"], str(row["phase"]))
    error = row.get("error")
    end = f"{row['status']}: {printable(error['message'])}" if error else str(row["status"])
    return end if row["delivered"] else f"{end}; not collected"
