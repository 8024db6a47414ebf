"""The tables of the ledger: each holds what is under way, all of it, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from agentgate_proto.ledger.delivery import Delivery
from agentgate_proto.ledger.live import Live
from agentgate_proto.records.request import Phase

if TYPE_CHECKING:
    from tests.proto.ledger_world import World


def check_tables(world: World) -> None:
    """Every table of the ledger holds what is under way, all of it, and nothing else."""
    lifecycle = world.ledger._lifecycle
    lives = lifecycle.live
    reserved: Counter[str] = Counter()
    for rid, live in lives.items():
        assert live.record.rid == rid
        if live.record.expires_at and (live.stored is None or live.stored.phase is Phase.WAITING):
            reserved[live.record.principal] += 1
        assert live.settling or not live.tickets
        assert live.endorsing or not live.held
        assert len(live.tickets) + len(live.held) <= world.limits.joined_max
        assert len(live.callers) <= 1 + world.limits.joined_max  # I9
        assert live.settling or live.record.phase is Phase.RECEIVED or not live.cancels
        assert not live.callers[0].only_hears, "it goes on for somebody who only looks"
        assert all(caller.record is None for caller in live.callers if caller.only_hears)
        assert goes_on(world, live), "nothing will ever happen to it"
    for principal in {*reserved, *lifecycle.deciding._waiting}:
        assert lifecycle.deciding._waiting[principal] == reserved[principal]
        assert reserved[principal] <= world.limits.waiting_max  # I9
    assert set(lifecycle.joining.idempotent.values()) <= set(lives)
    assert set(lifecycle._retries) <= set(lives)
    unsaved = bool(lifecycle._retries or lifecycle.grants.unsaved)
    assert lifecycle._retry_at is not None or not unsaved
    alike = lifecycle.deciding._alike
    assert sum(map(len, alike.values())) == sum(reserved.values())
    assert all(alike.values()), "an empty table leaks"
    check_delivery(world, world.ledger._delivery, lives)


def goes_on(world: World, live: Live) -> bool:
    """I10: whether somebody will report something about a request."""
    rid = live.record.rid
    lifecycle = world.ledger._lifecycle
    if live.record.phase is Phase.RECEIVED:
        return rid in world.store.asked_about()
    if any(entry.rid == rid for entry in lifecycle.journal._entries):
        return True
    if live.record.phase is Phase.WAITING:
        return (live.record.expires_at, rid) in lifecycle.deciding._expiries
    return rid in lifecycle._retries or rid in world.running


def check_delivery(world: World, delivery: Delivery, lives: dict[str, Live]) -> None:
    links = delivery.links
    standing = {a.number for a in world.connections.values() if a.open}
    assert standing <= set(links._links)
    for key, scope in links._scopes.items():
        assert scope.link is not None or scope.requests, "a scope leaks"
        assert scope.link is None or scope.link.scope == key
        assert set(scope.requests.values()) <= set(lives)
    for link in links._links.values():
        assert set(link.requests.values()) <= set(lives)
        assert link.replies_due or not link.held
        assert all(delivery.sent[rid] is link for rid in link.sent)
    for rid, link in delivery.sent.items():
        assert rid in link.sent
        assert links.get(link.number) is link
    joined = [
        (caller.record.rid, live)
        for live in lives.values()
        for caller in live.callers
        if caller.record is not None
    ]
    assert dict(joined) == delivery.joined
    orphans = [a for mine in delivery.orphans.values() for a in mine]
    assert all(delivery.orphans.values()), "an empty table leaks"
    for rid, live in lives.items():
        for caller in live.callers:
            if caller.client_id:
                scope = links._scopes[live.record.principal, caller.client_id]
                assert scope.requests[caller.request_id] == rid
            elif caller.link and not caller.told:
                assert links._links[caller.link].requests[caller.request_id] == rid
            elif not caller.link:
                assert caller in orphans
    assert len(orphans) == sum(
        not (a.client_id or a.link) for live in lives.values() for a in live.callers
    )
