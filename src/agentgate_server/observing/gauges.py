"""Gauges: what has a size at any moment, looked up when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentgate_proto.principal import Role
from agentgate_server.backends.circuit_breaker import State
from agentgate_server.tools.tool import Tool

if TYPE_CHECKING:
    from agentgate_server.gate.gate import Gate


@dataclass(frozen=True, slots=True)
class Gauges:
    """How much there is.

    Attributes:
        connections: authenticated ones, by role.
        waiting: approvals that people may answer.
        active: requests under way.
        running: tools that run in a task or thread.
        queued: changes on their way to the store.
        is_failing: the store takes no writes.
        grants: those in force.
        channels: by name, whether it reaches nobody.
        backends: by name, whether it is left alone.
    """

    connections: Mapping[Role, int]
    waiting: int
    active: int
    running: int
    queued: int
    is_failing: bool
    grants: int
    channels: Mapping[str, bool]
    backends: Mapping[str, bool]


def gauges_of(gate: Gate) -> Gauges:
    """Look into a gate."""
    principals = [peer.connection.principal for peer in gate.peers.values()]
    return Gauges(
        connections=Counter(a.role for a in principals if a is not None),
        waiting=len(gate.ledger.waiting),
        active=gate.ledger.active,
        running=gate.running.count,
        queued=gate.writer.queue_length,
        is_failing=bool(gate.ledger.problem),
        grants=sum(not end for _, end in gate.ledger.grants(gate.utc())),
        channels={channel.name: bool(channel.problem) for channel in gate.desk.channels},
        backends=backends_of(gate.calls.catalogue),
    )


def backends_of(tools: Iterable[Tool]) -> dict[str, bool]:
    """Name the backends, each with whether a circuit of it is open."""
    backends: dict[str, bool] = {}
    for tool in tools:
        for circuit in tool.circuits:
            is_open = circuit.state is not State.CLOSED
            backends[circuit.name] = is_open or backends.get(circuit.name, False)
    return backends
