"""``agent-gate init``: a first configuration that serves as it is."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import click

from agentgate_cli.exits import Failure

STARTERS = ("config.yaml", "permissions.yaml", "tools.py")
DOTENV = ".env"

NEXT_STEPS = """
Next, in three terminals in {folder}:

  agent-gate serve

  set -a; . ./.env                                        # answer what is asked
  AGENT_GATE_TOKEN=$APPROVER_TOKEN agent-gate approvals watch

  set -a; . ./.env                                        # ask, as an agent does
  AGENT_GATE_TOKEN=$AGENT_TOKEN agent-gate call write_note name=milk text='buy milk'
"""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Write a configuration, a policy, two tools and fresh tokens into FOLDER.

    What is there already stays untouched: then nothing is written at all.

    \b
    Example:
      agent-gate init my-gateway && cd my-gateway && agent-gate serve
    """
    names = (*STARTERS, DOTENV)
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise Failure(
            f"{folder / there[0]} is there already; nothing was written. "
            "Give another folder, or move it away"
        )
    try:
        write_starters(folder)
    except OSError as error:
        raise Failure(f"cannot write to {folder}: {error.strerror}; give another folder") from None
    for name in names:
        click.echo(f"wrote {folder / name}")
    click.echo(NEXT_STEPS.format(folder=folder.resolve()), nl=False)


def write_starters(folder: Path) -> None:
    """Write all files; the one with the tokens is for its owner's eyes only.

    Raises:
        OSError: the folder can't be written.
    """
    from agentgate_server.tokens import new_token

    folder.mkdir(parents=True, exist_ok=True)
    for name in STARTERS:
        text = (files("agentgate_cli") / "starter" / name).read_text("utf-8")
        (folder / name).write_text(text, "utf-8")
    secrets = (
        "# Secrets for config.yaml. Keep this file to yourself.\n"
        f"AGENT_TOKEN={new_token()}\n"
        f"APPROVER_TOKEN={new_token()}\n"
    )
    descriptor = os.open(folder / DOTENV, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets)
