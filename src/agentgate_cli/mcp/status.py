"""``agent-gate mcp status``: what is known of the MCP servers behind the gate."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.exits import Exit
from agentgate_cli.mcp.review import NO_SERVERS, file_of, try_to, where
from agentgate_cli.offline import config_option, load_or_fail
from agentgate_cli.style import say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import duration, parse_time, printable

if TYPE_CHECKING:
    from agentgate_server.config import Config
    from agentgate_server.tools.mcp.form import McpServerConfig
    from agentgate_server.tools.mcp.login_file import Login
    from agentgate_server.tools.mcp.pins_file import ServerPins

COLUMNS = (
    Column("server", "bold"),
    Column("accepted"),
    Column("to review"),
    Column("pins"),
    Column("last change"),
    Column("login"),
    Column("where", wide=True),
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@config_option
def status(as_json: bool, config_file: Path) -> int:
    """Show the MCP servers behind the gate: what of them is accepted, and what waits for review.

    It reads files, and asks no gateway: 'agent-gate health' says how many servers are
    up, the gateway's log which.
    """
    config = load_or_fail(config_file)
    contents = try_to(file_of(config).contents)
    logins = logins_of(config) if any(each.oauth for each in config.tools.mcp.values()) else {}
    rows = [
        row_of(alias, server, contents.of(alias), logins)
        for alias, server in config.tools.mcp.items()
    ]
    if as_json:
        say_json({"servers": rows})
    else:
        print_table(COLUMNS, map(cells, rows), NO_SERVERS)
    return Exit.OK


def logins_of(config: Config) -> dict[str, Login]:
    """Read who is logged in where."""
    from agentgate_cli.mcp.login import try_to as try_logins
    from agentgate_server.tools.mcp.login_file import LoginFile

    file = LoginFile.beside(config.storage.path)
    return try_logins(lambda: file.contents().logins)


def login_of(alias: str, server: McpServerConfig, logins: dict[str, Login]) -> str | None:
    """Say how it stands with the login at a server; None: it wants none."""
    if not server.oauth:
        return None
    known = alias in logins and logins[alias].url == str(server.url)
    return "logged in" if known else "needs login"


def row_of(
    alias: str, server: McpServerConfig, pins: ServerPins, logins: dict[str, Login]
) -> dict[str, Any]:
    """Make one row of the list."""
    found = pins.differences()
    return {
        "server": str(alias),
        "where": where(server),
        "pins": server.pins,
        "accepted": sorted(pins.accepted),
        "to_review": [
            {"tool": each.name, "change": each.change, "other": each.other}
            for each in found
            if server.offers(each.name)
        ],
        "login": login_of(alias, server, logins),
        "seen_at": pins.seen.at if pins.seen is not None else None,
    }


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Make the cells of a row."""
    seen_at = row["seen_at"]
    ago = f"{duration(time.time() - parse_time(seen_at))} ago" if seen_at else "never reached"
    return (
        printable(row["server"]),
        str(len(row["accepted"])),
        str(len(row["to_review"])),
        row["pins"],
        ago,
        row["login"] or "-",
        row["where"],
    )
