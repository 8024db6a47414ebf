"""Lines: each owner in turn."""

from __future__ import annotations

from random import Random

import pytest
from tests.chance import seeds

from agentgate_proto.quotas.lines import Lines


def test_who_asks_often_waits_for_themselves_and_nobody_for_them() -> None:
    lines: Lines[int] = Lines()
    for number in range(1_000):
        lines.put("evil", number)
    lines.put("home", -1)
    assert lines.take(3) == [("evil", 0), ("home", -1), ("evil", 1)]
    assert len(lines) == 998


def test_what_was_not_served_is_next() -> None:
    lines: Lines[int] = Lines()
    for number in range(3):
        lines.put("evil", number)
    lines.put("home", 10)
    taken = lines.take(4)
    assert taken == [("evil", 0), ("home", 10), ("evil", 1), ("evil", 2)]
    for owner, item in reversed(taken):
        lines.put_back(owner, item)
    assert lines.take(9) == taken


def test_where_one_is_served_at_a_time_each_owner_has_its_turn() -> None:
    lines: Lines[int] = Lines()
    for number in range(100):
        lines.put("evil", number)
    lines.put("home", 10)
    lines.put("shed", 20)
    served = []
    for _ in range(4):
        taken = lines.take(16)
        served.append(taken[0])
        for owner, item in reversed(taken[1:]):
            lines.put_back(owner, item)
    assert served[:3] == [("evil", 0), ("home", 10), ("shed", 20)]


def test_nobody_waits() -> None:
    lines: Lines[int] = Lines()
    assert lines.take(3) == []
    assert len(lines) == 0


@pytest.mark.parametrize("seed", seeds(10))
def test_each_owner_is_served_in_order_and_in_turn(seed: int) -> None:
    chance, lines = Random(seed), Lines[int]()
    given: dict[str, int] = dict.fromkeys("abcd", 0)
    got: dict[str, int] = dict.fromkeys("abcd", 0)
    for _ in range(300):
        if chance.random() < 0.6:
            owner = chance.choice("aaaaabcd")
            lines.put(owner, given[owner])
            given[owner] += 1
            continue
        waiting = {owner: given[owner] - got[owner] for owner in given}
        taken = lines.take(chance.randrange(6))
        served = chance.randint(0, len(taken))
        for owner, item in taken[:served]:
            assert item == got[owner]
            got[owner] += 1
        for owner, item in reversed(taken[served:]):
            lines.put_back(owner, item)
        again = lines.take(len(taken) - served)
        assert again[:1] == taken[served:][:1], "the first that was not served is the next"
        for owner, item in reversed(again):
            lines.put_back(owner, item)
        counts = {owner: sum(whose == owner for whose, _ in taken) for owner in given}
        for owner, count in counts.items():
            if count < waiting[owner]:  # who still waits has had as many turns as anybody, but one
                assert count >= max(counts.values()) - 1
        assert len(lines) == sum(given[each] - got[each] for each in given)
