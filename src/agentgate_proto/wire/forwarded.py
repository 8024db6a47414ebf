"""Whose address counts behind a proxy: ``X-Forwarded-For``, from the right, as far as it is known.

Each proxy adds the address that it saw at the end of the list. What stands left of the first
address that is no trusted proxy's was written by whoever that is, and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from agentgate_proto.wire.headers import Headers

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDED_BY_SOMEBODY = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""Headers that proxies add, and no client by itself."""


def read_address(text: str) -> Address | None:
    """Read an address, with brackets and a port where there are any; None: it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_address(peer: str, headers: Headers, trusted: Sequence[Network]) -> str:
    """Return where a request comes from.

    Args:
        peer: the address at the other end of the socket.
        headers: of the request.
        trusted: the networks of the proxies that are believed.
    """
    if not trusted:
        return peer
    address = read_address(peer)
    hops = headers.items_of("x-forwarded-for")
    while address is not None and hops and any(address in network for network in trusted):
        before = read_address(hops.pop())
        if before is None:
            break  # whoever wrote that, the proxy that passed it on is all we know
        address = before
    return peer if address is None else str(address)


def is_this_machine(peer: str, headers: Headers, trusted: Sequence[Network]) -> bool:
    """Whether a request was made on this machine, and by no proxy for somebody elsewhere."""
    address = read_address(client_address(peer, headers, trusted))
    if address is None or not address.is_loopback:
        return False
    own = read_address(peer)
    is_believed = own is not None and any(own in network for network in trusted)
    return is_believed or not any(name in headers for name in FORWARDED_BY_SOMEBODY)
