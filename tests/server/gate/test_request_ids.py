"""Ids of requests."""

from __future__ import annotations

from agentgate_server.gate.request_ids import RANDOM_BYTES, Rids
from agentgate_server.identity.randomness import POOL_BYTES


def test_ids_are_random_and_in_the_order_of_time() -> None:
    rids = Rids()
    many = 3 * POOL_BYTES // RANDOM_BYTES
    ids = [rids.new(1_767_225_600.0 + number / 1_000) for number in range(many)]

    assert ids == sorted(ids)
    assert {len(rid) for rid in ids} == {36}
    assert all(int(rid, 16) >= 0 for rid in ids)
    random = [rid[12:] for rid in ids]
    assert len(set(random)) == many
    parts = {rid[start : start + 6] for rid in random for start in range(0, 24, 6)}
    assert len(parts) > 3.9 * many, "96 bits of each, all of them random"


def test_nobody_has_the_ids_of_another() -> None:
    first, second = Rids(), Rids()
    assert not {first.new(0.0) for _ in range(300)} & {second.new(0.0) for _ in range(300)}
