"""Operating: what people who run a gateway see of it, and change, by the native protocol."""

from __future__ import annotations

from agentgate_server.gate.gate import Gate
from agentgate_server.gate.operator_calls import OperatorCalls
from agentgate_server.gate.principals import PrincipalDesk


def serve_operators(gate: Gate) -> None:
    """Let a gate answer them."""
    principals = PrincipalDesk(
        gate.authenticator, lambda: gate.reloader.config, gate.calls.spawn, gate.utc
    )
    gate.calls.operators = OperatorCalls(principals, gate.upstreams)
