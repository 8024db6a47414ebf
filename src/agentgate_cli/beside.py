"""The gateway whose ``config.yaml`` is at hand: its address, and the token of who is meant.

What is found so goes to this machine alone: the address must be one of its own, and a certificate
must be the very one that the configuration names. So a folder from elsewhere, whose ``config.yaml``
names another host, gets neither a connection nor what ``${NAME}`` in it stands for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentgate_cli.text import printable

if TYPE_CHECKING:
    import ssl

    from agentgate_server.config.access import LocalAccess

DEFAULT_CONFIG = Path("config.yaml")

DEFAULT_URL = "ws://127.0.0.1:8443"

AGENT = ("agent",)
"""The roles of who asks."""

PERSON = ("approver", "operator")
"""The roles of who answers, the usual one first."""

OPERATOR = ("operator",)

ONLY_AGENT = "agent"
"""Whom ``agent.token`` stands for."""

PEM_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked up.

    Attributes:
        path: the configuration.
        named: the user named it; else it only lies here.
        whose: a principal's name or a role; None: see ``roles``.
        roles: of those whom the command is for, the usual one first.
    """

    path: Path
    named: bool
    whose: str | None
    roles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A gateway, and the token for it.

    Attributes:
        url: ws:// or wss://.
        token: never shown.
        insecure: it is on this machine, so that clear text is no harm; None: nobody knows.
        certificate: of the gateway, where it is the configuration's.
    """

    url: str
    token: str
    insecure: bool | None = None
    certificate: Path | None = None

    def __repr__(self) -> str:
        return f"Found({self.url!r})"


def look_up(wanted: Wanted, url: str, token: str) -> Found:
    """Complete what the user gave by what the configuration says.

    Args:
        wanted: where to look, and for whom.
        url: of the gateway, or "".
        token: or "".

    Raises:
        click.UsageError: it can't be found, or must not be sent there.
    """
    try:
        access = read_access(wanted.path)
        own = url_of(access, wanted.path) if not url else ""
    except click.UsageError:
        if token and not wanted.named:
            return Found(url or DEFAULT_URL, token)  # something else is called so, too
        raise
    if own:
        token = token or token_of(access, wanted)
        return Found(own, token, not access.certificate or None, access.certificate)
    if not token and not may_have(url, access, wanted):
        text = f"no token: that of {wanted.path} is for its own gateway; to send it to {url}, "
        raise click.UsageError(f"{text}name the configuration with --config, too")
    return Found(url, token or token_of(access, wanted))


def may_have(url: str, access: LocalAccess, wanted: Wanted) -> bool:
    """Whether a token of the configuration may go to an address that was given besides.

    An address of the environment may be left over from another day: then the user has to say so.
    """
    from agentgate_client.address import parse_url

    if wanted.named:
        return True
    try:
        address = parse_url(url)
    except ValueError:
        return True  # it goes nowhere
    return address.is_loopback or (address.host, address.port) == (access.host, access.port)


def config_at_hand(given: Path | None) -> Path | None:
    """Return the configuration that was named, or the one of this folder, if there is one."""
    if given is not None:
        return given
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def read_access(path: Path) -> LocalAccess:
    """Read a configuration.

    Raises:
        click.UsageError: it can't be used.
    """
    from agentgate_server.config.access import read_local_access
    from agentgate_server.documents import DocumentError

    try:
        return read_local_access(path, environment=os.environ)
    except DocumentError as error:
        text = f"{error}; name another gateway with --url and --token"
        raise click.UsageError(text) from None


def url_of(access: LocalAccess, path: Path) -> str:
    """Return where the gateway can be reached from here.

    Raises:
        click.UsageError: nobody knows its port, or it is not on this machine.
    """
    if not access.port:
        raise click.UsageError(f"{path}: gateway.port is 0, any free one: say which with --url")
    host = reachable(access.host)
    if not is_of_this_machine(host):
        raise click.UsageError(
            f"{path}: {printable(host)} is no address of this machine: name the gateway with --url"
        )
    where = f"[{host}]" if ":" in host else host
    return f"{'wss' if access.certificate else 'ws'}://{where}:{access.port}"


def reachable(host: str) -> str:
    """Return an address to connect to for one to listen on, which may mean all of the machine's."""
    from ipaddress import ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return str(host)
    if not address.is_unspecified:
        return str(host)
    return "127.0.0.1" if address.version == 4 else "localhost"  # of either family


