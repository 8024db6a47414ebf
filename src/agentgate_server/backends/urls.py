"""URLs of backends: taken apart strictly, because what is read differently is a way around a check.

Only what can go to a server as it stands is a URL here: visible ASCII, ``http`` or ``https``, a
plain host, no user and password (they would show in logs).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

URL_CHARS_MAX: Final = 8_192
"""A whole URL; servers take about as much."""

URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-\"$->@-~]*)?(?:\?(?P<query>[!-\"$-~]*))?(?:#[!-~]*)?",
    re.IGNORECASE,
)
NAME: Final = re.compile(r"(?=.{1,253}\.?$)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?")
PORTS: Final = {"http": 80, "https": 443}
PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection goes to.

    Attributes:
        scheme: ``http`` or ``https``.
        host: a name in lower case, or an address without brackets.
        port: 1 to 65535.
    """

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """What the ``Host`` header says: no port if it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def split_url(url: str) -> tuple[Origin, str]:
    """Take a URL apart.

    Returns:
        its origin, and its target: path and query as they are sent. A fragment is not sent.

    Raises:
        ValueError: it is none; the text never quotes it, since a URL may hold a secret.
    """
    if "://" not in url:
        raise ValueError("must begin with http:// or https://, as in http://192.168.1.5:8123")
    match = URL.fullmatch(url)
    if match is None or len(url) > URL_CHARS_MAX:
        raise ValueError(
            "must be http:// or https://, a host name or address, maybe a port and a path, in "
            "visible ASCII and without a user name"
        )
    scheme, host = match["scheme"].lower(), match["host"].lower()
    if host.startswith("["):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    elif not NAME.fullmatch(host):
        raise ValueError("must have a host name of letters, digits, '-' and '.'")
    port = int(match["port"]) if match["port"] else PORTS[scheme]
    if not 1 <= port <= PORT_MAX:
        raise ValueError(f"must have a port from 1 to {PORT_MAX}")
    query = "" if match["query"] is None else f"?{match['query']}"
    return Origin(scheme, host, port), (match["path"] or "/") + query


def follow(origin: Origin, target: str, location: str) -> tuple[Origin, str]:
    """Return where a redirect leads, from where it was met.

    Raises:
        ValueError: its ``Location`` is no URL that can be followed.
    """
    return split_url(urljoin(f"{origin}{target}", location))
