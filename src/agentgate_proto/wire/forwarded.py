"""Whose address counts behind a proxy: ``X-Forwarded-For``, from the right, as far as it is known.

Each proxy adds the address that it saw at the end of the list. What stands left of the first
address that is no trusted proxy's was written by whoever that is, and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.hosts import is_loopback

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDED_BY_SOMEBODY = (
    *("forwarded", "via", "x-real-ip"),
    *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
)
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
    address, _ = walk(peer, headers, trusted)
    return peer if address is None else str(address)


def walk(peer: str, headers: Headers, trusted: Sequence[Network]) -> tuple[Address | None, bool]:
    """Go from hop to hop; return how far one gets, and whether that is where it began.

    It is not, where a trusted proxy passed on what is no address, or does not say for whom it asks.
    """
    address = read_address(peer)
    hops = headers.items_of("x-forwarded-for")
    is_told = bool(hops) or not any(name in headers for name in FORWARDED_BY_SOMEBODY)
    while address is not None and hops and is_trusted(address, trusted):
        before = read_address(hops.pop())
        if before is None:
            return address, False  # whoever wrote that, the proxy is all we know
        address = before
    return address, is_told


def is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    """Whether it is the address of a proxy that is believed."""
    return any(address in network for network in trusted)


def is_this_machine(peer: str, headers: Headers, trusted: Sequence[Network]) -> bool:
    """Whether a request was made on this machine, and by no proxy for somebody elsewhere.

    A proxy that does not say for whom it asks may still pass on the name by which it was reached:
    whoever asks by himself on this machine calls it by a name of loopback.
    """
    own = read_address(peer)
    if own is None:
        return False
    if not any(name in headers for name in FORWARDED_BY_SOMEBODY):
        return own.is_loopback and is_loopback(headers.get("host"))
    if not is_trusted(own, trusted):
        return False
    address, is_told = walk(peer, headers, trusted)
    return is_told and address is not None and address.is_loopback
