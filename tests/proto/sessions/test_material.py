"""Material: each tool has a name that models take, the same whatever else there is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.models.request import ToolSpec
from agentgate_proto.sessions.material import Material, model_names, spelled_anew

TAKEN_BY_VENDORS = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_a_name_that_fits_stays_as_it_is() -> None:
    names = ["ha_get_state", "search-web", "A" * 64]
    assert model_names(names) == {name: name for name in names}


def test_any_other_is_spelled_anew() -> None:
    names = ["light.turn_on", "Küche", "", "A" * 65, "two\nlines"]
    told = model_names(names)
    assert sorted(told.values()) == sorted(names)
    assert all(TAKEN_BY_VENDORS.fullmatch(name) for name in told)
    assert "light_turn_on_97d6a2c2" in told


def test_two_names_that_would_look_alike_are_told_apart() -> None:
    told = model_names(["a.b", "a_b", "a b"])
    assert sorted(told.values()) == ["a b", "a.b", "a_b"]


def test_a_tool_that_has_the_new_name_of_another_keeps_it() -> None:
    squatter = spelled_anew("a.b")
    assert model_names(["a.b", squatter]) == {squatter: squatter}


@given(st.sets(st.text(max_size=80)), st.text(max_size=80))
def test_names_fit_and_do_not_change_when_another_tool_comes(names: set[str], other: str) -> None:
    told = model_names(names)
    assert len(told) == len(names), "of some thousand names no two have one digest"
    assert all(TAKEN_BY_VENDORS.fullmatch(name) for name in told)
    more = model_names([other, *names])
    assert {model: name for model, name in more.items() if name != other} == {
        model: name for model, name in told.items() if name != other
    }


def test_what_nobody_gave_is_not_there_and_shared_by_none() -> None:
    first, second = Material(), Material()
    assert (first.memory, first.skills, first.tools, first.left_out) == ("", "", (), ())
    assert first.names == {}
    assert first.names is not second.names
    spec = ToolSpec(name="now", description="", schema={"type": "object"})
    assert Material(tools=(spec,), names={"now": "now"}).tools == (spec,)
