"""Output by owner: one's hoard ends one's own connections; people keep what is theirs. Pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.quotas.output import Cut, Output, OutputCap
from agentgate_proto.quotas.owners import STRANGER, Owner

EVIL, CALM, PERSON = Owner("evil"), Owner("calm"), Owner("person", is_person=True)


def output() -> Output[str]:
    return Output(of_owner_max=100, all_max=250, people_bytes=50)


def test_what_is_taken_in_time_costs_nobody_anything() -> None:
    queues = output()
    assert queues.note("a", EVIL, 100) == []
    assert queues.note("a", EVIL, 40) == []
    assert queues.note("b", EVIL, 60) == []
    assert (queues.of(EVIL), queues.total) == (100, 100)
    assert queues.note("a", EVIL, 0) == []
    assert queues.note("b", EVIL, 0) == []
    assert queues.note("c", EVIL, 0) == []
    assert (queues.of(EVIL), queues.total) == (0, 0)


def test_beyond_its_share_an_owner_loses_its_own_largest_connection() -> None:
    queues = output()
    queues.note("calm", CALM, 90)
    queues.note("small", EVIL, 30)
    queues.note("large", EVIL, 60)
    assert queues.note("small", EVIL, 41) == [Cut("large", EVIL, OutputCap.OWNER)]
    assert (queues.of(EVIL), queues.of(CALM)) == (41, 90)


def test_a_single_connection_with_too_much_goes_itself() -> None:
    queues = output()
    assert queues.note("a", EVIL, 1_000) == [Cut("a", EVIL, OutputCap.OWNER)]
    assert queues.total == 0


def test_beyond_what_all_may_have_the_owner_with_most_loses() -> None:
    queues = output()
    queues.note("evil", EVIL, 99)
    queues.note("more", Owner("third"), 90)
    assert queues.note("calm", CALM, 20) == [Cut("evil", EVIL, OutputCap.ALL)]
    assert queues.of(CALM) == 20


def test_agents_can_t_use_up_what_is_for_people_and_people_may_use_the_rest() -> None:
    queues = output()
    queues.note("evil", EVIL, 100)
    queues.note("calm", CALM, 95)
    assert queues.note("person", PERSON, 50) == []
    assert queues.note("stranger", STRANGER, 6) == [Cut("evil", EVIL, OutputCap.ALL)]
    assert queues.note("person", PERSON, 100) == []
    other = Owner("other", is_person=True)
    assert queues.note("other", other, 100) == [Cut("person", PERSON, OutputCap.ALL)]


def test_who_has_said_who_they_are_is_counted_anew() -> None:
    queues = output()
    queues.note("a", STRANGER, 50)
    queues.note("a", EVIL, 60)
    assert (queues.of(STRANGER), queues.of(EVIL), queues.total) == (0, 60, 60)
    queues.note("a", PERSON, 0)
    assert queues.total == 0


def test_the_largest_of_all_who_are_no_people_can_be_asked_for() -> None:
    queues = output()
    queues.note("person", PERSON, 100)
    assert queues.largest(at_least=1) is None
    queues.note("calm", CALM, 10)
    queues.note("evil", EVIL, 70)
    assert queues.largest(at_least=10) == Cut("evil", EVIL, OutputCap.ALL)
    assert queues.largest(at_least=11) is None
    assert queues.largest(at_least=10) == Cut("calm", CALM, OutputCap.ALL)
    assert queues.largest(at_least=1) is None
    assert queues.of(PERSON) == 100


NOTES = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from([EVIL, CALM, PERSON, STRANGER]),
        st.integers(0, 300),
    )
)


@given(NOTES)
def test_no_cap_is_ever_exceeded_and_nothing_is_counted_twice(
    notes: list[tuple[str, Owner, int]],
) -> None:
    queues = output()
    waiting: dict[str, tuple[Owner, int]] = {}
    for who, owner, size in notes:
        waiting[who] = owner, size
        for cut in queues.note(who, owner, size):
            assert cut.owner == waiting.pop(cut.who)[0]
        others = sum(size for its, size in waiting.values() if not its.is_person)
        assert queues.total == sum(size for _, size in waiting.values()) <= 250
        assert others <= 200
        for each in (EVIL, CALM, PERSON, STRANGER):
            assert queues.of(each) == sum(s for its, s in waiting.values() if its == each) <= 100
