"""Where a gateway is: the URL that the user gave, taken apart and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

DEFAULT_PORTS = {"ws": 80, "wss": 443}
WEB_SCHEMES = {"http": "ws", "https": "wss"}

URL_CHARACTERS = "/%:@!$&'()*+,;=?-._~[]"
"""What may stand unquoted in path and query (RFC 3986 section 3.3), and "%", which quotes."""

HOST = re.compile(r"[0-9a-z._~:-]+")
"""What names and addresses are made of, once they are ASCII and in lower case."""


@dataclass(frozen=True, slots=True)
class Address:
    """A gateway's address.

    Attributes:
        scheme: "ws" or "wss".
        host: name or IP address, ASCII, without brackets.
        port: TCP port.
        target: path and query, as they go into the request line.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "wss"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine, as far as the URL says."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False  # a name, which may begin with 127. and be anybody's

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
        host = (parts.hostname or "").encode("idna").decode("ascii")
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
    if not HOST.fullmatch(host):
        raise ValueError(f"bad gateway URL: {host!r} is no host name and no IP address")
    if port == 0:
        raise ValueError("bad gateway URL: there is no port 0")
    if parts.fragment:
        raise ValueError("bad gateway URL: a WebSocket URL has no #fragment (RFC 6455 section 3)")
    target = quote(parts.path or "/", safe=URL_CHARACTERS)
    if parts.query:
        target += "?" + quote(parts.query, safe=URL_CHARACTERS)
    return Address(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], target)
