"""The names under which a gateway may be reached (``Host``, RFC 9110 section 7.2).

A page of a stranger can give its own name our address (DNS rebinding): to the browser we are then
its own origin, and it may read all answers. What it can't do is to send another ``Host`` than that
name. So only names that are ours are taken. An address is no name, and nobody can rebind it.
"""

from __future__ import annotations

from ipaddress import ip_address

ANY = "*"
"""Among the allowed hosts: the check is left to whoever stands in front of the gateway."""

LOCALHOST = "localhost"
"""With all that ends in ``.localhost``, this machine in every browser (RFC 6761 section 6.3)."""


def name_of(host: str) -> str:
    """Return a Host without its port, in small letters, without brackets and a dot at the end."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")


def is_address(name: str) -> bool:
    """Whether it is an IP address as a browser writes it."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a Host is this machine's own name or address, by which no other machine reaches it.

    Args:
        host: as the request has it; "" names nobody, and no proxy sends that.
    """
    name = name_of(host)
    if is_address(name):
        return ip_address(name).is_loopback
    return not host or name == LOCALHOST or name.endswith(f".{LOCALHOST}")


def may_be_ours(host: str, allowed: frozenset[str] | None) -> bool:
    """Whether a Host may stand for this gateway.

    Args:
        host: as the request has it; "" names nobody, and no browser sends that.
        allowed: names in small letters; None, or ``ANY`` among them: all.
    """
    if allowed is None or ANY in allowed:
        return True
    name = name_of(host)
    return name in allowed or is_loopback(host) or is_address(name)
