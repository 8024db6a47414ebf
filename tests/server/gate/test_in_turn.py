"""One thing at a time for each owner."""

from __future__ import annotations

from functools import partial

from agentgate_server.gate.in_turn import InTurn


def test_an_owner_has_one_thing_under_way_and_others_do_not_wait_for_it() -> None:
    lists, begun = InTurn(), list[str]()
    for name in ("evil 1", "evil 2", "evil 3", "home 1", "home 2"):
        lists.ask(name.split()[0], partial(begun.append, name))
    assert begun == ["evil 1", "home 1"]
    lists.over("evil")
    lists.over("home")
    assert begun[2:] == ["evil 2", "home 2"]
    lists.over("home")
    lists.over("evil")
    assert begun[4:] == ["evil 3"]


def test_who_has_nothing_under_way_waits_for_nothing() -> None:
    lists, begun = InTurn(), list[str]()
    for name in ("first", "second"):
        lists.ask("home", partial(begun.append, name))
        lists.over("home")
    assert begun == ["first", "second"]


def test_what_is_over_before_it_returns_is_followed_by_the_next() -> None:
    lists, begun = InTurn(), list[int]()

    def begin(number: int) -> None:
        begun.append(number)
        lists.over("home")

    lists.ask("home", partial(begun.append, 0))
    for number in range(1, 4):
        lists.ask("home", partial(begin, number))
    lists.over("home")
    assert begun == [0, 1, 2, 3]
