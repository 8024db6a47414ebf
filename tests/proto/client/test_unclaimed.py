"""Outcomes that nobody waits for: kept once, told once, within their caps."""

from __future__ import annotations

import pytest

from agentgate_proto.client import unclaimed
from agentgate_proto.client.calls import LooseRow
from agentgate_proto.client.unclaimed import Unclaimed


def row(request_id: int | str, data: object = None) -> LooseRow:
    return LooseRow(request_id, "light", "executed", data=data)


def test_what_is_kept_is_handed_over_once_and_in_order() -> None:
    kept = Unclaimed()
    kept.keep(row(2))
    kept.keep(row("a"))
    assert (2 in kept, "a" in kept, "2" in kept) == (True, True, False)
    assert kept.hand_over() == [row(2), row("a")]
    assert kept.hand_over() == []


def test_the_same_outcome_again_takes_the_place_of_the_first() -> None:
    kept = Unclaimed()
    kept.keep(row(1, "first"))
    kept.keep(row(1, "again"))
    assert kept.hand_over() == [row(1, "again")]


def test_what_was_told_is_not_kept_again() -> None:
    kept = Unclaimed()
    kept.tell(1)
    kept.keep(row(1))
    kept.keep(row(2))
    assert kept.hand_over() == [row(2)]
    kept.keep(row(2))
    assert kept.hand_over() == []


def test_without_room_it_says_so_and_keeps_what_it_has() -> None:
    kept = Unclaimed(2)
    for request_id in (1, 2):
        kept.keep(row(request_id))
    kept.keep(row(1))
    assert not kept.is_overfull
    kept.keep(row(3))
    assert kept.is_overfull
    assert kept.hand_over() == [row(1), row(2)]


def test_what_was_told_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unclaimed, "TOLD_IDS_MAX", 2)
    kept = Unclaimed()
    kept.tell(1, 2, 3)
    kept.keep(row(1))
    kept.keep(row(3))
    assert kept.hand_over() == [row(1)]
