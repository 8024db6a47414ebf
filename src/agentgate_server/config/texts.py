"""Texts of the configuration that must have a form; making one of a wrong text is a ValueError."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from agentgate_proto.wire.hosts import ANY
from agentgate_proto.wire.routes import SEGMENTS_MAX

HOST_NAME = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
BASE_URL = re.compile(
    r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)
MODEL_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")
FACE_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


class Host(str):
    """An address or host name to listen on; an IPv6 address loses its brackets."""

    __slots__ = ()

    def __new__(cls, text: str) -> Host:
        """Check the text."""
        bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        try:
            ipaddress.ip_address(bare)
        except ValueError:
            if not HOST_NAME.fullmatch(bare):
                raise ValueError(
                    "must be an address or a host name alone, as in 127.0.0.1; "
                    "the port has its own key"
                ) from None
        return super().__new__(cls, bare)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it. Other names than localhost count as no."""
        try:
            address = ipaddress.ip_address(self)
        except ValueError:
            return self.casefold().removesuffix(".") == "localhost"
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address).is_loopback


class Origin(str):
    """An origin as browsers and apps send it (RFC 6454 section 6.2), with whatever scheme. ``null``
    is none: every page in a sandbox has it, and every file."""

    __slots__ = ()

    def __new__(cls, text: str) -> Origin:
        """Check the text."""
        if not ORIGIN.fullmatch(text):
            raise ValueError(
                "must be an origin in lower case, without a path, as in https://console.example or "
                "capacitor://localhost"
            )
        return super().__new__(cls, text)


class AllowedHost(str):
    """A name that clients put into ``Host``, in lower case; ``*`` stands for any."""

    __slots__ = ()

    def __new__(cls, text: str) -> AllowedHost:
        """Check the text."""
        lower = text.lower().removesuffix(".")
        if lower != ANY and not HOST_NAME.fullmatch(lower):
            raise ValueError(
                "must be a host name alone, without scheme and port, as in gate.example; or *"
            )
        return super().__new__(cls, lower)


class ProxyNetwork(str):
    """An address or a network of proxies."""

    __slots__ = ()

    def __new__(cls, text: str) -> ProxyNetwork:
        """Check the text."""
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise ValueError(
                f"must be an address or a network, as in 10.0.0.7 or 10.0.0.0/8: {error}"
            ) from None
        if not network.prefixlen:
            raise ValueError("must not be every address: anybody could claim to be anybody")
        return super().__new__(cls, text)

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The same, for comparing."""
        return ipaddress.ip_network(self)


class BaseUrl(str):
    """Where an HTTP service is, without a slash at the end; calls append their paths."""

    __slots__ = ()

    def __new__(cls, text: str) -> BaseUrl:
        """Check the text."""
        if not BASE_URL.fullmatch(text):
            raise ValueError("must be a URL without user and query, as in https://host:8081")
        return super().__new__(cls, text.rstrip("/"))

    @property
    def is_clear_text(self) -> bool:
        """Whether what is sent there leaves this machine without TLS."""
        parts = urlsplit(self)
        return parts.scheme == "http" and not Host(parts.hostname or "").is_loopback


class ModelName(str):
    """What a model is called in the configuration, by clients and in reports."""

    __slots__ = ()

    def __new__(cls, text: str) -> ModelName:
        """Check the text."""
        if not MODEL_NAME.fullmatch(text):
            raise ValueError(
                "must be 1 to 64 letters, digits, dots, colons, dashes and underscores; "
                "what its vendor calls it goes into 'model'"
            )
        return super().__new__(cls, text)


class FacePath(str):
    """The path of a face, without a slash at the end."""

    __slots__ = ()

    def __new__(cls, text: str) -> FacePath:
        """Check the text."""
        if not FACE_PATH.fullmatch(text) or text.count("/") > SEGMENTS_MAX:
            raise ValueError("must be a path that begins with a slash and has a name, as /gateway")
        return super().__new__(cls, text)
