"""Addresses, as they are counted: whoever has one may have others beside it."""

from __future__ import annotations

from ipaddress import ip_address

IPV6_BITS = 64
"""Of an IPv6 address: whoever has one has all that share these (RFC 6177)."""


def block_of(address: str) -> str:
    """Return what stands for all addresses that one client may have."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)  # a listener for both families tells them so
    return str(mapped) if mapped is not None else str(int(parsed) >> (128 - IPV6_BITS))
