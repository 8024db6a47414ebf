"""``agent-gate mcp setup``: an MCP client's settings, printed or written."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from agentgate_cli.beside import AGENT, DEFAULT_URL, Wanted, config_at_hand, look_up
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.mcp import jsonc, toml_text
from agentgate_cli.mcp.clients import (
    CLIENTS,
    VARIABLE,
    Client,
    Machine,
    Wish,
    inputs_with,
)
from agentgate_cli.mcp.files import (
    FileTrouble,
    make_private,
    read_text,
    replace_text,
)
from agentgate_cli.remote import NOBODY, as_option, config_beside_option, insecure_option
from agentgate_cli.style import note, say

FACE_PATH = "/mcp"


@click.command("setup")
@click.argument("client", type=click.Choice(list(CLIENTS)))
@click.option(
    "--http/--stdio",
    "is_web",
    default=False,
    help="Have it talk to the gateway's MCP face over HTTP, or start 'agent-gate mcp', which "
    "outlives restarts of the gateway.  [default: --stdio]",
)
@click.option("--write", is_flag=True, help="Write it into the client's settings, not only here.")
@click.option("--name", default="gate", help="What the client calls the gate.  [default: gate]")
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    help="Its settings, if not those of the user: a project's .mcp.json, for example.",
)
@click.option(
    "--url",
    envvar="AGENT_GATE_URL",
    help="The gateway.  [default: $AGENT_GATE_URL, else what the configuration says, else "
    f"{DEFAULT_URL}]",
)
@config_beside_option
@as_option
@click.option("--ca-file", type=click.Path(path_type=Path), help="PEM file of its authority.")
@insecure_option
@click.option(
    "--token",
    envvar=VARIABLE,
    help="The agent's token, to be kept in --token-file. Better in $AGENT_GATE_TOKEN.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Where 'agent-gate mcp' finds it.  [default: agent-gate/NAME.token in your settings]",
)
def setup(
    client: str,
    is_web: bool,
    write: bool,
    name: str,
    file: Path | None,
    url: str | None,
    config_file: Path | None,
    whose: str | None,
    ca_file: Path | None,
    insecure: bool | None,
    token: str | None,
    token_file: Path | None,
) -> int:
    """Connect CLIENT to the gate: print what belongs into its settings, or write it there.

    What is in these settings already stays as it is, comments too, and a copy is kept. No token
    goes in: it is kept in a file of its own, or in the environment.

    \b
    Examples:
      agent-gate mcp setup claude-code --write
      agent-gate mcp setup codex --http --url wss://gate.example.org
      agent-gate mcp setup claude-code --file .mcp.json --write
    """
    from agentgate_client.address import parse_url, websocket_url
    from agentgate_client.endpoint import check_secure

    machine = Machine(sys.platform, Path.home(), os.environ)
    found = CLIENTS[client]
    if is_web and found.web is None:
        text = f"{found.title} sends no token from its settings: use --stdio"
        raise click.UsageError(text)
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise click.UsageError("--name is made of letters, digits, - and _")
    url, token = at_hand(websocket_url(url or ""), token or "", config_file, whose)
    try:
        address = parse_url(url)
        check_secure(address, insecure)
    except ValueError as error:
        raise click.UsageError(f"--url: {error}") from None
    wish = Wish(
        name=name,
        command=own_command(),
        url=url,
        path=urlsplit(url).path.rstrip("/") + FACE_PATH,
        token_file=absolute(token_file or machine.settings / "agent-gate" / f"{name}.token"),
        ca_file=absolute(ca_file) if ca_file is not None else None,
        insecure=not (address.secure or address.is_loopback),
    )
    place = Place(found, file or found.file(machine), wish, is_web=is_web)
    try:
        if write:
            written(place, token)
        else:
            say(place.snippet().rstrip("\n"))
            note(f"\nThis belongs into {place.file}; --write puts it there.")
        next_steps(place, token, is_written=write)
    except FileTrouble as error:
        raise Failure(str(error)) from None
    return Exit.OK


def at_hand(url: str, token: str, given: Path | None, whose: str | None) -> tuple[str, str]:
    """Complete URL and token by the configuration at hand.

    A project's folder, where this is usually said, may well have a ``config.yaml`` of its own.

    Raises:
        click.UsageError: it was named, or somebody in it, and can't be used.
    """
    path = config_at_hand(given)
    if path is None and whose is not None:
        raise click.UsageError(NOBODY)
    if path is None or (url and token):
        return url or DEFAULT_URL, token
    try:
        found = look_up(Wanted(path, given is not None, whose, AGENT), url, token)
    except click.UsageError:
        if given is not None or whose is not None:
            raise
        return url or DEFAULT_URL, token
    return found.url, found.token


@dataclass(frozen=True, slots=True)
class Place:
    """One client's settings, and what goes in."""

    client: Client
    file: Path
    wish: Wish
    is_web: bool

    def puts(self, settings: Any) -> list[tuple[Any, Any]]:
        """What goes where, by the settings that are there."""
        make = self.client.web if self.is_web else self.client.pipe
        assert make is not None, "it was looked at before"
        puts = [make(self.wish, settings)]
        if self.is_web and self.client is CLIENTS["vscode"]:
            puts.insert(0, (("inputs",), inputs_with(settings)))
        return puts

    def snippet(self) -> str:
        """The settings as they would be without any others."""
        text = ""
        for path, value in self.puts({}):
            put = toml_text.put if self.client.is_toml else jsonc.put
            text = put(text, path, value)
        return text.lstrip("\n")

    def changed(self, text: str) -> str:
        """The settings with ours in them.

        Raises:
            FileTrouble: they can't be read, or not be changed.
        """
        kind: Any = toml_text if self.client.is_toml else jsonc
        try:
            for path, value in self.puts(kind.read(text)):
                text = kind.put(text, path, value)
        except (jsonc.JsoncError, toml_text.TomlError) as error:
            text = f"{self.file} was left as it is: {error}. Put this there by hand:"
            raise FileTrouble(f"{text}\n\n{self.snippet()}") from None
        return text


