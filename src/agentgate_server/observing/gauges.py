"""Gauges: what has a size at any moment, looked up when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentgate_proto.principal import Role


@dataclass(frozen=True, slots=True)
class Gauges:
    """How much there is.

    Attributes:
        connections: authenticated ones, by role.
        waiting: approvals that people may answer.
        active: requests under way.
        running: tools that run in a task or thread.
        runs: runs of sessions under way.
        loaded: sessions in memory.
        queued: changes on their way to the store.
        is_failing: the store takes no writes.
        forgotten: outcomes that went before their time since the start.
        cut: entries of the audit, likewise.
        is_cutting: what is kept is not kept for as long as was promised, or will not be.
        grants: those in force.
        channels: by name, whether it reaches nobody.
        backends: by name, whether it is left alone.
        upstreams: the gateways behind this one, by name, whether it is connected.
        clients: of faces that count them, by the face's name.
        providers: connections that provide tools.
        provided: tools that are provided.
        disk_free: bytes that are free on the disk of the store; None: nobody has looked.
        unread: bytes of output that waits for who does not read it.
        is_short: there is too little memory, and agents are refused.
        certificate_ends_at: when that of the listener ends, UTC seconds; None: there is none.
    """

    connections: Mapping[Role, int]
    waiting: int
    active: int
    running: int
    runs: int
    loaded: int
    queued: int
    is_failing: bool
    forgotten: int
    cut: int
    is_cutting: bool
    grants: int
    channels: Mapping[str, bool]
    backends: Mapping[str, bool]
    upstreams: Mapping[str, bool] = field(default_factory=dict)
    clients: Mapping[str, int] = field(default_factory=dict)
    providers: int = 0
    provided: int = 0
    disk_free: int | None = None
    unread: int = 0
    is_short: bool = False
    certificate_ends_at: float | None = None
