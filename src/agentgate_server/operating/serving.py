"""Letting a gate answer those who look after it."""

from __future__ import annotations

from functools import partial

from agentgate_server.gate.auditing import AuditDesk
from agentgate_server.gate.devices import devices_of
from agentgate_server.gate.looking_back import LookingBack
from agentgate_server.gate.operator_calls import OperatorCalls
from agentgate_server.gate.principals import PrincipalDesk
from agentgate_server.operating.health import HealthDesk
from agentgate_server.operating.site import Site


def serve_operators(site: Site) -> None:
    """Let the gate of a gateway answer them."""
    gate = site.gate
    spawn, utc = gate.calls.spawn, gate.utc
    providers, monotonic = gate.providing.desk, gate.authenticator.monotonic
    head_file = lambda: gate.audit.found.head_file  # noqa: E731 - it changes when it is looked at
    gate.calls.operators = OperatorCalls(
        PrincipalDesk(gate.authenticator, lambda: gate.reloader.config, spawn, utc),
        AuditDesk(site.engine.path, head_file, site.masker, spawn),
        LookingBack(
            gate.desk,
            gate.judge,
            site.masker,
            ask=gate.writer.ask,
            warnings=gate.reloader.warnings,
            spawn=spawn,
            utc=utc,
        ),
        gate.upstreams,
        devices=partial(devices_of, providers, gate.peers, utc, monotonic),
        report_health=partial(spawn, HealthDesk(site).report),
    )
