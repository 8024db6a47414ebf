"""What is known of an HTTP backend, and how long and how much it may take.

Apart from ``http_client``, so that reading a configuration imports no HTTP library.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.circuit_breaker import FAILURES_MAX
from agentgate_server.secrets.secret import Secret

CONNECT_TIMEOUT_S: Final = 10.0
"""How long a connection may take, its name and TLS included: three lost packets and some."""

TIMEOUT_S: Final = 30.0
"""How long one request may take altogether, unless the backend says otherwise."""

ANSWER_BYTES_MAX: Final = 1_000_000
"""Bytes of one answer; the same as a tool's result may have unless configured."""

CONNECTIONS_MAX: Final = 8
"""Connections to one backend; also how many of its calls run at once."""

SERVER_ERRORS: Final = range(500, 600)


class Redirects(StrEnum):
    """Which redirects of a GET or HEAD that only reads are followed."""

    NONE = "none"
    SAME_ORIGIN = "same_origin"
    """Those that stay with scheme, host and port."""
    ANY = "any"
    """All but those from https to http. Elsewhere the backend's headers are not sent, and only
    public addresses, or those of ``allow``, may be reached."""


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """What is known of a backend.

    Attributes:
        name: what errors call it.
        url: scheme, host, port, and the path that all targets start with.
        headers: sent with every request.
        reach: which addresses it may have.
        redirects: which are followed.
        ca: PEM file of the authorities that may vouch for it; None: the system's.
        timeout_s: how long one request may take, in seconds.
        connect_timeout_s: how long a connection may take.
        connections_max: connections at once; further requests wait.
        failures_max: see ``CircuitBreaker``.
        failing: statuses by which it says that it is broken, for the circuit.
    """

    name: str
    url: str
    headers: Mapping[str, Secret] = field(default_factory=dict)
    reach: Reach = field(default_factory=Reach)
    redirects: Redirects = Redirects.NONE
    ca: Path | None = None
    timeout_s: float = TIMEOUT_S
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    connections_max: int = CONNECTIONS_MAX
    failures_max: int = FAILURES_MAX
    failing: Container[int] = SERVER_ERRORS
