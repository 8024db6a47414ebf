"""What the providers' machine says."""

from __future__ import annotations

from typing import get_args

from agentgate_proto.providing.effects import Ask, Drop, Effect, End, Over


def test_the_union_names_every_effect() -> None:
    assert set(get_args(Effect)) == {Ask, Drop, Over}


def test_a_call_is_over_without_data_or_text_unless_they_are_given() -> None:
    over = Over("c1", End.DONE)
    assert (over.data, over.text) == (None, "")
