"""Challenges are good once, for whom and for what they were made, and for some minutes."""

from __future__ import annotations

from itertools import count

from agentgate_server.identity.challenges import LASTS_S, OF_ONE_MAX, USED_MAX, Challenges


class World:
    def __init__(self) -> None:
        self.now = 100.0
        numbers = count(1)
        self.challenges = Challenges(lambda n: next(numbers).to_bytes(n, "big"), lambda: self.now)


def test_what_was_kept_is_taken_once_by_whom_and_for_what_it_was_made() -> None:
    it = World().challenges
    for name, purpose in (("bea", "r1"), ("ann", "r2"), ("ann", "r1")):
        it.keep(b"c", "ann", "r1", b"n")
        found = it.take(b"c", name, purpose)
        assert (found is not None) == ((name, purpose) == ("ann", "r1"))
    assert it.take(b"c", "ann", "r1") is None


def test_it_lasts_some_minutes() -> None:
    world = World()
    world.challenges.keep(b"c", "ann", "r1", b"n")
    world.now += LASTS_S
    assert world.challenges.take(b"c", "ann", "r1") is None
    world.challenges.keep(b"d", "bea", "", b"n")
    world.now += LASTS_S
    world.challenges.keep(b"e", "cid", "", b"n")
    assert world.challenges.take(b"d", "bea", "") is None


def test_of_one_person_the_oldest_makes_room_and_nobody_elses() -> None:
    it = World().challenges
    it.keep(b"other", "bea", "", b"n")
    for number in range(OF_ONE_MAX + 1):
        it.keep(bytes([number]), "ann", "r1", b"n")
    assert it.take(bytes([0]), "ann", "r1") is None
    assert it.take(bytes([1]), "ann", "r1") is not None
    assert it.take(b"other", "bea", "") is not None


def test_anybodys_challenge_is_good_once_and_takes_no_room_before() -> None:
    world = World()
    made = [world.challenges.make_for_anybody() for _ in range(3)]
    assert len(set(made)) == 3
    assert [world.challenges.use(each) for each in made] == [True] * 3
    assert [world.challenges.use(each) for each in made] == [False] * 3


def test_anybodys_challenge_ends_and_is_of_this_process() -> None:
    world = World()
    made = world.challenges.make_for_anybody()
    assert not World().challenges.use(made[:-1] + bytes([made[-1] ^ 1]))
    assert not world.challenges.use(made[:15])
    assert not world.challenges.use(b"\0" * 32)
    world.now += LASTS_S
    assert not world.challenges.use(made)
    assert world.challenges.use(world.challenges.make_for_anybody())


def test_so_many_logins_are_remembered_and_then_none_is_taken() -> None:
    it = World().challenges
    for _ in range(USED_MAX):
        assert it.use(it.make_for_anybody())
    assert not it.use(it.make_for_anybody())