def written(place: Place, token: str | None) -> None:
    """Write the settings, and the token beside them."""
    before = read_text(place.file)
    after = place.changed(before)
    if not place.is_web and token:
        keep_token(place.wish.token_file, token)
    if after == before:
        say(f"{place.file} says so already")
    else:
        copy = replace_text(place.file, after)
        say(f"wrote {place.file}" + (f" (as it was before: {copy.name})" if copy else ""))
    if token and token in after and make_private(place.file):
        note("it has your token in it, and others could read it: now only you can (chmod 600)")


def keep_token(path: Path, token: str) -> None:
    """Write the token file, unless it is right."""
    if read_text(path).strip() == token:
        make_private(path)
        return
    replace_text(path, token + "\n", private=True, keep=False)
    say(f"wrote {path} (your token; only you can read it)")


def next_steps(place: Place, token: str | None, *, is_written: bool) -> None:
    """Say what else is to be done, and how to see that it works."""
    wish, client = place.wish, place.client
    steps: list[str] = []
    if place.is_web:
        hold_s = client.web_hold_s
        steps.append(
            "in the gateway's config.yaml, with the name of this token's agent:\n"
            f"    faces: {{mcp: {{path: {FACE_PATH}, holds: {{AGENT: {hold_s}}}}}}}"
        )
        if client is not CLIENTS["vscode"]:
            steps.append(f"start {client.title} where {VARIABLE} is set to the token")
    elif not (token and is_written) and not wish.token_file.exists():
        steps.append(
            f"put the agent's token into {wish.token_file}, for your eyes only: with --write and\n"
            f"    {VARIABLE} set this command does it ('agent-gate token new' makes one)"
        )
    steps += [hint.replace("NAME", wish.name) for hint in client.hints]
    steps.append(f"see that it works: {client.look}")
    note("\nNext:\n" + "\n".join(f"  - {step}" for step in steps))


def own_command() -> str:
    """The path of this command: programs with windows don't have a shell's PATH."""
    found = shutil.which(sys.argv[0]) or shutil.which("agent-gate")
    return str(absolute(Path(found))) if found else "agent-gate"


def absolute(path: Path) -> Path:
    """The whole path; links stay, so that what they are turned to later counts."""
    return Path.cwd() / path.expanduser()
