"""``agent-gate tools``: what this token may ask for."""

from __future__ import annotations

from typing import Any

import click

from agentgate_cli.exits import Exit
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import printable

COLUMNS = (
    Column("tool", "bold"),
    Column("expect"),
    Column("effects", rank=1),
    Column("arguments", wide=True, least=18, rank=2),
    Column("what it does", wide=True, rank=3),
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with schemas.")
@gateway_options
def tools(as_json: bool, **options: Any) -> int:
    """List the tools that you may ask for, with the decision to expect.

    "ask" means that a person will be asked, "depends" that it depends on the arguments. Tools that
    the policy denies whatever their arguments are left out.
    """
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            rows = await client.list_tools()
        if as_json:
            say_json({"tools": rows})
        else:
            print_table(COLUMNS, map(cells, rows), "there is no tool that you may ask for")
        return Exit.OK

    return run_remote(work)


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Make one row of the table; an argument that may be left out stands in brackets."""
    schema = row.get("args") or {}
    required = schema.get("required", ())
    names = [name if name in required else f"[{name}]" for name in schema.get("properties", ())]
    first_line = str(row["description"]).partition("\n")[0]
    texts = (row["name"], row["decision"], row["effects"], " ".join(names), first_line)
    return tuple(printable(str(text)) for text in texts)
