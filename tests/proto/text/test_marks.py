"""Marks that belong to the letter before them, and others."""

from __future__ import annotations

import pytest

from agentgate_proto.text.characters import CLASSES
from agentgate_proto.text.marks import CLUSTERS_MAX, MARKS_MAX, STRAYS_MAX, Fitting, without_stray


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("e\u0301", "M"),
        ("z\u0308", "M"),
        ("\u0438\u0306", "M"),
        ("e\u0301\u0301", "MX"),
        ("e\u0323\u0302\u0301", "MMX"),
        ("i\u0307", "X"),
        ("A\u0e31\u0300", "XX"),
        ("1\u0301", "X"),
        (" \u0301", "X"),
        ("\u4e2d\u0301", "X"),
        ("\u0915\u093c\u094d", "MM"),
        ("\u0915\u064e", "X"),
        ("a\u093c", "X"),
        ("\u0e01\u0e31\u0e48", "MM"),
        ("\u05e9\u05c1\u05b8", "MM"),
        ("\u0628\u064e", "M"),
        ("\u304b\u3099", "M"),
        ("\u0430\u0483", "X"),
    ],
)
def test_a_mark_belongs_on_letters_that_are_spelled_with_it(text: str, told: str) -> None:
    assert without_stray(text, text.translate(CLASSES))[1:] == told


def test_a_mark_without_a_letter_belongs_nowhere() -> None:
    assert without_stray("\u0301a\u0301", "MlM") == "XlM"
    assert without_stray("plain", "lllll") == "lllll"


def test_no_letter_has_any_number_of_marks() -> None:
    marks = "\u093c\u094d\u0941\u0947\u0901\u0902\u0948"
    text = "\u0915" + marks
    assert without_stray(text, "o" + "M" * len(marks))[1:] == "M" * MARKS_MAX + "XX"


def test_where_many_marks_belong_nowhere_no_more_are_looked_at() -> None:
    text = " \u0301" * (STRAYS_MAX + 2) + "e\u0301"
    assert set(without_stray(text, text.translate(CLASSES))) == {" ", "X", "l"}


def test_clusters_are_remembered_up_to_a_cap() -> None:
    fitting = Fitting()
    for point in range(0x4E00, 0x4E00 + CLUSTERS_MAX + 1):
        assert fitting[chr(point) + "\u0301"] == "X"
    assert len(fitting) == 1
