"""Tickets for answers: good once, for one answer of one person, as long as it is waited for."""

from __future__ import annotations

import pytest

from agentgate_proto.faces import answer_tickets as module
from agentgate_proto.faces.answer_tickets import (
    TICKET_CHARS_MAX,
    AnswerTicket,
    AnswerTickets,
    Found,
    key_of,
)

NOW = 1_000.0
NTFY = ("ntfy",)


def ticket(rid: str = "a1", *, approve: bool = True, channel: str = "ntfy") -> AnswerTicket:
    return AnswerTicket(rid, approve, "ann", channel, NOW + 60.0)


def with_one(secret: str = "s") -> AnswerTickets:
    tickets = AnswerTickets()
    tickets.add(key_of(secret), ticket())
    return tickets


def test_a_ticket_is_good_once_and_is_known_afterwards() -> None:
    tickets = with_one()
    assert tickets.take("s", NOW, NTFY) == Found(ticket(), True)
    assert tickets.take("s", NOW, NTFY) == Found(ticket(), False)
    assert len(tickets) == 0


def test_what_is_no_ticket_is_none() -> None:
    tickets = with_one()
    assert tickets.take("t", NOW, NTFY) is None
    assert tickets.take("", NOW, NTFY) is None
    assert tickets.take("s" * (TICKET_CHARS_MAX + 1), NOW, NTFY) is None
    assert tickets.take("\udc80", NOW, NTFY) is None
    assert len(tickets) == 1


def test_a_ticket_of_another_channel_is_none_here_and_stays_good_there() -> None:
    tickets = with_one()
    assert tickets.take("s", NOW, ("companion",)) is None
    assert tickets.take("s", NOW, NTFY) == Found(ticket(), True)
    assert tickets.take("s", NOW, ("companion",)) is None


def test_a_ticket_ends_with_the_time_of_its_approval() -> None:
    tickets = with_one()
    assert tickets.take("s", NOW + 60.0, NTFY) == Found(ticket(), False)


def test_one_that_came_to_nothing_is_good_again() -> None:
    tickets = with_one()
    tickets.take("s", NOW, NTFY)
    tickets.give_back("s")
    tickets.give_back("s")
    tickets.give_back("unknown")
    assert tickets.take("s", NOW, NTFY) == Found(ticket(), True)


def test_the_end_of_an_approval_is_the_end_of_its_tickets_alone() -> None:
    tickets = with_one()
    tickets.add(key_of("no"), ticket(approve=False))
    tickets.add(key_of("other"), ticket("b2"))
    tickets.over("a1")
    tickets.over("a1")
    assert tickets.take("s", NOW, NTFY) == Found(ticket(), False)
    assert tickets.take("no", NOW, NTFY) == Found(ticket(approve=False), False)
    assert tickets.take("other", NOW, NTFY) == Found(ticket("b2"), True)


def test_spending_one_leaves_the_others_of_its_approval() -> None:
    tickets = with_one()
    tickets.add(key_of("no"), ticket(approve=False))
    tickets.spend([key_of("s"), key_of("unknown")])
    assert tickets.take("no", NOW, NTFY) == Found(ticket(approve=False), True)


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIVE_MAX", 3)
    monkeypatch.setattr(module, "SPENT_MAX", 1)
    tickets = with_one()
    assert tickets.has_room(2)
    assert not tickets.has_room(3)
    tickets.add(key_of("no"), ticket(approve=False))
    tickets.over("a1")
    assert sorted(tickets.take(each, NOW, NTFY) is None for each in ("s", "no")) == [False, True]
