"""Patterns of scenes: what fits, what stands in the places, and that nothing takes its time."""

from __future__ import annotations

import fnmatch
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.models.patterns import Pattern, filled, places_in


@pytest.mark.parametrize(
    ("pattern", "text", "places"),
    [
        ("hello", "Hello", {}),
        ("hello", "hello there", None),
        ("hello*", "hello there", {}),
        ("*there", "hello there", {}),
        ("*there", "hello there!", None),
        ("*", "", {}),
        ("", "", {}),
        ("", "x", None),
        ("a**b", "a - b", {}),
        ("  two   words ", "two\n\twords", {}),
        (
            "turn {state} the {lamp} lamp*",
            "Turn ON the old\nfloor lamp, please!",
            {"state": "ON", "lamp": "old floor"},
        ),
        ("{all}", "a b\nc", {"all": "a b c"}),
        ("what is 2+2?", "What is 2+2?", {}),
        ("what is 2+2?", "What is 2+25", None),
        ("[a-z]", "b", None),
        ("{a} and {b}", "x and y and z", {"a": "x", "b": "y and z"}),
    ],
)
def test_a_text_is_compared_with_a_pattern(
    pattern: str, text: str, places: dict[str, str] | None
) -> None:
    assert Pattern(pattern).match(text) == places


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("{a}{b}", "side by side"),
        ("*{a}", "side by side"),
        ("{a} or {a}", "there twice"),
        ("{text}", "has a meaning already"),
        ("say {result}", "has a meaning already"),
    ],
)
def test_a_pattern_that_can_t_be_one_says_why(pattern: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Pattern(pattern)


def test_what_a_pattern_wants_is_named_in_order() -> None:
    assert Pattern("turn {state} the {lamp} lamp").names == ("state", "lamp")


@quick
@given(pattern=st.text("ab* ", max_size=12), text=st.text("ab ", max_size=16))
def test_stars_mean_what_they_mean_to_a_shell(pattern: str, text: str) -> None:
    pattern, text = " ".join(pattern.split()), " ".join(text.split())
    found = Pattern(pattern).match(text) is not None
    # A shell's star may take blanks that stand alone at an edge; ours are taken off before.
    wanted = fnmatch.fnmatchcase(text, pattern)
    assert found == wanted


@pytest.mark.parametrize(
    "pattern", ["a*b*c*d*e*f", "*x*aaa", "*" + "a" * 400 + "b*", "{a} {b} {c}!"]
)
def test_a_long_text_that_nearly_fits_takes_no_time(pattern: str) -> None:
    compared = Pattern(pattern)
    began = process_time()
    for text in ("abcde" * 4_000, "xaaa" * 5_000 + "y", "a" * 20_000, "a " * 10_000):
        assert compared.match(text) is None
    assert process_time() - began < 1.0


PLACES = {"lamp": "desk", "text": "{lamp}"}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("the {lamp} lamp", "the desk lamp"),
        ("{text}", "{lamp}"),
        ("{{lamp}}", "{lamp}"),
        ('{"a": 1}', '{"a": 1}'),
        ("{Not} {0} {}", "{Not} {0} {}"),
        ({"{lamp}": ["{lamp}", 1, None, True]}, {"desk": ["desk", 1, None, True]}),
    ],
)
def test_places_are_filled_in_all_texts_and_only_once(value: object, result: object) -> None:
    assert filled(value, PLACES) == result


def test_the_places_of_a_value_are_found_wherever_they_are() -> None:
    value = {"{a}": [{"b": "{b} {{c}}"}, 1, "{d}"]}
    assert sorted(places_in(value)) == ["a", "b", "d"]
