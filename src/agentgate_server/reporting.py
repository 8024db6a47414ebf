"""Reporting: what ``/health`` and ``/metrics`` say of a gateway, as its configuration wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentgate_server.config import Config
from agentgate_server.conversing import health_of
from agentgate_server.gate.gate import Gate
from agentgate_server.observing.setup import Setup
from agentgate_server.relay.link import are_up

Report = Callable[[], Any]
"""Says how a part is, for everybody to read: without names and secrets."""


def fill_web(gate: Gate, config: Config, setup: Setup, reports: Mapping[str, Report]) -> None:
    """Say what ``/metrics`` shows, and how the parts are in ``/health``.

    Args:
        gate: whose they are.
        config: of the gateway.
        setup: what observes it.
        reports: of the parts that the gate does not know.
    """
    web = gate.web
    web.metrics = setup.metrics
    web.metrics_are_public = config.metrics.public
    web.face_names = gate.faces.names
    if (sessions := gate.sessions) is not None:
        web.runs = lambda: sessions.active
        if (health := health_of(sessions.models.models)) is not None:
            web.parts["models"] = health
    if gate.upstreams is not None:
        web.parts["upstreams"] = lambda: connected_of(are_up(gate.upstreams))
    web.parts.update(reports)


def connected_of(upstreams: Mapping[str, bool]) -> dict[str, int]:
    """How many of the gateways behind this one are connected."""
    return {"configured": len(upstreams), "connected": sum(upstreams.values())}
