"""Tickets: good once, for a short time, for whom they were made; never too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.faces.tickets import (
    TICKET_CHARS_MAX,
    TICKET_S,
    TICKETS_MAX,
    TICKETS_OF_ONE_MAX,
    TicketMade,
    Tickets,
    key_of,
    ticket_in,
)
from agentgate_proto.principal import Principal, Role

ANN = Principal(name="ann", role=Role.APPROVER)
BOB = Principal(name="bob", role=Role.AGENT)


def test_a_ticket_lets_in_once_whom_it_was_made_for() -> None:
    tickets = Tickets()
    assert tickets.make("s1", ANN, "h1", 0.0) == TicketMade("s1", TICKET_S)
    tickets.make("s2", BOB, "h2", 1.0)
    ticket = tickets.take("s2", 2.0)
    assert ticket is not None
    assert (ticket.principal, ticket.token_hash, ticket.expires_at) == (BOB, "h2", 1.0 + TICKET_S)
    assert tickets.take("s2", 2.0) is None
    ticket = tickets.take("s1", 2.0)
    assert ticket is not None
    assert ticket.principal == ANN


@pytest.mark.parametrize("secret", ["", "s", "S1", "s1 ", "s1\0", "\ud800", "s" * 10_000])
def test_what_is_no_ticket_lets_nobody_in_and_uses_none_up(secret: str) -> None:
    tickets = Tickets()
    tickets.make("s1", ANN, "h1", 0.0)
    assert tickets.take(secret, 0.0) is None
    assert tickets.take("s1", 0.0) is not None


def test_a_ticket_is_good_until_its_time_is_over() -> None:
    for late, is_good in ((TICKET_S - 0.001, True), (TICKET_S, False), (3_600.0, False)):
        tickets = Tickets()
        tickets.make("s1", ANN, "h1", 0.0)
        assert (tickets.take("s1", late) is not None) is is_good
        assert tickets.take("s1", 0.0) is None, "used up all the same"


def test_one_principal_has_so_many_tickets_and_forgets_its_own_oldest() -> None:
    tickets = Tickets()
    tickets.make("bobs", BOB, "h", 0.0)
    for number in range(TICKETS_OF_ONE_MAX + 2):
        tickets.make(f"s{number}", ANN, "h", 0.0)
    assert tickets.take("s0", 0.0) is None
    assert tickets.take("s1", 0.0) is None
    assert tickets.take("s2", 0.0) is not None
    assert tickets.take("bobs", 0.0) is not None


def test_all_together_have_so_many_and_the_oldest_is_forgotten() -> None:
    tickets = Tickets()
    for number in range(TICKETS_MAX + 1):
        principal = Principal(name=f"p{number // TICKETS_OF_ONE_MAX}", role=Role.AGENT)
        tickets.make(f"s{number}", principal, "h", 0.0)
    assert tickets.take("s0", 0.0) is None
    assert tickets.take("s1", 0.0) is not None
    assert tickets.take(f"s{TICKETS_MAX}", 0.0) is not None


def test_tickets_whose_time_is_over_make_room() -> None:
    tickets = Tickets()
    for number in range(TICKETS_OF_ONE_MAX):
        tickets.make(f"s{number}", ANN, "h", number / 10)
    tickets.make("new", ANN, "h", TICKET_S + 0.95)
    assert len(tickets._tickets) == TICKETS_OF_ONE_MAX - 10 + 1
    assert tickets.take("s9", 0.0) is None
    assert tickets.take("s10", 0.0) is not None


def test_the_secrets_themselves_are_not_kept() -> None:
    tickets = Tickets()
    tickets.make("s3cret", ANN, "h", 0.0)
    assert list(tickets._tickets) == [key_of("s3cret")]
    assert "s3cret" not in repr(tickets._tickets)


@quick
@given(
    st.lists(
        st.tuples(st.sampled_from(["make", "take"]), st.integers(0, 5), st.floats(0.0, 20.0)),
        max_size=30,
    )
)
def test_tickets_are_what_a_plain_table_says(steps: list[tuple[str, int, float]]) -> None:
    tickets, table = Tickets(), dict[str, tuple[Principal, float]]()
    now, made = 0.0, 0
    for verb, number, seconds in steps:
        now += seconds
        if verb == "make":
            principal = (ANN, BOB)[number % 2]
            tickets.make(f"s{made}", principal, "h", now)
            table[f"s{made}"] = (principal, now + TICKET_S)
            made += 1
        else:
            secret = f"s{max(made - number, 0)}"
            expected = table.pop(secret, None)
            ticket = tickets.take(secret, now)
            if expected is None or expected[1] <= now:
                assert ticket is None
            else:
                assert ticket is not None
                assert (ticket.principal, ticket.expires_at) == expected
        of_all = {key for own in tickets._own.values() for key in own}
        assert of_all == set(tickets._tickets)
        assert all(tickets._own.values()), "who has no ticket is not kept"


@pytest.mark.parametrize(
    ("target", "ticket"),
    [
        ("/ws?ticket=abc", "abc"),
        ("/ws?a=1&ticket=abc&b=2", "abc"),
        ("/ws?ticket=a=b", "a=b"),
        ("/ws?ticket=a%41", "a%41"),
        ("/ws?ticket=a?ticket=b", "a?ticket=b"),
        ("/ws?ticket=" + "x" * TICKET_CHARS_MAX, "x" * TICKET_CHARS_MAX),
        ("/ws?ticket=" + "x" * (TICKET_CHARS_MAX + 1), ""),
        ("/ws?ticket=a&ticket=a", ""),
        ("/ws?ticket=a&ticket=", ""),
        ("/ws?ticket=", ""),
        ("/ws?Ticket=a", ""),
        ("/ws?aticket=a", ""),
        ("/ws?a;ticket=a", ""),
        ("/ws/ticket=a", ""),
        ("/ws", ""),
        ("", ""),
    ],
)
def test_a_ticket_is_the_one_field_of_its_name_in_the_query(target: str, ticket: str) -> None:
    assert ticket_in(target) == ticket
