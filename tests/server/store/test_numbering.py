"""Numbering: what two machines want written, in the order in which it is submitted."""

from __future__ import annotations

from agentgate_server.store.numbering import Numbering


def test_the_writer_s_numbers_rise_however_those_of_the_machines_come() -> None:
    numbering = Numbering()
    numbers = [numbering.next("b", 7), numbering.next("a", 1), numbering.next("b", 8)]
    assert numbers == [1, 2, 3]


def test_each_machine_is_told_its_own_last_number() -> None:
    numbering = Numbering()
    for whose, number in (("a", 5), ("b", 1), ("a", 6), ("b", 2)):
        numbering.next(whose, number)
    assert numbering.take(3) == {"a": 6, "b": 1}


def test_what_was_taken_is_forgotten_and_what_comes_later_stays() -> None:
    numbering = Numbering()
    numbering.next("a", 1)
    numbering.next("b", 1)
    assert numbering.take(1) == {"a": 1}
    assert numbering.take(1) == {}
    assert numbering.take(9) == {"b": 1}
