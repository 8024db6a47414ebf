"""``agent-gate upstreams``: how the links to the gateways behind a gateway are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.beside import OPERATOR
from agentgate_cli.exits import Exit
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_proto.rpc.upstream_methods import UpstreamRow

COLUMNS = (
    Column("name", "bold"),
    Column("where"),
    Column("state"),
    Column("latency"),
    Column("calls"),
    Column("agents"),
    Column("tools"),
    Column("why", wide=True),
)


@click.command(epilog="Exit codes: 0 all are connected, 1 one is not, 3 no gateway.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def upstreams(as_json: bool, **options: Any) -> int:
    """Show the gateways behind a gateway, and how the link to each is.

    You need a token whose role is operator.

    \b
    Example:
      agent-gate upstreams --json | jq '.upstreams[] | select(.status != "connected")'
    """
    remote = remote_of(options, OPERATOR)

    async def work() -> int:
        from agentgate_client import ApprovalsClient

        async with connected(ApprovalsClient, remote) as client:
            rows = await client.upstreams()
        if as_json:
            say_json({"upstreams": rows})
        else:
            print_table(COLUMNS, map(cells, rows), "no gateway is behind this one")
        well = all(row.status == "connected" for row in rows)
        return Exit.OK if well else Exit.DENIED

    return run_remote(work)


def cells(row: UpstreamRow) -> tuple[str, ...]:
    """One row of the table."""
    failed = f"{plural(row.attempt, 'attempt')} failed" if row.attempt else ""
    return (
        printable(row.name),
        printable(row.place),
        printable(row.status),
        "-" if row.latency_s is None else f"{row.latency_s * 1_000:.1f} ms",
        str(row.calls),
        printable(", ".join(row.agents) or "-"),
        str(len(row.tools)),
        printable("; ".join(part for part in (failed, row.error) if part) or "-"),
    )
