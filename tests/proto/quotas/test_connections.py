"""Connections: nobody holds another's place, and who comes gets in instead of a stranger."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.quotas.connections import (
    BEYOND,
    NOWHERE,
    PUSHED_OUT_PER_S,
    ROOM,
    TURN_S,
    Cap,
    Connections,
    Verdict,
)

NOON = 1_000.0
HERE, THERE = "10.0.0.1", "10.0.0.2"


def never(number: int) -> bool:
    return False


def settled(connections: Connections, owner: str, count: int, *, first: int, agent: bool) -> None:
    """Let a principal have so many connections."""
    for number in range(first, first + count):
        assert not connections.come(number, HERE, NOON).is_refusal
        assert connections.seat(number, owner, never, is_agent=agent) is ROOM


def test_of_one_address_the_oldest_stranger_goes_when_its_room_is_full() -> None:
    connections = Connections(of_address_max=2)
    assert connections.come(1, HERE, NOON) is ROOM
    assert connections.come(2, HERE, NOON) is ROOM
    assert connections.come(3, THERE, NOON) is ROOM
    assert connections.come(4, HERE, NOON) == Verdict(cap=Cap.ADDRESS, loser=1)
    assert connections.come(5, HERE, NOON) == Verdict(cap=Cap.ADDRESS, loser=2)
    assert (len(connections), connections.strangers) == (3, 3)
    assert [number in connections for number in (1, 2, 3, 4, 5)] == [False, False, True, True, True]


def test_of_all_strangers_the_oldest_of_the_address_that_has_most_goes() -> None:
    connections = Connections(8)
    for number, address in enumerate([THERE, HERE, HERE, "10.0.0.3"], 1):
        assert connections.come(number, address, NOON) is ROOM
    assert connections.come(5, THERE, NOON) == Verdict(cap=Cap.STRANGERS, loser=2)
    assert connections.come(6, "10.0.0.4", NOON) == Verdict(cap=Cap.STRANGERS, loser=1)


def test_many_that_say_nothing_push_out_none_that_has_asked() -> None:
    connections = Connections(of_address_max=8)
    connections.come(1, HERE, NOON)
    assert connections.asked(1, HERE, NOON) is ROOM
    lost = [connections.come(number, HERE, NOON).loser for number in range(2, 500)]
    assert 1 not in lost
    assert connections.seat(1, "agent", never, is_agent=True) is ROOM


def test_many_that_ask_push_out_none_that_has_just_come() -> None:
    connections = Connections(of_address_max=8)
    lost = []
    for number in range(1, 500):
        lost.append(connections.come(number, HERE, NOON).loser)
        connections.asked(number, HERE, NOON)
    connections.come(1_000, HERE, NOON)
    for number in range(500, 503):
        lost.append(connections.come(number, HERE, NOON).loser)
        connections.asked(number, HERE, NOON)
    assert 1_000 not in lost


def test_so_many_and_no_more_push_out_others_in_a_second_and_the_rest_wait() -> None:
    connections = Connections(of_address_max=80)
    for number in range(80):
        assert connections.wait_s(HERE, NOON, never) == 0.0
        connections.come(number, HERE, NOON)
    assert connections.wait_s(HERE, NOON, never) == pytest.approx(80 / PUSHED_OUT_PER_S)
    assert connections.wait_s(HERE, NOON + 0.04, never) == pytest.approx(0.06)
    assert connections.wait_s(THERE, NOON, never) == 0.0
    assert connections.wait_s(HERE, NOON + 1, never) == 0.0


def test_who_has_asked_may_stay_for_as_long_again() -> None:
    connections = Connections(of_address_max=80)
    for number in range(80):
        connections.come(number, HERE, NOON)
        connections.asked(number, HERE, NOON + 5)
    assert connections.wait_s(HERE, NOON + 5, never) == pytest.approx(0.1)
    connections.asked(0, HERE, NOON + 9)
    assert connections.wait_s(HERE, NOON + 9, never) == 0.0, "once"


def test_who_waits_for_us_to_look_may_stay_for_longer() -> None:
    connections = Connections(of_address_max=80)
    for number in range(80):
        connections.come(number, HERE, NOON)
    assert connections.wait_s(HERE, NOON, lambda number: number == 0) == pytest.approx(TURN_S)
    assert connections.wait_s(HERE, NOON + TURN_S, lambda number: number == 0) == 0.0


def test_in_a_small_room_for_all_nobody_waits_for_longer() -> None:
    connections = Connections(8)
    for number, address in enumerate([HERE, THERE, "10.0.0.3", "10.0.0.4"]):
        connections.come(number, address, NOON)
    assert connections.wait_s("10.0.0.5", NOON, never) == pytest.approx(4 / PUSHED_OUT_PER_S)
    connections.leave(0)
    assert connections.wait_s("10.0.0.5", NOON, never) == 0.0


def test_a_proxy_s_connections_count_for_those_for_whom_it_makes_them() -> None:
    connections = Connections(of_address_max=2)
    for number in range(1, 6):
        assert connections.come(number, NOWHERE, NOON) is ROOM
    assert connections.asked(1, HERE, NOON) is ROOM
    assert connections.asked(1, HERE, NOON) is ROOM
    assert connections.asked(2, HERE, NOON) is ROOM
    assert connections.asked(3, HERE, NOON) == Verdict(cap=Cap.ADDRESS, loser=1)
    assert connections.asked(1, HERE, NOON) is ROOM, "it is gone"
    assert connections.asked(4, THERE, NOON) is ROOM
    assert connections.asked(4, HERE, NOON) == Verdict(cap=Cap.ADDRESS, loser=2), (
        "another asks by it"
    )
    assert len(connections) == 3


def test_a_principal_has_so_many_and_those_that_would_not_be_missed_go_first() -> None:
    connections = Connections(of_principal_max=3)
    settled(connections, "evil", 3, first=1, agent=True)
    assert connections.count_of("evil") == 3
    connections.come(4, HERE, NOON)
    refusal = connections.seat(4, "evil", never, is_agent=True)
    assert refusal == Verdict(cap=Cap.PRINCIPAL)
    assert refusal.is_refusal
    assert connections.strangers == 1, "it is a stranger's still"
    dead = connections.seat(4, "evil", lambda number: number == 2, is_agent=True)
    assert dead == Verdict(cap=Cap.PRINCIPAL, loser=2, owner="evil")
    assert not dead.is_refusal
    assert (connections.count_of("evil"), connections.strangers) == (3, 0)
    connections.come(5, HERE, NOON)
    assert connections.seat(5, "honest", never, is_agent=True) is ROOM


def test_agents_leave_places_to_people() -> None:
    connections = Connections(10)
    for index in range(8):
        settled(connections, f"agent {index}", 1, first=index, agent=True)
    connections.come(20, HERE, NOON)
    refusal = connections.seat(20, "one more", never, is_agent=True)
    assert refusal == Verdict(cap=Cap.AGENTS)
    assert connections.seat(20, "owner", never, is_agent=False) is ROOM
    settled(connections, "owner", 1, first=21, agent=False)
    connections.leave(0)
    connections.come(22, HERE, NOON)
    assert connections.seat(22, "one more", never, is_agent=True) is ROOM


def test_of_agents_who_has_most_makes_room_for_who_has_fewer() -> None:
    connections = Connections(10)
    settled(connections, "owner", 1, first=50, agent=False)
    settled(connections, "honest", 2, first=1, agent=True)
    settled(connections, "evil", 6, first=3, agent=True)
    connections.come(9, HERE, NOON)
    assert connections.seat(9, "evil", never, is_agent=True) == Verdict(cap=Cap.AGENTS)
    dead = connections.seat(9, "evil", lambda number: number == 4, is_agent=True)
    assert dead == Verdict(cap=Cap.AGENTS, loser=4, owner="evil")
    connections.come(10, HERE, NOON)
    newest = connections.seat(10, "third", never, is_agent=True)
    assert newest == Verdict(cap=Cap.AGENTS, loser=9, owner="evil")
    connections.come(11, HERE, NOON)
    dead = connections.seat(11, "third", lambda number: number == 5, is_agent=True)
    assert dead == Verdict(cap=Cap.AGENTS, loser=5, owner="evil")
    assert connections.count_of("honest") == 2


def test_a_connection_can_change_hands() -> None:
    connections = Connections(5)
    settled(connections, "one", 1, first=1, agent=True)
    assert connections.asked(1, THERE, NOON) is ROOM
    assert connections.seat(1, "one", never, is_agent=True) is ROOM
    assert connections.seat(1, "two", never, is_agent=True) is ROOM
    assert (connections.count_of("one"), connections.count_of("two")) == (0, 1)
    assert connections.seat(1, "owner", never, is_agent=False) is ROOM
    assert connections.agents == 0
    connections.leave(1)
    connections.leave(1)
    assert connections.seat(1, "one", never, is_agent=True) is ROOM, "it is gone"
    assert len(connections) == 0


def test_who_looks_from_this_machine_whether_the_gateway_is_well_finds_a_place() -> None:
    connections = Connections(5)
    settled(connections, "agent", 4, first=1, agent=True)
    settled(connections, "owner", 1, first=5, agent=False)
    assert connections.come(6, THERE, NOON) == Verdict(cap=Cap.ALL)
    assert connections.wait_s(THERE, NOON, never) == 0.0
    lost = [connections.come(7 + each, HERE, NOON, is_local=True) for each in range(BEYOND)]
    assert [each.is_refusal for each in lost] == [False] * BEYOND
    full = connections.come(100, HERE, NOON, is_local=True)
    assert full.loser is not None, "a stranger's, who makes room"


@given(st.randoms(use_true_random=False))
@quick
def test_nobody_ever_holds_more_than_their_share(chance: Random) -> None:
    connections = Connections(20, of_principal_max=6, of_address_max=5)
    there: dict[int, str] = {}
    for number in range(80):
        address = chance.choice([NOWHERE, HERE, THERE, "10.0.0.3", "10.0.0.4"])
        verdict = connections.come(number, address, NOON)
        if verdict.is_refusal:
            assert len(there) == 20
            assert all(there.values()), "no stranger is left to go"
            continue
        there[number] = ""
        if verdict.loser is not None:
            assert not there.pop(verdict.loser)
        some = chance.choice(list(there))
        step = chance.randrange(4)
        if step == 0:
            moved = connections.asked(some, chance.choice([HERE, THERE]), NOON)
            assert not moved.is_refusal
            if moved.loser is not None:
                assert not there.pop(moved.loser)
        elif step == 1:
            owner = chance.choice(["a", "b", "c", "d", "person"])
            seat = connections.seat(some, owner, never, is_agent=owner != "person")
            if not seat.is_refusal:
                there[some] = owner
                if seat.loser is not None:
                    there.pop(seat.loser)
        elif step == 2:
            connections.leave(some)
            there.pop(some)
        counts = Counter(there.values())
        assert len(connections) == len(there) <= 20
        assert connections.strangers == counts.pop("", 0) <= 10
        assert connections.agents == counts.total() - counts["person"] <= 16
        assert all(count <= 6 for count in counts.values())
        assert all(connections.count_of(owner) == count for owner, count in counts.items())
