"""``agent-gate token``: who may connect, made and revoked while the gateway runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.offline import config_option, load_or_fail
from agentgate_cli.style import note, say, say_json
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_proto.principal import Principal
    from agentgate_server.config import Config
    from agentgate_server.identity.token_file import TokenFile

T = TypeVar("T")

COLUMNS = (Column("name", "bold"), Column("role"), Column("source"), Column("made"))


@click.group()
def token() -> None:
    """Let agents and people in, and out again.

    Tokens made here are known to a running gateway at once; it keeps only their hashes, in the
    file that 'tokens' in the configuration names (tokens.json beside the database).
    """


@token.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["agent", "approver", "operator", "console", "relay"]),
    required=True,
    help="agent asks for tools, approver answers, operator runs the gateway, console talks "
    "to named agents, relay is another gateway in front of this one.",
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def new(name: str, role: str, config_file: Path, as_json: bool) -> int:
    """Make a token for NAME, and print it: this once and never again.

    \b
    Example:
      export AGENT_GATE_TOKEN=$(agent-gate token new garden --role agent)
    """
    from agentgate_proto.principal import Role
    from agentgate_proto.records.request import rfc3339
    from agentgate_server.identity.texts import PrincipalName
    from agentgate_server.identity.token_file import StoredToken
    from agentgate_server.identity.tokens import hash_token, new_token

    try:
        PrincipalName(name)
    except ValueError as error:
        raise click.UsageError(f"NAME {error}") from None
    if " " in name:  # commands, and /mute on Telegram, take names as one word
        raise click.UsageError(f"NAME must be one word: {printable(name.replace(' ', '-'))}")
    config = load_or_fail(config_file)
    if name in config.agents:
        raise Failure(f"{name!r} is a named agent of {config.name}: choose another name")
    if name in {identity.principal.name for identity in config.identities}:
        raise Failure(f"{name!r} is in {config.name} already: choose another name")
    if role == "agent" and name.partition(".")[0] in config.upstreams:
        text = "its tools would be called as those of an upstream are: choose another name"
        raise Failure(f"{name!r}: {text}")
    if role in ("agent", "relay") and config.messenger and name in config.messenger.names:
        raise Failure(f"{name!r} is a person who answers approvals: choose another name")
    fresh = new_token()
    stored = StoredToken(
        name=name,
        role=Role(role),
        token_hash=hash_token(fresh),
        created_at=rfc3339(time.time()),
    )
    file = token_file(config)
    try_to(lambda: file.add(stored))
    if as_json:
        say_json({"name": name, "role": role, "token": fresh, "created_at": stored.created_at})
    else:
        say(fresh)
        note(f"the token of {name} ({role}): keep it, it is not shown again")
    return Exit.OK


@token.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_tokens(config_file: Path, as_json: bool) -> int:
    """List who may connect, those of the configuration included."""
    config = load_or_fail(config_file)
    file = token_file(config)
    found = try_to(file.contents)
    revoked = {each.token_hash for each in found.revoked}
    rows = [
        row_of(each.principal, "revoked" if each.token_hash in revoked else "config", None)
        for each in config.identities
    ]
    rows += [row_of(each.identity.principal, "file", each.created_at) for each in found.tokens]
    if as_json:
        say_json({"tokens": rows})
    else:
        cells = [[printable(value or "-") for value in row.values()] for row in rows]
        print_table(COLUMNS, cells, "nobody may connect")
    return Exit.OK


@token.command()
@click.argument("name")
@config_option
def revoke(name: str, config_file: Path) -> int:
    """Revoke the token of NAME: a running gateway closes its connections within a second.

    It never counts again. One that stands in the configuration must be replaced there, before NAME
    can come back.
    """
    from agentgate_proto.records.request import rfc3339
    from agentgate_server.identity.token_file import RevokedToken

    config = load_or_fail(config_file)
    file = token_file(config)
    configured = {identity.principal.name: identity for identity in config.identities}
    if name in configured:
        at, found = rfc3339(time.time()), configured[name]
        token = RevokedToken(name=name, token_hash=found.token_hash, revoked_at=at)
        try_to(lambda: file.shut_out(token))
        say(f"revoked {printable(name)} ({found.principal.role})")
        note(
            f"it stands in {config.name}: {printable(name)} comes back with another one there (or "
            "in .env), and 'agent-gate reload', or a restart if the environment has it"
        )
        return Exit.OK
    revoked = try_to(lambda: file.revoke(name))
    say(f"revoked {printable(name)} ({revoked.role})")
    return Exit.OK


@token.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def make(as_json: bool) -> int:
    """Make a token and its hash, and keep neither.

    For principals of the configuration. Give the token to the agent or person; write the hash to
    config.yaml:

    \b
        principals:
          - name: garden
            role: agent
            token_hash: sha256:...
    """
    from agentgate_server.identity.tokens import hash_token, new_token

    fresh = new_token()
    if as_json:
        say_json({"token": fresh, "token_hash": hash_token(fresh)})
    else:
        say(f"token:      {fresh}")
        say(f"token_hash: {hash_token(fresh)}")
    return Exit.OK


@token.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def totp(name: str, as_json: bool) -> int:
    """Make a secret for the one-time codes of NAME, and keep it nowhere.

    Write it to the configuration as 'totp' of that principal, and put the address into an
    authenticator app: most take it as a QR code.
    """
    import pyotp

    secret = pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="agent-gate")
    if as_json:
        say_json({"totp": secret, "uri": uri})
    else:
        say(f"totp: {secret}")
        say(f"uri:  {uri}")
    return Exit.OK


def row_of(principal: Principal, source: str, created_at: str | None) -> dict[str, str | None]:
    """Make one row of the list."""
    return {
        "name": principal.name,
        "role": principal.role,
        "source": source,
        "created_at": created_at,
    }


def token_file(config: Config) -> TokenFile:
    """The token file of a configuration."""
    from agentgate_server.identity.token_file import TokenFile

    return TokenFile(config.tokens)


def try_to(work: Callable[[], T]) -> T:
    """Work on the token file.

    Raises:
        Failure: it can't be done.
    """
    from agentgate_server.identity.token_file import TokenFileError

    try:
        return work()
    except TokenFileError as error:
        raise Failure(str(error)) from None
