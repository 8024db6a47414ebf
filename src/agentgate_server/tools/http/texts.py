"""Texts of HTTP tool files that must have a form; making one of a wrong text is a ValueError."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Final, Self

from agentgate_server.backends.addresses import Network
from agentgate_server.backends.urls import split_url
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.http.templates import PathTemplate, Template
from agentgate_server.tools.python import NAME

HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
HEADER_TEXT: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
ARGUMENT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
BACKEND_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")

OURS: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade"),
        *("te", "trailer", "expect", "accept-encoding", "proxy-authorization", "proxy-connection"),
    }
)
"""Headers that say how a message is carried: the client sets them, or they would tell a server
another thing than what is sent."""


class BackendUrl(str):
    """Where a backend is."""

    __slots__ = ()

    def __new__(cls, text: str) -> BackendUrl:
        """Check the text."""
        _, target = split_url(text)
        if "?" in target or "#" in text:
            raise ValueError("must not have a query: give it to the tools, under request.query")
        return super().__new__(cls, text)


class NetworkText(str):
    """A network: ``192.168.1.0/24``, or one address."""

    __slots__ = ()

    def __new__(cls, text: str) -> NetworkText:
        """Check the text."""
        try:
            ip_network(text)
        except ValueError:
            raise ValueError("must be a network, as in 192.168.1.0/24, or one address") from None
        return super().__new__(cls, text)

    @property
    def network(self) -> Network:
        """The network that it is."""
        return ip_network(self)


class BackendName(str):
    """What tools and errors call a backend."""

    __slots__ = ()

    def __new__(cls, text: str) -> BackendName:
        """Check the text."""
        if not BACKEND_NAME.fullmatch(text):
            raise ValueError("must be up to 64 of A-Z a-z 0-9 _ . -")
        return super().__new__(cls, text)


class ToolName(str):
    """What agents and policies call a tool."""

    __slots__ = ()

    def __new__(cls, text: str) -> ToolName:
        """Check the text."""
        if not NAME.fullmatch(text):
            raise ValueError("must be up to 128 of A-Z a-z 0-9 _ . : / -, a letter or _ first")
        return super().__new__(cls, text)


class ArgumentName(str):
    """What agents call an argument, and templates write in braces."""

    __slots__ = ()

    def __new__(cls, text: str) -> ArgumentName:
        """Check the text."""
        if not ARGUMENT_NAME.fullmatch(text):
            raise ValueError("must be up to 64 of A-Z a-z 0-9 _, a letter or _ first")
        return super().__new__(cls, text)


class HeaderName(str):
    """The name of a header (RFC 9110, section 5.1) that one may set."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text."""
        if not HEADER_NAME.fullmatch(text):
            raise ValueError("is no name for a header")
        if text.lower() in OURS:
            raise ValueError("is set by the gateway itself: remove it")
        return super().__new__(cls, text)


class TemplateText(Secret):
    """A text with ``{argument}`` in it. Kept like a secret, because it may have one in it."""

    __slots__ = ("template",)

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.template = Template.parse(value)


class HeaderText(TemplateText):
    """The same, for a header."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__(value)
        literal = "".join(part for part in self.template.parts if isinstance(part, str))
        if literal and not HEADER_TEXT.fullmatch(literal.strip(" ")):
            raise ValueError("must be printable ASCII without line breaks")


class PathText(TemplateText):
    """The same, for a path."""

    __slots__ = ("path",)

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.path = PathTemplate(value)
