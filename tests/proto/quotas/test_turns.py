"""Turns: by owner and not by connection; debts are paid; strangers have their part. Pure."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from agentgate_proto.quotas.owners import STRANGERS
from agentgate_proto.quotas.turns import (
    BURST_S,
    DEBT_TURNS,
    NAMED_MAX,
    OWNERS_MAX,
    ROUND_S,
    STRANGERS_SHARE,
    STRANGERS_TURN_S,
    TURN_S,
    TURN_S_MIN,
    UNWRITTEN_BYTES_MAX,
    Turns,
)


class Loop:
    """An event loop on virtual time, on which owners flood.

    Args:
        costs: seconds of one message, by owner.
    """

    def __init__(self, **costs: float) -> None:
        self.turns: Turns[str] = Turns()
        self.costs = costs
        self.now = 100.0
        self.served: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self.busy: dict[str, str] = {}  # owners, by connection that never ends

    def comes(self, owner: str, who: str) -> bool:
        """Let something come on a connection; return whether it was served at once."""
        turn_s = self.turns.begin(owner, who, self.now)
        if turn_s is None:
            return False
        began = self.now
        while True:
            self.now += self.costs[owner or "stranger"]
            if who not in self.busy or self.now - began >= turn_s:
                break
        self.served[who] += 1
        self.spent[owner] += self.now - began  # type: ignore[assignment]
        self.turns.took(owner, self.now - began, self.now)
        if who in self.busy:
            self.turns.wait(owner, who)
        return True

    def floods(self, owner: str, who: str) -> None:
        """A connection has more and more to say."""
        self.busy[who] = owner
        self.comes(owner, who)

    def round(self) -> float:
        """Play one round; return how long it took."""
        self.now = max(self.now, self.turns.next_round_at(self.now))
        began = self.now
        self.turns.next_round()
        while (who := self.turns.next(self.now)) is not None:
            assert self.comes(self.busy.get(who, "calm"), who)
        return self.now - began


def test_who_asks_for_little_is_served_at_once_whatever_others_do() -> None:
    loop = Loop(evil=0.000_1, calm=0.000_1)
    for number in range(100):
        loop.floods("evil", f"evil-{number}")
    for _ in range(50):
        assert loop.round() <= TURN_S + 0.000_2
        assert loop.comes("calm", "calm")


def test_an_owner_has_one_turn_in_a_round_with_however_many_connections() -> None:
    loop = Loop(evil=0.000_1, other=0.000_1)
    for number in range(99):
        loop.floods("evil", f"evil-{number}")
    loop.floods("other", "other")
    for _ in range(1_000):
        loop.round()
    assert loop.spent["evil"] == pytest.approx(loop.spent["other"], rel=0.05)


def test_the_connections_of_an_owner_are_served_one_after_the_other() -> None:
    loop = Loop(evil=0.000_1)
    for number in range(10):
        loop.floods("evil", f"evil-{number}")
    for _ in range(100):
        loop.round()
    loop.served.clear()
    for _ in range(100):
        loop.round()
    served = [loop.served[f"evil-{number}"] for number in range(10)]
    assert max(served) - min(served) <= 1


def test_who_has_just_got_something_to_say_waits_for_one_of_those_that_never_end() -> None:
    loop = Loop(evil=0.001)
    for number in range(100):
        loop.floods("evil", f"evil-{number}")
    for _ in range(300):
        loop.round()
    assert not loop.comes("evil", "new")
    for _ in range(2):
        loop.turns.next_round()
        who = loop.turns.next(loop.now)
        assert who is not None
        loop.comes("evil", who)
    assert loop.served["new"] == 1


def test_many_small_things_of_one_owner_share_a_turn() -> None:
    loop = Loop(calm=0.000_1)
    assert [loop.comes("calm", f"{n}") for n in range(20)] == [True] * 20
    assert not loop.comes("calm", "later")
    assert loop.turns.anybody_waits
    loop.round()
    assert loop.served["later"] == 1
    assert not loop.turns.anybody_waits


def test_what_took_longer_than_a_turn_is_paid_with_the_next_ones() -> None:
    loop = Loop(evil=9.5 * TURN_S, calm=TURN_S / 2)
    loop.floods("evil", "evil")
    assert loop.served["evil"] == 1
    rounds = 0
    while loop.served["evil"] == 1:
        loop.round()
        rounds += 1
    assert rounds == 9


def test_a_debt_has_an_end() -> None:
    turns: Turns[str] = Turns()
    assert turns.begin("evil", "evil", 0.0) == TURN_S
    turns.took("evil", 3_600.0, 3_600.0)
    assert turns.begin("evil", "evil", 3_600.0) is None
    rounds = 0
    while turns.next(3_600.0) is None:
        turns.next_round()
        rounds += 1
    assert DEBT_TURNS - 1 <= rounds <= DEBT_TURNS, "a float may be a little less"


def test_what_is_done_in_tasks_counts() -> None:
    turns: Turns[str] = Turns()
    turns.took("evil", 2 * TURN_S, 0.0)
    assert turns.begin("evil", "evil", 0.0) is None
    turns.next_round()
    assert turns.next(0.0) is None
    turns.next_round()
    assert turns.next(0.0) == "evil"
    turns.wait("other", "other")
    turns.next_round()
    turns.took("evil", 0.0, 0.0)
    assert turns.next(0.0) == "other"


def test_where_many_owners_are_busy_turns_are_shorter_but_no_round_of_trifles() -> None:
    turns: Turns[str] = Turns()
    for number in range(10):
        turns.wait(f"owner-{number}", f"{number}")
    turns.next_round()
    first = turns.next(0.0)
    assert first is not None
    assert turns.begin(f"owner-{first}", first, 0.0) == ROUND_S / 10
    for number in range(10, 100):
        turns.wait(f"owner-{number}", f"{number}")
    second = turns.next(0.0)
    assert second is not None
    assert turns.begin(f"owner-{second}", second, 0.0) == TURN_S_MIN


def test_strangers_together_have_a_part_of_the_time() -> None:
    loop = Loop(stranger=0.000_1)
    for number in range(50):
        loop.floods(STRANGERS, f"{number}")
    began = loop.now
    while loop.now < began + 10.0:
        assert loop.round() <= STRANGERS_TURN_S + 0.000_2
    assert loop.spent[STRANGERS] == pytest.approx(10.0 * STRANGERS_SHARE, rel=0.05)


def test_a_few_strangers_are_served_at_once() -> None:
    loop = Loop(stranger=0.000_01)
    assert all(loop.comes(STRANGERS, f"{n}") for n in range(20))


def test_after_a_flood_no_stranger_waits_for_it() -> None:
    turns: Turns[str] = Turns()
    turns.took(STRANGERS, 1.0, 100.0)
    assert turns.begin(STRANGERS, "late", 100.0) is None
    assert turns.next_round_at(100.0) == pytest.approx(101.0 - BURST_S)
    turns.wait("calm", "calm")
    assert turns.next_round_at(100.0) == 100.0
    for _ in range(2_000):
        turns.next_round()
    assert turns.next(100.0) == "calm"
    assert turns.next(100.0) is None
    assert turns.next(101.0) == "late"


def test_what_takes_long_of_who_has_said_who_they_are_is_theirs() -> None:
    turns: Turns[str] = Turns()
    turns.wait(STRANGERS, "flood")
    turns.wait(STRANGERS, "late")
    turns.next_round()
    assert turns.next(100.0) == "flood"
    assert turns.begin(STRANGERS, "flood", 100.0) is not None
    turns.introduced("evil", 10 * STRANGERS_TURN_S, 100.0 + 10 * STRANGERS_TURN_S)
    assert turns.next(100.005) is None, "strangers have had their turn of this round"
    turns.next_round()
    assert turns.next(100.005) == "late", "and have one in the next"
    assert turns.begin("evil", "other", 100.005) is None, "its turns are spent on that"


def test_several_small_turns_may_be_taken_in_one_round() -> None:
    turns: Turns[int] = Turns()
    for number in range(2 * NAMED_MAX):
        turns.wait("evil", number)
        turns.wait("evil", number)
    turns.next_round()
    named = [turns.next(0.0) for _ in range(NAMED_MAX)]
    assert named == list(range(NAMED_MAX))
    assert turns.next(0.0) is None
    assert turns.begin("evil", 2 * NAMED_MAX - 1, 0.0) is None, "it was not named"
    assert turns.begin("evil", 3 * NAMED_MAX, 0.0) is None, "others are before it"
    assert turns.begin("evil", 0, 0.0) == TURN_S
    turns.took("evil", TURN_S / 2, 0.0)
    assert turns.begin("evil", 1, 0.0) == TURN_S / 2
    turns.took("evil", TURN_S / 2, 0.0)
    assert turns.begin("evil", 2, 0.0) is None, "the turn is over, for this round"
    turns.leave(3)
    turns.next_round()
    assert turns.next(0.0) == 2
    assert turns.begin("evil", 2, 0.0) == TURN_S


def test_who_is_gone_has_no_turn_more() -> None:
    turns: Turns[str] = Turns()
    turns.leave("nobody")
    turns.wait("evil", "again")
    assert turns.begin("evil", "fresh", 0.0) is None
    turns.leave("fresh")
    turns.leave("again")
    turns.next_round()
    assert turns.next(0.0) is None
    assert not turns.anybody_waits


def test_who_has_said_meanwhile_who_they_are_takes_the_turn_that_they_waited_for() -> None:
    turns: Turns[str] = Turns()
    turns.wait(STRANGERS, "new")
    turns.next_round()
    assert turns.next(100.0) == "new"
    assert turns.begin("calm", "new", 100.0) == TURN_S
    assert not turns.anybody_waits


def test_owners_without_end_fill_no_memory() -> None:
    turns: Turns[str] = Turns()
    turns.wait("busy", "busy")
    for number in range(2 * OWNERS_MAX):
        assert turns.begin(f"owner-{number}", f"{number}", 0.0) is not None
        turns.took(f"owner-{number}", 0.0, 0.0)
    turns.next_round()
    assert len(turns._accounts) == 1
    assert turns.next(0.0) == "busy"


def test_who_has_left_much_for_the_disk_has_its_next_turn_when_that_is_written() -> None:
    turns: Turns[str] = Turns()
    assert turns.begin("evil", "e1", 0.0) is not None
    turns.left("evil", UNWRITTEN_BYTES_MAX)
    assert turns.begin("evil", "e1", 0.0) is not None  # so much may wait
    turns.left("evil", 1)
    assert turns.begin("evil", "e2", 0.0) is None
    assert turns.begin("home", "h1", 0.0) is not None  # others go on
    assert turns.anybody_waits
    assert turns.next_round_at(5.0) == math.inf  # a round now would be for nobody
    turns.next_round()
    assert turns.next(5.0) is None

    assert turns.written("evil", 1)
    assert turns.next_round_at(5.0) == 5.0
    turns.next_round()
    assert turns.next(5.0) == "e2"
    assert turns.begin("evil", "e2", 5.0) is not None
    assert not turns.anybody_waits


def test_what_is_written_lets_nobody_go_on_who_does_not_wait_or_has_left_more() -> None:
    turns: Turns[str] = Turns()
    turns.left("evil", 3 * UNWRITTEN_BYTES_MAX)
    assert not turns.written("nobody", 1)
    assert turns.begin("evil", "e1", 0.0) is None
    assert not turns.written("evil", UNWRITTEN_BYTES_MAX)  # there is still too much
    assert turns.written("evil", UNWRITTEN_BYTES_MAX)
    assert not turns.written("evil", UNWRITTEN_BYTES_MAX)  # it has been let go on before
    turns.leave("e1")
    turns.left("evil", 2 * UNWRITTEN_BYTES_MAX)
    assert not turns.written("evil", 9 * UNWRITTEN_BYTES_MAX)
    assert turns.begin("evil", "e1", 0.0) is not None


def test_who_is_named_and_then_leaves_much_waits_as_the_first() -> None:
    turns: Turns[str] = Turns()
    for who in ("e1", "e2", "e3"):
        turns.wait("evil", who)
    turns.next_round()
    assert [turns.next(0.0), turns.next(0.0)] == ["e1", "e2"]
    assert turns.begin("evil", "e1", 0.0) is not None
    turns.left("evil", UNWRITTEN_BYTES_MAX + 1)
    assert turns.begin("evil", "e2", 0.0) is None
    assert turns.written("evil", UNWRITTEN_BYTES_MAX)
    turns.next_round()
    assert turns.next(0.0) == "e2"


def test_strangers_have_rounds_in_their_time_while_others_wait_for_the_disk() -> None:
    turns: Turns[str] = Turns()
    turns.left("evil", UNWRITTEN_BYTES_MAX + 1)
    assert turns.begin("evil", "e1", 0.0) is None
    turns.took("", 1.0, 1.0)
    turns.wait("", "s1")
    assert turns.next_round_at(1.0) == 2.0 - BURST_S
