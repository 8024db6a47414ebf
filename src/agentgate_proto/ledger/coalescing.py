"""Joining: a request that waits for the outcome of another one, instead of running by itself.

It joins because it has the idempotency key of the other one, or because it asks a person for what
the other one asks already. Until the outcome there is nothing of it on disk: after a crash its
client sends it again. Its own row is written with the outcome, in one change with that of the
request that it joined, so that it is answered from the store afterwards like any other.

If the first caller withdraws an approval that others have joined, these go on: the first of them
is asked about in its place.

Who only looks (``hear``) is told of the end as the others are, and that is all: it has no row, its
being there is no reason to ask anybody or to run anything, and what it looks at is withdrawn for it
as for who asked.
"""

from __future__ import annotations

from msgspec.structs import replace

from agentgate_proto.ledger.delivery import Delivery
from agentgate_proto.ledger.links import Link
from agentgate_proto.ledger.live import Caller, Live
from agentgate_proto.ledger.steps import own_row
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.storage import record_bytes


class Joining:
    """Moves callers between requests.

    Args:
        live: the requests under way, by rid; shared with the ledger.
        delivery: knows where callers are.

    Attributes:
        delivery: the same.
        idempotent: the idempotency keys under way, by (principal, key), to the rid.
    """

    def __init__(self, live: dict[str, Live], delivery: Delivery) -> None:
        self.idempotent: dict[tuple[str, str], str] = {}
        self._live = live
        self.delivery = delivery

    def join(self, live: Live, first: Live) -> None:
        """Let the callers of a request wait for the outcome of the first; forget the request."""
        (own, *_) = live.callers
        own.record = None if first.record.phase is Phase.DONE or first.withdrawn_at else live.record
        del self._live[live.record.rid]
        first.size += live.size
        self._move(live, live.callers, first)
        if first.key:
            self.idempotent[first.record.principal, first.key] = first.record.rid

    def hear(self, live: Live, link: Link, request_id: int | str) -> Caller:
        """Let somebody hear of a request under an id of its own, which was not used before."""
        caller = Caller(link.client_id, 0, request_id)
        caller.only_hears = True
        self.delivery.links.scope(link.scope).take(request_id)
        self.delivery.reserve(live, caller)
        live.callers.append(caller)
        return caller

    def hear_no_more(self, link: Link, request_id: int | str) -> None:
        """Forget who only hears of a request; nothing happens to who asks."""
        live = self._live.get(self.delivery.rid_of(link, request_id))
        if live is None:
            return
        caller = self.delivery.caller_of(live, link, request_id)
        if caller.only_hears:
            live.callers.remove(caller)
            self.delivery.release(live, caller)

    def part(self, live: Live, caller: Caller) -> Live:
        """Make a request of its own again of one that had joined another."""
        assert caller.record is not None, "without a record of its own it is no request"
        own = Live(caller.record)
        own.size = min(live.size, record_bytes(own.record))
        live.size -= own.size
        own.callers.clear()
        caller.record = None
        live.callers.remove(caller)
        self._live[own.record.rid] = own
        del self.delivery.joined[own.record.rid]
        self._move(live, [caller], own)
        principal, key = own.record.principal, own.record.idempotency_key
        if key and live.key != key:
            self.idempotent[principal, key] = own.record.rid
        return own

    def heirs(self, live: Live) -> Live | None:
        """Make a request of those that had joined one which was withdrawn; None: nobody had."""
        outcome = live.record.outcome
        if outcome is None or outcome.status is not Status.CANCELLED or live.abandoned:
            return None
        heirs = [caller for caller in live.callers[1:] if caller.record is not None]
        if not heirs:
            return None
        own = self.part(live, heirs[0])
        live.callers = [caller for caller in live.callers if caller not in heirs]
        self._move(live, heirs[1:], own)
        if own.key:
            self.idempotent[own.record.principal, own.key] = own.record.rid
        return own

    def is_shared(self, live: Live) -> bool:
        """Whether others that joined a request are the same act by its idempotency key."""
        key = live.record.idempotency_key
        return any(
            caller.record is None or (key and caller.record.idempotency_key == key)
            for caller in live.joined
        )

    def rows(self, live: Live) -> tuple[Record, ...]:
        """The records of those that joined a request which is over; if they go on: none."""
        outcome = live.record.outcome
        if outcome is None or (outcome.status is Status.CANCELLED and not live.abandoned):
            return ()
        return tuple(
            replace(own_row(caller.record, live.record), delivered=caller.delivered)
            for caller in live.callers[1:]
            if caller.record is not None
        )

    def mark_delivered(self, live: Live, rid: str) -> None:
        """A client has the outcome of a request, or of one that had joined it, for certain."""
        if rid == live.record.rid:
            live.record = replace(live.record, delivered=True)
        for caller in live.callers:
            if caller.record is not None and caller.record.rid == rid:
                caller.delivered = True

    def forget(self, live: Live) -> None:
        """A request is over: drop its keys."""
        records = [live.record, *(caller.record for caller in live.callers if caller.record)]
        for record in records:
            key = (record.principal, record.idempotency_key)
            if self.idempotent.get(key) == live.record.rid:
                del self.idempotent[key]

    def _move(self, live: Live, callers: list[Caller], to: Live) -> None:
        for caller in callers:
            self.delivery.transfer(live, caller, to)
        to.callers += callers
