"""``agent-gate health``: is the gateway well? For container engines, monitors and people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from agentgate_cli.beside import reachable
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.style import say, say_json
from agentgate_cli.text import duration, plural, printable

if TYPE_CHECKING:
    import socket

TIMEOUT_S = 5.0
"""A gateway that does not say within this that it is well is not."""

BODY_BYTES_MAX = 65_536
"""Of an answer: ours has some hundred bytes, and something else may listen there."""

TOLD = frozenset({"status", "version", "store"})
"""Texts of the answer that the summary always has."""

SCHEMES = {"ws": False, "http": False, "wss": True, "https": True}


@click.command()
@click.option("--url", help="The gateway.  [default: as --config says it listens]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration of a gateway on this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def health(url: str | None, config_file: Path, as_json: bool) -> int:
    """Ask the gateway how it is: exit code 0 well, 1 not well, 3 no answer.

    It needs no token and sends none, and so it takes any certificate.

    \b
    Examples:
      agent-gate health                           beside config.yaml
      agent-gate health --url wss://gateway.example:8443
    """
    host, port, tls = address_in(url) if url else address_of(config_file)
    where = f"{f'[{host}]' if ':' in host else host}:{port}"
    status, body = ask(host, port, tls, where)
    if as_json:
        say_json(body)
    else:
        say(summary(body))
    return Exit.OK if status == 200 else Exit.DENIED


def address_in(url: str) -> tuple[str, int, bool]:
    """Take host, port and whether there is TLS out of a URL.

    Raises:
        click.UsageError: it is none.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in SCHEMES or not host:
        raise click.UsageError(f"--url {printable(url)}: write it as in wss://gateway.example:8443")
    tls = SCHEMES[parts.scheme]
    return host, port or (443 if tls else 80), tls


def address_of(config_file: Path) -> tuple[str, int, bool]:
    """Read where the gateway of this machine listens.

    Raises:
        Failure: the configuration can't be read, or names no port.
    """
    from agentgate_cli.serve import document_failure
    from agentgate_server.config import load_config
    from agentgate_server.documents import DocumentError

    try:
        gateway = load_config(config_file, environment=os.environ).gateway
    except DocumentError as error:
        raise document_failure(error) from None
    if not gateway.port:
        raise Failure(f"{config_file}: gateway.port is 0, any free one: say which with --url")
    return reachable(gateway.host), gateway.port, gateway.serves_tls


def ask(host: str, port: int, tls: bool, where: str) -> tuple[int, dict[str, Any]]:
    """Get /health.

    Raises:
        Failure: nobody answers there, or somebody who is no gateway.
    """
    import http.client
    import ssl

    import msgspec

    bare = host.partition("%")[0]  # a zone is for the dial alone
    connection = http.client.HTTPConnection(bare, port)
    try:
        sock = dial(host, port)
        connection.sock = sock
        if tls:
            # A certificate of one's own making is for a name that this address need not have; and
            # nothing is sent that somebody between could want.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection.sock = context.wrap_socket(sock, server_hostname=bare.removesuffix("."))
        connection.request("GET", "/health", headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(BODY_BYTES_MAX)
    except ssl.SSLError as error:
        text = f"the gateway at {where} has no TLS, or TLS failed: {error.reason or error}"
        raise Failure(text, Exit.UNREACHABLE) from None
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        reason = printable(str(error).strip()) or type(error).__name__
        raise Failure(f"no gateway answers at {where}: {reason}", Exit.UNREACHABLE) from None
    finally:
        connection.close()
    try:
        return answer.status, msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        text = f"what answers at {where} is no gateway (HTTP {answer.status})"
        raise Failure(text, Exit.UNREACHABLE) from None


def dial(host: str, port: int) -> socket.socket:
    """Connect to the first address of a host that answers.

    Raises:
        OSError, UnicodeError: none does, or there is none.
    """
    import socket
    import time

    from agentgate_names.lookups import LOOKUPS

    until = time.monotonic() + TIMEOUT_S
    trouble = OSError(f"no address for the name {host}")
    for address in LOOKUPS.addresses_within(host, TIMEOUT_S):
        try:
            sock = socket.create_connection((address, port), max(until - time.monotonic(), 0.1))
        except OSError as error:
            trouble = error
        else:
            sock.settimeout(TIMEOUT_S)
            return sock
    raise trouble


def summary(body: dict[str, Any]) -> str:
    """Say in one line how the gateway is."""
    status = printable(str(body.get("status", "unknown")))
    version, store = (printable(str(body.get(key, "?"))) for key in ("version", "store"))
    up, connections, waiting = (
        int(value) if isinstance(value := body.get(key), int | float) else 0
        for key in ("uptime_s", "connections", "waiting_approvals")
    )
    counts = f"{plural(connections, 'connection')}, {plural(waiting, 'approval')} waiting"
    line = f"{status}: version {version}, up {duration(up)}, {counts}, store {store}"
    return ", ".join([line, *servers(body), *troubles(body)])


def servers(body: dict[str, Any]) -> Iterator[str]:
    """Say how many of the MCP servers behind the gate are up, and what waits for the operator."""
    part = body.get("mcp_servers")
    if not isinstance(part, dict):
        return
    configured, ready, waiting = (
        value if isinstance(value := part.get(key), int) else 0
        for key in ("configured", "ready", "waiting_for_review")
    )
    why = "" if ready == configured else " (the gateway's log says why)"
    yield f"{ready} of {plural(configured, 'MCP server')} up{why}"
    if waiting:
        yield f"{plural(waiting, 'tool')} to look at with 'agent-gate mcp review'"


def troubles(body: dict[str, Any]) -> Iterator[str]:
    """Name the other parts that are not well, as they say it."""
    for name, part in body.items():
        state = part.get("status") if isinstance(part, dict) else part
        if name not in TOLD and isinstance(state, str) and state != "ok":
            yield printable(f"{name} {state}")
