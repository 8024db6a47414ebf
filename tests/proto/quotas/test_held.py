"""What is held in memory: each has a share, and the others' does not matter to who has none."""

from agentgate_proto.quotas.held import (
    FORESEEN_BYTES_MIN,
    FORESEEN_MAX,
    FORGET,
    JOINED_BYTES_MAX,
    Held,
)


def test_an_owner_may_have_its_share_and_no_more() -> None:
    held = Held(100, 1_000)
    held.add("evil", 60)
    assert held.objection_to("evil", 40) == ""
    assert held.objection_to("evil", 41) == (
        "requests and outcomes of 60 bytes wait in memory for you, and 100 may: take outcomes, or "
        "wait for what runs"
    )
    assert held.objection_to("agent", 100) == ""


def test_who_holds_nothing_may_begin_when_all_together_have_too_much() -> None:
    held = Held(100, 150)
    held.add("one", 90)
    held.add("two", 60)
    assert held.objection_to("agent", 80) == ""
    held.add("agent", 80)
    assert "230 bytes wait in memory for all" in held.objection_to("agent", 1)


def test_what_is_let_go_of_can_be_taken_again() -> None:
    held = Held(100, 100)
    held.add("agent", 100)
    held.add("agent", -30)
    assert (held.of("agent"), held.total) == (70, 70)
    held.add("agent", -70)
    assert (held.of("agent"), held.total) == (0, 0)
    assert held.objection_to("agent", 1_000) == "", "one request larger than the share goes alone"


def test_a_tool_is_foreseen_to_bring_its_owner_what_it_brought_and_less_bit_by_bit() -> None:
    held = Held(100, 100)
    large = 100 * FORESEEN_BYTES_MIN
    assert held.foreseen("a", "t") == 0
    held.learn("a", "t", large)
    assert held.foreseen("a", "t") == large
    assert held.foreseen("b", "t") == held.foreseen("a", "u") == 0
    held.learn("a", "t", 1)
    assert held.foreseen("a", "t") == large - large // FORGET
    held.learn("a", "t", large)
    assert held.foreseen("a", "t") == large
    for _ in range(10 * FORGET):
        held.learn("a", "t", 1)
    assert held.foreseen("a", "t") == 0, "too little to be counted"


def test_of_so_many_tools_the_one_longest_unused_is_forgotten() -> None:
    held = Held(100, 100)
    for number in range(FORESEEN_MAX):
        held.learn("a", f"t{number}", FORESEEN_BYTES_MIN)
    held.learn("a", "t0", FORESEEN_BYTES_MIN)
    held.learn("a", "new", FORESEEN_BYTES_MIN)
    kept = [held.foreseen("a", name) for name in ("t0", "t1", "t2", "new")]
    assert kept == [FORESEEN_BYTES_MIN, 0, FORESEEN_BYTES_MIN, FORESEEN_BYTES_MIN]


def test_few_may_wait_for_an_outcome_that_is_large() -> None:
    held = Held(10**9, 10**9)
    assert held.joined_max("evil", "snapshot") == JOINED_BYTES_MAX
    held.learn("evil", "snapshot", 900_000)
    assert held.joined_max("evil", "snapshot") == 2
    assert held.joined_max("home", "snapshot") == JOINED_BYTES_MAX
    held.learn("evil", "snapshot", 9_000_000)
    assert held.joined_max("evil", "snapshot") == 0
