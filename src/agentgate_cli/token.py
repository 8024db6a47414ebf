"""``agent-gate token``: a fresh token, and its hash for the configuration."""

from __future__ import annotations

import click
import msgspec


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def token(as_json: bool) -> None:
    """Make a token, and the hash that a configuration may hold instead of it.

    Give the token to the agent or person; write the hash to config.yaml:

    \b
        principals:
          - name: garden
            role: agent
            token_hash: sha256:...
    """
    from agentgate_server.tokens import hash_token, new_token

    fresh = new_token()
    if as_json:
        row = {"token": fresh, "token_hash": hash_token(fresh)}
        click.echo(msgspec.json.encode(row))
    else:
        click.echo(f"token:      {fresh}")
        click.echo(f"token_hash: {hash_token(fresh)}")
