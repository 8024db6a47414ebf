"""Addresses: where a backend may lie.

An agent must not reach the inside of a network through a backend on the outside (SSRF): not the
router, not the cloud's metadata service, not the gateway's own port. So an address is allowed only
if it is public, unless the operator has said otherwise for this backend. What is judged is the
address that is then connected to, never a name: a name may resolve differently the next time.

The blocks are those of IANA's special-purpose registries (RFC 6890 and its updates).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PRIVATE: Final[dict[Network, str]] = {
    ip_network(block): kind
    for block, kind in (
        ("127.0.0.0/8", "loopback"),
        ("::1/128", "loopback"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "private"),
        ("fc00::/7", "private"),
    )
}
"""What ``private: true`` opens: this machine, the house, and overlay networks."""

SPECIAL: Final[dict[Network, str]] = {
    ip_network(block): kind
    for block, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "link-local"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("2002::/16", "reserved"),
        ("3fff::/20", "reserved"),
    )
}
"""What only a list of networks (``allow``) opens; clouds keep their metadata services there."""

GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All of IPv6 that is in use on the Internet; the rest is special, or will be."""

CARRIERS: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv6 that stands for IPv4: mapped (RFC 4291) and translated (NAT64, RFC 6052). It is judged as
the address in it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses one backend may have.

    Attributes:
        private: those of this machine and of private networks too.
        allow: those of these networks too.
    """

    private: bool = False
    allow: tuple[Network, ...] = ()

    def refusal(self, address: Address) -> str:
        """Return what kind of address it is that may not be reached, or "" if it may."""
        bare = carried(address)
        if any(bare in network or address in network for network in self.allow):
            return ""
        kind = kind_of(bare)
        return "" if not kind or (self.private and is_private(bare)) else kind


def carried(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address without its zone."""
    if isinstance(address, IPv4Address):
        return address
    bare = IPv6Address(int(address))
    if any(bare in carrier for carrier in CARRIERS):
        return IPv4Address(int(bare) & 0xFFFF_FFFF)
    return bare


def kind_of(address: Address) -> str:
    """Return what is special about an address, or "" if it is public."""
    for blocks in (PRIVATE, SPECIAL):
        for network, kind in blocks.items():
            if address in network:
                return kind
    return "reserved" if address.version == 6 and address not in GLOBAL_UNICAST else ""


def is_private(address: Address) -> bool:
    """Whether ``private: true`` opens it."""
    return any(address in network for network in PRIVATE)


def literal(host: str) -> Address | None:
    """Return the address that a host is, or None if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
