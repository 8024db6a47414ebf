"""Which proxy leads to a gateway: what the user says, or else the environment, as curl reads it.

``HTTPS_PROXY`` is for ``wss://``, ``HTTP_PROXY`` for ``ws://``, ``ALL_PROXY`` for both where there
is no other; ``NO_PROXY`` names hosts that are reached without. The names in small letters come
first. One that is set and empty means: no proxy. ``HTTP_PROXY`` is not believed where there is
``REQUEST_METHOD``: in a CGI script a stranger may have set it, by the header ``Proxy``.

What stays on this machine goes through no proxy of the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from agentgate_client.address import Address, split_host

DEFAULT_PORTS: Final = {"http": 1080, "https": 443}
"""Those of curl, where the URL of a proxy has none."""

VARIABLES: Final = {"ws": ("http_proxy", "HTTP_PROXY"), "wss": ("https_proxy", "HTTPS_PROXY")}
FOR_ALL: Final = ("all_proxy", "ALL_PROXY")
EXCEPTIONS: Final = ("no_proxy", "NO_PROXY")
CGI: Final = "REQUEST_METHOD"
ARGUMENT: Final = "the argument proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that makes tunnels.

    Attributes:
        host: name or IP address, to be dialled.
        port: TCP port.
        secure: it is spoken to with TLS.
        source: who named it: a variable of the environment, or an argument.
        credentials: "user:password"; "": none.
    """

    host: str
    port: int
    secure: bool
    source: str
    credentials: str = field(default="", repr=False)

    def __str__(self) -> str:
        """For messages: never with the credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy {host}:{self.port} ({self.source})"


def proxy_for(address: Address, given: str | None, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that leads to a gateway, or None: it is reached without.

    Args:
        address: the gateway.
        given: the proxy's URL; "": none; None: what the environment says.
        environment: of the process.

    Raises:
        ValueError: the URL is none of a proxy; the text says who named it.
    """
    if given is not None:
        return parse_proxy(given, ARGUMENT) if given else None
    if address.is_loopback:
        return None
    for name in (*VARIABLES[address.scheme], *FOR_ALL):
        if name in environment and not (name == "HTTP_PROXY" and CGI in environment):
            url = environment[name].strip()
            exceptions = next((environment[each] for each in EXCEPTIONS if each in environment), "")
            if not url or is_excepted(address.host, exceptions):
                return None
            return parse_proxy(url, name)
    return None


def is_excepted(host: str, exceptions: str) -> bool:
    """Whether ``NO_PROXY`` names a host: ``*``, or names (which stand for all below them as well),
    addresses and networks, with commas or spaces between.

    Args:
        host: in small letters, without brackets and without a dot at its end.
        exceptions: what the variable says.
    """
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    for each in re.split(r"[\s,]+", exceptions.lower()):
        if each == "*":
            return True
        if address is not None:
            try:
                if address in ip_network(each.strip("[]"), strict=False):
                    return True
            except ValueError:
                pass
            continue
        name = each.strip(".")
        if name and (host == name or host.endswith(f".{name}")):
            return True
    return False


def parse_proxy(url: str, source: str) -> Proxy:
    """Take a proxy's URL apart.

    Args:
        url: ``http://[user:password@]host[:port]``, or ``https://`` for TLS to the proxy itself;
            ``http://`` may be left out.
        source: who named it.

    Raises:
        ValueError: it is none; the text never quotes it, since there may be a password in it.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
        host, suffix = split_host(parts.hostname or "")
        credentials = unquote(parts.username or "", errors="strict")
        if parts.password is not None or credentials:
            credentials += ":" + unquote(parts.password or "", errors="strict")
    except ValueError as error:
        hint = " (with a user, %-escape what is special in it)" if "@" in url else f": {error}"
        raise ValueError(f"{source}: no URL of a proxy{hint}") from None
    if parts.scheme.startswith("socks"):
        raise ValueError(
            f"{source}: SOCKS is not spoken; name a proxy that speaks HTTP, as in "
            "http://proxy.example:3128"
        )
    if parts.scheme not in DEFAULT_PORTS or not host or port == 0:
        raise ValueError(f"{source}: write the proxy as in http://proxy.example:3128")
    is_secure = parts.scheme == "https"
    dial_host = host + suffix
    return Proxy(dial_host, port or DEFAULT_PORTS[parts.scheme], is_secure, source, credentials)
