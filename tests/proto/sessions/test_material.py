"""Material: each tool has a name that models take, the same whatever else there is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.models.request import ToolSpec
from agentgate_proto.sessions.material import (
    Material,
    model_names,
    simply_spelled,
    spelled_anew,
)

TAKEN_BY_VENDORS = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_a_name_that_fits_stays_as_it_is() -> None:
    names = ["ha_get_state", "search-web", "A" * 64]
    assert model_names(names) == {name: name for name in names}


def test_in_any_other_what_does_not_fit_is_an_underscore() -> None:
    names = ["light.turn_on", "Küche", "", "A" * 65, "two\nlines", "a/b:c"]
    told = model_names(names)
    assert sorted(told.values()) == sorted(names)
    assert all(TAKEN_BY_VENDORS.fullmatch(name) for name in told)
    assert {"light_turn_on", "K_che", "two_lines", "a_b_c"} <= told.keys()
    assert "A" * 55 + "_83620394" in told


def test_two_names_that_would_look_alike_are_told_apart() -> None:
    alike = {spelled_anew(name): name for name in ("a.b", "a b")}
    assert model_names(["a.b", "a_b", "a b"]) == {"a_b": "a_b", **alike}
    assert model_names(["a.b", "a b"]) == alike
    assert model_names(["a.b", "a.b"]) == {"a_b": "a.b"}


def test_a_tool_that_has_the_new_name_of_another_keeps_it() -> None:
    squatter = spelled_anew("a.b")
    assert model_names(["a.b", "a_b", squatter]) == {squatter: squatter, "a_b": "a_b"}


@given(st.sets(st.text(max_size=80)), st.text(max_size=80))
def test_names_fit_and_change_only_for_one_that_would_be_taken_for_them(
    names: set[str], other: str
) -> None:
    told = model_names(names)
    assert len(told) == len(names), "of some thousand names no two have one digest"
    assert all(TAKEN_BY_VENDORS.fullmatch(name) for name in told)
    more = model_names([other, *names])
    alike = {name for name in names if simply_spelled(name) == simply_spelled(other)}
    for model_name, name in told.items():
        assert more.get(model_name) == name or name in alike


def test_what_nobody_gave_is_not_there_and_shared_by_none() -> None:
    first, second = Material(), Material()
    assert (first.memory, first.skills, first.tools, first.left_out) == ("", "", (), ())
    assert first.names == {}
    assert first.names is not second.names
    spec = ToolSpec(name="now", description="", schema={"type": "object"})
    assert Material(tools=(spec,), names={"now": "now"}).tools == (spec,)
