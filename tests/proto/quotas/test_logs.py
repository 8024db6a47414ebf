"""What the sessions of each principal keep: it has a part, and is told what to do beyond it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.quotas.logs import Logs


def test_a_principal_keeps_its_part_and_no_more() -> None:
    logs = Logs(1_000)
    logs.add("evil", 600)
    assert logs.objection_to("evil", 400) == ""
    assert logs.objection_to("evil", 401) == (
        "the sessions of evil keep 600 bytes, and may 1,000 "
        "(sessions.log_bytes_of_principal_max): delete some"
    )
    assert logs.objection_to("agent", 1_000) == "", "the others have their own"


def test_what_a_former_process_has_counted_counts_on() -> None:
    logs = Logs(1_000)
    logs.restore({"one": 1_000, "two": 0})
    assert (logs.of("one"), logs.of("two")) == (1_000, 0)
    assert logs.objection_to("one", 1) != ""


def test_a_session_that_is_gone_and_was_thought_larger_leaves_no_debt() -> None:
    logs = Logs(1_000)
    logs.add("one", 10)
    logs.add("one", -30)
    logs.add("one", 5)
    assert logs.of("one") == 5


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50)), max_size=30))
def test_what_is_kept_is_the_sum_of_what_came_and_did_not_go(steps: list[tuple[str, int]]) -> None:
    logs, sums = Logs(10**6), Counter[str]()
    for place, (name, size) in enumerate(steps):
        change = size if place % 3 else -min(size, sums[name])
        logs.add(name, change)
        sums[name] += change
        assert {each: logs.of(each) for each in "ab"} == {each: sums[each] for each in "ab"}
