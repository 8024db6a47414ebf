"""What must hold when a world has come to rest: nothing is left behind, everybody has theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.agents import SdkAgent
from tests.sim.session_desk import WatchedDesk

if TYPE_CHECKING:
    from tests.sim.world import World


def look_for_leftovers(world: World) -> None:
    """The tables of the gate are empty, and what clients have is known to be had (I6)."""
    assert world.life is not None
    gate = world.life.gate
    lifecycle, delivery = gate.ledger._lifecycle, gate.ledger._delivery
    tables: dict[str, Any] = {
        "keys": lifecycle.joining.idempotent,
        "joined": delivery.joined,
        "alike": lifecycle.deciding._alike,
        "journal": lifecycle.journal._entries,
        "retries": lifecycle._retries,
        "waiting": +lifecycle.deciding._waiting,
        "orphans": delivery.orphans,
        "decisions": gate.desk._replies,
    }
    for name, table in tables.items():
        if table:
            world.fail(f"I9: {name} is left behind: {table}")
    for link in delivery.links._links.values():
        if link.sent or link.held or link.replies_due:
            world.fail(f"I6: link {link.number} keeps {link.sent or link.held}")
    look_for_undelivered(world)
    if isinstance(gate.sessions, WatchedDesk):
        world.oracle.sessions.rest(gate.sessions)
        for agent in world.agents:
            if isinstance(agent, SdkAgent) and agent.process is not None:
                agent.process.talker.rest()


def look_for_undelivered(world: World) -> None:
    """Our clients have asked for all that they missed, and have said that they have it."""
    clients = {
        (agent.plan.principal, agent.process.auth.client_id): agent.name
        for agent in world.agents
        if isinstance(agent, SdkAgent) and agent.process is not None
    }
    for row in world.disk.kept.values():
        name = clients.get((row.principal, row.client_id))
        if name is not None and not row.delivered:
            world.fail(f"I6: {name} never got the outcome of {row.request_id}: {row.signature}")
