"""Naming arguments: what a request acts on comes first, and gives way to nothing."""

from __future__ import annotations

import pytest

from agentgate_proto.records.naming import NAMING, in_order, is_naming, ordered, shown_names

FILLERS = [f"a{number:02}" for number in range(40)]
CALL = ["domain", "service", "entity_id"]


def test_what_is_acted_on_comes_first_and_the_rest_by_name() -> None:
    assert in_order([*FILLERS[::-1], *CALL[::-1]]) == [*CALL, *FILLERS]
    assert list(ordered({"text": 1, "URL": 2, "to": 3})) == ["to", "URL", "text"]


@pytest.mark.parametrize("others_max", [0, 5, 20])
def test_none_of_what_is_acted_on_is_left_out(others_max: int) -> None:
    shown = shown_names([*FILLERS, *CALL], others_max)
    assert shown[:3] == CALL
    assert len(shown) == max(others_max, 3)


def test_made_up_names_do_not_count_as_those() -> None:
    assert not any(map(is_naming, ["to_1", "a.domain", "domain ", "xpath", "entity_ids"]))
    assert all(map(is_naming, NAMING))
    assert len(set(NAMING)) == len(NAMING)
