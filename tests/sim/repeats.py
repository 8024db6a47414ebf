"""Repeats: what an agent calls one (``join_s``) must not run if what it repeats has (I2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.server.store.model import MemoryEngine

from agentgate_proto.ledger.live import Live
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.records.storage import FindTwin

if TYPE_CHECKING:
    from tests.sim.plan import Ask
    from tests.sim.world import World

JOIN_S = 3_600.0
"""For how long back the agents of the worlds repeat themselves: longer than most of these last."""


def join_s_of(ask: Ask) -> float:
    """Say for how long back a request may be a repeat: of each third one. Nothing is drawn for
    that, so the worlds of old seeds are what they were."""
    return 0.0 if ask.number % 3 or ask.key else JOIN_S


class Repeats:
    """Watches them.

    Args:
        world: around it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._of: dict[str, str] = {}

    def judged(self, live: Live, all_live: Iterable[Live], now: float) -> None:
        """A request was decided; what is durable by now may be what it repeats.

        One that is under way is newer, and it is that: what its client has asked for anew may run.
        """
        record = live.record
        is_repeat = live.join_s > 0.0 and bool(record.client_id) and not record.idempotency_key
        if not is_repeat or record.effects is Effects.READ or record.relayed.principal:
            return
        if any(self._is_asked_anew(other.record, record) for other in all_live):
            return
        newest = self._newest(record)
        if newest is None or newest.outcome is None or newest.resolved_at < now - live.join_s:
            return
        same = (newest.effects, newest.definition) == (record.effects, record.definition)
        if same and newest.outcome.status is Status.EXECUTED:
            self._of[record.rid] = newest.rid
            self.world.count("repeats of what has run")

    def _is_asked_anew(self, other: Record, record: Record) -> bool:
        same = (other.principal, other.digest) == (record.principal, record.digest)
        is_another = other.rid != record.rid and other.rid not in self._of
        return same and is_another and other.phase is not Phase.DONE

    def started(self, record: Record) -> None:
        """A tool runs."""
        before = self._of.get(record.rid)
        newest = self._newest(record) if before is not None else None
        if newest is not None and newest.rid == before:
            self.world.fail(f"I2: {record.signature} runs again, and its agent calls it a repeat")

    def _newest(self, record: Record) -> Record | None:
        """What ended last of those for the very same."""
        query = FindTwin(record.principal, record.digest, 0.0)
        found = MemoryEngine.answer(self.world.disk, query)  # whether or not it can be read now
        return found if isinstance(found, Record) and found.rid != record.rid else None
