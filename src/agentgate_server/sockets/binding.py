"""Binding: from the host of the configuration to sockets that listen.

A name may have several addresses, of which this machine need not have all: a hosts file can give
``localhost`` an address of IPv6 where that is switched off. What can be bound is bound, and it is
an error if nothing can, or if somebody else has one of them: half a gateway would be a riddle.
``::`` means all addresses of both families, whatever the system's settings make of it.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address
from socket import (
    AF_INET,
    AF_INET6,
    AI_PASSIVE,
    EAI_NONAME,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    SO_REUSEADDR,
    SOCK_STREAM,
    SOL_SOCKET,
    getaddrinfo,
    socket,
)
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

BACKLOG = 1_024
"""Connections that the system holds for us: a thousand agents may come back at once."""

EVERYWHERE = "::"
"""The host that stands for all addresses of both families."""

PORTS_TRIED = 16
"""Free ports that are tried, where one must be free for each of several addresses."""

NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Errors that say that this machine does not have the address, or not the family."""

HINTS = {
    errno.EADDRINUSE: "; is another gateway running? choose another with --port",
    errno.EADDRNOTAVAIL: "; it is no address of this machine: choose another with --host",
    errno.EACCES: "; ports below 1024 are for the system: choose another with --port",
    EAI_NONAME: "; no such host: choose another with --host",
}
"""What to do, by the number of the error."""


class ListenError(Exception):
    """The gateway cannot listen; the text says why and what to do."""


class Address(NamedTuple):
    """Where to bind: the family and the address as the system has it, without the port."""

    family: int
    text: str
    scope: int = 0

    def with_port(self, port: int) -> tuple[Any, ...]:
        """The same as ``bind`` takes it."""
        return (self.text, port, 0, self.scope) if self.family == AF_INET6 else (self.text, port)


def listen(host: str, port: int) -> tuple[list[socket], int]:
    """Listen on all addresses of a host that this machine has; return the sockets and the port.

    Looking up a name takes a while: call it in a thread.

    Args:
        host: an address or a name.
        port: 0: one that is free on all of them.

    Raises:
        ListenError: there is none, or one is taken or not allowed.
    """
    try:
        sockets = bound_to_free(addresses_of(host)) if not port else bound(addresses_of(host), port)
        for sock in sockets:
            sock.listen(BACKLOG)
    except OSError as error:
        raise ListenError(explain(host, port, error)) from None
    return sockets, int(sockets[0].getsockname()[1])


def check_address(host: str) -> None:
    """Make sure that a host is an address of this machine, without listening on it.

    Raises:
        ListenError: it is none.
    """
    try:
        for sock in bound(addresses_of(host), 0):
            sock.close()
    except OSError as error:
        raise ListenError(explain(host, 0, error)) from None


def addresses_of(host: str) -> list[Address]:
    """Return the addresses of a host, each once; raises OSError if it is none."""
    if host == EVERYWHERE:
        return [Address(AF_INET6, EVERYWHERE), Address(AF_INET, str(IPv4Address(0)))]
    found = [
        Address(family, str(address[0]).partition("%")[0], *[int(each) for each in address[3:]])
        for family, _, _, _, address in getaddrinfo(host, 0, type=SOCK_STREAM, flags=AI_PASSIVE)
    ]
    return list(dict.fromkeys(found))


def bound_to_free(addresses: list[Address]) -> list[socket]:
    """Bind all to one port that is free; raises as ``bound``."""
    for _ in range(PORTS_TRIED - 1):
        with suppress(OSError):
            return bound(addresses, 0)
    return bound(addresses, 0)


def bound(addresses: Iterable[Address], port: int) -> list[socket]:
    """Bind what this machine has of these, all to one port; 0: to one that is free.

    Raises:
        OSError: it has none of them, or one can't be bound; no socket is left.
    """
    sockets: list[socket] = []
    missing: list[OSError] = []
    try:
        for address in addresses:
            try:
                sockets.append(bound_to(address, port))
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                missing.append(error)
                log.debug("%s is no address of this machine: %s", address.text, error)
            else:
                port = sockets[0].getsockname()[1]
        if not sockets:
            raise missing[0]
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def bound_to(address: Address, port: int) -> socket:
    """Make a socket with that address; raises OSError if that can't be."""
    sock = socket(address.family, SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        if address.family == AF_INET6:
            with suppress(OSError):  # each family has a socket of its own
                sock.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
        sock.bind(address.with_port(port))
    except OSError:
        sock.close()
        raise
    return sock


def explain(host: str, port: int, error: OSError) -> str:
    """Say why we cannot listen, in one line."""
    reason = error.strerror or str(error)
    return f"cannot listen on {host}:{port}: {reason}{HINTS.get(error.errno or 0, '')}"
