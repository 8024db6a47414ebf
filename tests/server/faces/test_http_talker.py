"""A talker on plain HTTP; what it does with sockets stands in the tests of its faces."""

from __future__ import annotations

from functools import partial

from agentgate_server.faces.http_talker import Turns


def test_one_after_the_other_looks_for_the_same_thing() -> None:
    turns = Turns()
    acted: list[str] = []
    for thing, name in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
        turns.take(thing, partial(acted.append, name))
    assert acted == ["a1", "b1"]
    turns.leave("a")
    turns.leave("b")
    assert acted == ["a1", "b1", "a2"]
    turns.leave("a")
    turns.leave("a")
    assert (acted[-1], len(turns)) == ("a3", 0)


def test_who_finds_at_once_lets_the_next_one_look() -> None:
    turns = Turns()
    acted: list[int] = []

    def look(number: int) -> None:
        acted.append(number)
        turns.leave("a")

    turns.take("a", partial(acted.append, 0))
    turns.take("a", partial(look, 1))
    turns.take("a", partial(look, 2))
    turns.leave("a")
    assert (acted, len(turns)) == ([0, 1, 2], 0)


def test_thousands_who_have_gone_cost_no_more_than_their_turn() -> None:
    turns = Turns()
    turns.take("a", lambda: None)
    for _ in range(5_000):
        turns.take("a", partial(turns.leave, "a"))
    acted: list[str] = []
    turns.take("a", partial(acted.append, "last"))
    turns.leave("a")
    assert acted == ["last"]
    turns.leave("a")
    assert len(turns) == 0
