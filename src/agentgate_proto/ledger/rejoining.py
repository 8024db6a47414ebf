"""Rejoining: an ask that its client calls a repeat is the request that it repeats, by its content.

Some clients have no id that outlives them: they give up, and ask the same again. Such an ask says
for how long back an identical request of its principal is this very one (``join_s``). If that is
under way, the ask joins it. If it has ended, its outcome is the answer where to run it again, or to
ask a person again, would be once too often: a write that was executed, a read that a person was
asked about and whose outcome nobody has got, a no of a person. What failed, has expired or was
withdrawn is asked for anew, and so is what ended as unknown: that has its own way.

An idempotency key says which act is meant, and counts instead. Old clients join nothing: what has
joined is in memory only until it ends, and they never send again what a crash has wiped. What a
gateway in front passes on may be another one's for whom it asks, so that it joins is up to it.
"""

from __future__ import annotations

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.live import Live
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects, Phase, Record


class Rejoining:
    """Which requests under way are identical: those that the policy has let through."""

    def __init__(self) -> None:
        self._alike: dict[tuple[str, str], dict[str, Live]] = {}
        self._written: dict[tuple[str, str], dict[str, Live]] = {}

    def add(self, live: Live) -> None:
        """A request goes its way; repeats of it may join it."""
        record = live.record
        digest, written = record.digest, record.written
        key = record.principal, digest
        self._alike.setdefault(key, {})[record.rid] = live
        if written:
            key = record.principal, written
        self._written.setdefault(key, {})[record.rid] = live

    def forget(self, live: Live) -> None:
        """It is over, or is another one from now on."""
        record = live.record
        digest, written = record.digest, record.written
        key = record.principal, digest
        drop(self._alike, key, record.rid)
        drop(self._written, (record.principal, written) if written else key, record.rid)

    def newest(self, principal: str, digest: str) -> Live | None:
        """Return the newest request under way of a principal that was written so."""
        return next(reversed(self._written.get((principal, digest), {}).values()), None)

    def twin(self, live: Live, decision: Decision) -> Live | None:
        """Return the oldest request under way that this one is a repeat of."""
        record = live.record
        for other in self._alike.get((record.principal, record.digest), {}).values():
            if is_same_act(other.record, record) and is_joinable(other, decision):
                return other
        return None


def drop(table: dict[tuple[str, str], dict[str, Live]], key: tuple[str, str], rid: str) -> None:
    """Take a request out of a table, if it is there."""
    alike = table.get(key)
    if alike is not None and alike.pop(rid, None) is not None and not alike:
        del table[key]


def may_join(live: Live) -> bool:
    """Whether a request wants to be the one that it repeats, and can."""
    record = live.record
    return (
        live.join_s > 0.0
        and bool(record.client_id)
        and not record.idempotency_key
        and not record.relayed.principal
    )


def looks_back(live: Live, decision: Decision) -> bool:
    """Whether it matters what came of requests that have ended: an allowed read just runs."""
    return live.record.effects is Effects.WRITE or asks_somebody(decision)


def answers(found: Record, record: Record, decision: Decision) -> bool:
    """Whether the outcome of a request that has ended is the answer to a repeat of it.

    Args:
        found: the one that has ended.
        record: the repeat.
        decision: what the policy says to the repeat.
    """
    outcome = found.outcome
    assert outcome is not None, "it has ended"
    if not is_same_act(found, record):
        return False
    if outcome.status is Status.EXECUTED:
        was_asked = found.expires_at > 0.0 or found.relayed.asks_there
        return found.effects is Effects.WRITE or (was_asked and not found.delivered)
    return outcome.code == ErrorCode.DENIED_BY_PERSON and asks_somebody(decision)


def asks_somebody(decision: Decision) -> bool:
    """Whether the policy wants a person asked, here or at the gateway behind."""
    return decision.action is Action.ASK or decision.asks_there


def is_same_act(found: Record, record: Record) -> bool:
    """Whether two requests with one digest are for the same tool, and for the same principal."""
    same_tool = (found.definition, found.effects) == (record.definition, record.effects)
    return same_tool and not found.relayed.principal


def is_joinable(other: Live, decision: Decision) -> bool:
    """Whether one may wait for the end of a request under way.

    If that end is decided it must be one that counts; a person's no may still fail to be written.
    """
    if other.withdrawn_at or other.abandoned:
        return False
    if other.record.phase is not Phase.DONE:
        return True
    return answers(other.record, other.record, decision)