def is_of_this_machine(host: str) -> bool:
    """Whether one could listen there: what goes to such an address stays on this machine."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(
        can_bind(socket.AddressFamily(family), address) for family, _, _, _, address in found
    )


def can_bind(family: socket.AddressFamily, address: Sequence[object]) -> bool:
    """Whether an address is one of this machine's."""
    with closing(socket.socket(family)) as sock:
        try:
            sock.bind(tuple(address))
        except OSError:
            return False
    return True


def token_of(access: LocalAccess, wanted: Wanted) -> str:
    """Return the token of who is meant.

    Raises:
        click.UsageError: there is none, or several may be meant.
    """
    path, name = wanted.path, name_of(access, wanted)
    token = access.tokens[name].token
    if token is None:
        raise click.UsageError(
            f"{path} has only the hash of the token of {printable(name)}: set AGENT_GATE_TOKEN, or "
            "give --token"
        )
    return token.value


def name_of(access: LocalAccess, wanted: Wanted) -> str:
    """Say who is meant.

    Raises:
        click.UsageError: nobody, or one of several.
    """
    path, whose, roles, tokens = wanted.path, wanted.whose, wanted.roles, access.tokens
    if whose is not None:
        if whose in tokens:
            return whose
        roles = (whose,)
    for role in roles:
        found = [name for name, known in tokens.items() if known.role.value == role]
        usable = [name for name in found if tokens[name].token is not None] or found
        if len(usable) == 1:
            return usable[0]
        if ONLY_AGENT in usable:
            return ONLY_AGENT
        if usable:
            names = ", ".join(map(printable, usable))
            text = f"{path} has several with the role {role}: say which with --as: {names}"
            raise click.UsageError(text)
    if whose is not None:
        raise click.UsageError(nobody(access, path, whose))
    raise click.UsageError(
        f"no token: nobody in {path} has the role {' or '.join(roles)}, which this takes: "
        "'agent-gate token new NAME --role ROLE' makes one, for AGENT_GATE_TOKEN"
    )


def nobody(access: LocalAccess, path: Path, whose: str) -> str:
    """Say that somebody is not there, and who is."""
    from difflib import get_close_matches

    names = [*access.tokens, *{known.role.value: None for known in access.tokens.values()}]
    near = get_close_matches(whose, names, 1)
    if near:
        hint = f"did you mean {printable(near[0])!r}?"
    else:
        hint = f"there are {', '.join(map(printable, names))}"
    return f"--as {printable(whose)}: nobody in {path} has this name or role; {hint}"


def names_at_hand(given: Path | None) -> Iterator[str]:
    """Yield what ``--as`` may be, for a shell that completes it."""
    path = config_at_hand(given)
    try:
        access = read_access(path) if path is not None else None
    except click.UsageError:
        return
    if access is not None:
        yield from access.tokens
        yield from {known.role.value: None for known in access.tokens.values()}


def only_this(certificate: Path) -> ssl.SSLContext:
    """Make a TLS context that trusts one certificate, whatever name is in it.

    Args:
        certificate: a PEM file; what comes after its first is a chain, and is not trusted.

    Raises:
        click.UsageError: it can't be read.
    """
    import ssl  # a client of MCP that starts this command waits for no more than it needs

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is the gateway's own, and the address is this machine's
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        first, end, _ = certificate.read_text("ascii", "replace").partition(PEM_END)
        context.load_verify_locations(cadata=first + end)
    except (OSError, ssl.SSLError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it holds no certificate"
        text = f"{certificate}: {why}; name the gateway with --url, its authority with --ca-file"
        raise click.UsageError(text) from None
    return context
