"""Reporting: what ``/health`` and ``/metrics`` say of a gateway, as its configuration wants it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from agentgate_server.approvals.channel import Channel
from agentgate_server.audit.heads import Findings
from agentgate_server.config import Config
from agentgate_server.conversing import health_of
from agentgate_server.gate.gate import Gate
from agentgate_server.observing.gauges import Gauges
from agentgate_server.observing.setup import Setup
from agentgate_server.relay.link import are_up
from agentgate_server.renewing import Renewal
from agentgate_server.sockets.listener import Listener
from agentgate_server.store.disk_watch import DiskWatch

Report = Callable[[], Any]
"""Says how a part is, for everybody to read: without names and secrets."""


class Healthy(Protocol):
    """A part that says how it is."""

    def health(self) -> Any:
        """Say it, for everybody to read."""
        ...


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


def reports_of(
    gate: Gate,
    found: Findings,
    channels: Iterable[Channel],
    parts: Mapping[str, Healthy | None],
    renewal: Renewal,
) -> dict[str, Report]:
    """Say how the parts are that the gate does not know.

    Args:
        gate: whose policy may be an old one.
        found: what the look at the audit has found.
        channels: where people are asked, besides terminals.
        parts: by name, those that there are.
        renewal: knows the certificate.
    """
    reports: dict[str, Report] = {"policy": lambda: gate.reloader.problem or "ok"}
    reports |= {channel.name: report_of(channel) for channel in channels}
    if found.problem:
        reports["audit"] = lambda: found.problem
    reports |= {name: part.health for name, part in parts.items() if part is not None}
    if renewal.certificate is not None:
        reports["certificate"] = lambda: renewal.doubt() or "ok"
    return reports


def report_of(channel: Channel) -> Report:
    """Say whether a channel reaches people."""
    return lambda: channel.problem or "ok"


def gauges_of(gate: Gate, renewal: Renewal, disk: DiskWatch, listener: Listener) -> Gauges:
    """Say how much there is of everything, in the gate and around it."""
    validity = None if renewal.certificate is None else renewal.certificate.validity
    return dataclasses.replace(
        gate.gauges(),
        certificate_ends_at=None if validity is None else validity.ends_at,
        disk_free=disk.floor.free,
        unread=listener.waiting_bytes,
        is_short=listener.memory.is_short,
    )


def connected_of(upstreams: Mapping[str, bool]) -> dict[str, int]:
    """How many of the gateways behind this one are connected."""
    return {"configured": len(upstreams), "connected": sum(upstreams.values())}
