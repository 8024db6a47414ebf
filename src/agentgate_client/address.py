"""Where a gateway is: the URL that the user gave, taken apart and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import quote, urlsplit

DEFAULT_PORTS = {"ws": 80, "wss": 443}
WEB_SCHEMES = {"http": "ws", "https": "wss"}

URL_CHARACTERS = "/%:@!$&'()*+,;=?-._~[]"
"""What may stand unquoted in path and query (RFC 3986 section 3.3), and "%", which quotes."""

NAME = re.compile(r"[0-9a-z._~-]+")
"""What names are made of, once they are ASCII and in lower case."""

ZONE = re.compile(r"[0-9A-Za-z._~-]{1,32}")
"""What names an interface in the address of a link (RFC 6874 section 2)."""

LOCALHOST = "localhost"
"""This machine, whatever a name server says (RFC 6761 section 6.3)."""

LABEL_CHARS_MAX = 63
"""Between two dots of a name (RFC 1035 section 2.3.4)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A gateway's address.

    Attributes:
        scheme: "ws" or "wss".
        host: name or IP address, ASCII, without brackets.
        port: TCP port.
        target: path and query, as they go into the request line.
        lookup_suffix: what the host ends with where it is dialled, and nowhere else: the dot of a
            whole name (RFC 1034 section 3.1), or the zone of an address (``%eth0``, RFC 4007
            section 11). Certificates and servers know the host without.
    """

    scheme: str
    host: str
    port: int
    target: str
    lookup_suffix: str = ""

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "wss"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine, as far as the URL says."""
        if self.host == LOCALHOST:
            return True
        try:
            address = ip_address(self.host)
        except ValueError:
            return False  # a name, which may begin with 127. and be anybody's
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return (mapped or address).is_loopback

    @property
    def dial_host(self) -> str:
        """The host to look up and to connect to."""
        return self.host + self.lookup_suffix

    @property
    def place(self) -> str:
        """Host and port, always with the port: whom a proxy is to connect."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """The Host header: with the port where it is not the scheme's own (RFC 6455 4.1)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """For messages and logs: without the query, where people put secrets."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"


def websocket_url(url: str) -> str:
    """Return a gateway's URL with ``ws`` where it was given as that of its pages, with ``http``."""
    scheme, colon, rest = url.partition("://")
    return WEB_SCHEMES.get(scheme.lower(), scheme) + colon + rest


def parse_url(url: str) -> Address:
    """Take a gateway's URL apart.

    Args:
        url: ``ws://host[:port][/path][?query]``, or ``wss://`` for TLS.

    Raises:
        ValueError: it is none; the text says what to write instead.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host, suffix = split_host(parts.hostname or "")
    except ValueError as error:
        raise ValueError(f"bad gateway URL: {error}") from None
    if parts.scheme not in DEFAULT_PORTS:
        better = WEB_SCHEMES.get(parts.scheme)
        hint = f"write {better}:// instead of {parts.scheme}://" if better else "begin with wss://"
        raise ValueError(f"bad gateway URL: {hint}, or ws:// for a gateway on this machine")
    if parts.username is not None or parts.password is not None:
        raise ValueError("bad gateway URL: no user and password in it; see the argument headers")
    if not host:
        raise ValueError(f"bad gateway URL: there is no host in {url!r}")
    if port == 0:
        raise ValueError("bad gateway URL: there is no port 0")
    if parts.fragment:
        raise ValueError("bad gateway URL: a WebSocket URL has no #fragment (RFC 6455 section 3)")
    target = quote(parts.path or "/", safe=URL_CHARACTERS)
    if parts.query:
        target += "?" + quote(parts.query, safe=URL_CHARACTERS)
    return Address(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], target, suffix)


def split_host(host: str) -> tuple[str, str]:
    """Return a host as servers and certificates know it, and what it ends with for the lookup.

    Args:
        host: of a URL, without brackets; "" is handed on.

    Raises:
        ValueError: it is none; the text says why.
    """
    if ":" in host:
        bare, percent, zone = host.partition("%")
        if percent and zone.startswith("25") and zone != "25":
            zone = zone[2:]  # as URLs write it (RFC 6874 section 2)
        if not is_ipv6(bare) or bool(percent) != bool(ZONE.fullmatch(zone)):
            raise ValueError(f"{host!r} is no IP address")
        return bare, percent + zone
    whole = host.removesuffix(".")
    name = whole.lower() if whole.isascii() else in_ascii(whole)
    if name and not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no host name and no IP address")
    for label in name.split(".") if name else ():
        if not 0 < len(label) <= LABEL_CHARS_MAX:
            what = "is empty" if not label else "is too long"
            raise ValueError(f"a part of the host name {name[:100]!r} {what}")
    if name == LOCALHOST:
        return name, ""  # with the dot, some systems ask a name server who this machine is
    return name, host[len(whole) :]


def is_ipv6(text: str) -> bool:
    """Whether this is an IPv6 address without a zone."""
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def in_ascii(name: str) -> str:
    """Return a name with letters beyond ASCII as it is looked up: as browsers do it, by IDNA 2008
    after the mapping of UTS 46, not transitional. So "ß" stays another letter than "ss", and the
    name leads to the same owner everywhere.

    Raises:
        ValueError: it is no name.
    """
    import idna  # its tables are large, and few names need them

    try:
        return idna.encode(name, uts46=True, transitional=False).decode("ascii").lower()
    except idna.IDNAError as error:
        raise ValueError(f"{name!r} is no host name: {error}") from None
