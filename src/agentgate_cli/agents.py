"""``agent-gate agents``: the named agents of a configuration, and what their passwords become."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import config_option, load_or_fail
from agentgate_cli.style import say, say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import printable

COLUMNS = (Column("id", "bold"), Column("name"), Column("model"), Column("password"))


@click.group()
def agents() -> None:
    """See the named agents, to which consoles log in by a password."""


@agents.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_agents(config_file: Path, as_json: bool) -> int:
    """List the named agents of the configuration."""
    config = load_or_fail(config_file)
    rows = [
        {
            "id": str(agent),
            "name": str(each.name),
            "model": str(each.model),
            "password": "clear" if each.password is not None else "hash",
        }
        for agent, each in config.agents.items()
    ]
    if as_json:
        say_json({"agents": rows})
    else:
        cells = [[printable(value) for value in row.values()] for row in rows]
        print_table(COLUMNS, cells, "there are no named agents")
    return Exit.OK


@agents.command("hash")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def hash_password(as_json: bool) -> int:
    """Ask for a password, and print its hash; keep neither.

    Without a terminal the password is the first line of standard input. Write the hash to
    config.yaml:

    \b
        agents:
          house:
            password_hash: scrypt:...
    """
    from agentgate_proto.limits import PASSWORD_CHARS_MAX
    from agentgate_server.identity.passwords import hash_password as hashed

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password.strip():
        raise Failure("the password is empty")
    if len(password) > PASSWORD_CHARS_MAX:
        raise Failure(f"the password has more than {PASSWORD_CHARS_MAX} characters")
    made = str(hashed(password))
    if as_json:
        say_json({"password_hash": made})
    else:
        say(f"password_hash: {made}")
    return Exit.OK
