"""What is held in memory: each has a share, and the others' does not matter to who has none."""

from agentgate_proto.quotas.held import Held


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
