"""The method about the gateways behind this one, for whoever runs it."""

from __future__ import annotations

import msgspec


class ListUpstreams(msgspec.Struct, frozen=True, kw_only=True):
    """List the gateways behind this one, and how the connection to each is."""


class UpstreamRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One gateway behind this one.

    Attributes:
        name: under which it is configured here.
        place: host and port.
        status: "connecting", "connected", "reconnecting" or "closed".
        attempt: attempts in a row that failed.
        error: why it is not connected.
        latency_s: the last round trip, in seconds; absent while not connected.
        principal: whom it takes this gateway for.
        calls: calls that are not answered yet.
        agents: named agents there that this gateway is logged in to.
        tools: its tools that are offered here, by their names here.
    """

    name: str
    place: str
    status: str
    attempt: int = 0
    error: str = ""
    latency_s: float | None = None
    principal: str = ""
    calls: int = 0
    agents: list[str] = []
    tools: list[str] = []


class UpstreamList(msgspec.Struct, frozen=True):
    """The gateways behind this one, in the order of its configuration."""

    upstreams: list[UpstreamRow]
