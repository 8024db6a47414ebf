"""What runs right to left."""

from __future__ import annotations

import pytest

from agentgate_proto.text.characters import CLASSES
from agentgate_proto.text.turning import PARTS_MAX, straightened


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("plain 5", False),
        ("\u05d0\u05d1", False),
        ("\u05d0\u05d1, \u05d2!", False),
        ("\u05d0-\u05d1", False),
        ("\u05d0 500 \u05d1", False),
        ("\u05d0 1,500.20 \u05d1", False),
        ("\u0628 \u0665\u0660\u0660 \u0628", False),
        ('{"a":"\u05d0","b":"\u05d1"}', False),
        ("x \u05d0 y 5 \u05d1", True),
        ("\u05d0 100 \u05d1 9", True),
        ("9 \u05d0", True),
        ("\u05d0 1 \u05d1 2 \u05d2", True),
        ("\u05d05\u05d1", True),
        ("\u05d0=\u05d1", True),
        ("\u05d0/\u05d1", True),
        ('["\u05d0","\u05d1"]', True),
        ("\u05d0 and \u05d1", True),
        ("\u05d0 a", True),
    ],
)
def test_letters_are_marked_that_change_the_place_of_what_is_beside(text: str, turns: bool) -> None:
    assert ("X" in straightened(text.translate(CLASSES))) is turns


def test_marks_go_with_their_letters() -> None:
    assert straightened("\u05d0\u05b8 5\u0301".translate(CLASSES)) == "XX dM"
    assert straightened("\u05d0".translate(CLASSES), always=True) == "X"
    assert straightened("a".translate(CLASSES), always=True) == "l"


def test_of_very_many_parts_it_is_not_said_how_they_lie() -> None:
    assert "X" not in straightened("a\u05d0".translate(CLASSES) * PARTS_MAX)
    assert "X" in straightened("a\u05d0".translate(CLASSES) * (PARTS_MAX + 1))
