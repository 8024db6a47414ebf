"""A line that is made of keys: what a terminal would have made of them, and never more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_cli.answering import bounds_of, read_answer
from agentgate_cli.line_editor import LINE_CHARS_MAX, LineEditor
from agentgate_client import GrantTerms


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (b"yes\n", "yes"),
        (b"yes\r", "yes"),
        (b"nn\x7fo\n", "no"),
        (b"no\x15yes\n", "yes"),
        (b"no not now\x17later\n", "no not later"),
        (b"\x7f\x7fy\n", "y"),
        (b"y\x1b[A\x1b[1;5C\x1bOH\x1bb\n", "y"),
        (b"y\t\x00\x01\n", "y"),
        ("grün\n".encode(), "grün"),
        (b"\xff\n", "\ufffd"),
        (b"y\x04es\n", "yes"),
        (b"y\nn\n", "y"),
        (b"x" * (LINE_CHARS_MAX + 9) + b"\n", "x" * LINE_CHARS_MAX),
    ],
)
def test_keys_make_a_line_in_one_piece_and_one_by_one(keys: bytes, line: str) -> None:
    assert LineEditor().feed(keys) == line
    editor = LineEditor()
    found = [
        each for at in range(len(keys)) if (each := editor.feed(keys[at : at + 1])) is not None
    ]
    assert found[0] == line
    assert not editor.ended


def test_ctrl_d_closes_an_empty_line_only() -> None:
    editor = LineEditor()
    assert editor.feed(b"\x04y\n") is None
    assert editor.ended
    editor = LineEditor()
    assert editor.feed(b"y\x04") is None
    assert (editor.ended, editor.typed) == (False, "y")


@given(st.binary(max_size=200))
def test_whatever_is_typed_nothing_steers_the_terminal(keys: bytes) -> None:
    editor = LineEditor()
    line = editor.feed(keys)
    assert (line or "").isprintable()
    assert editor.typed.isprintable()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("y", ("approve", "")),
        ("YES", ("approve", "")),
        ("yes, but be Quick", ("approve", "but be Quick")),
        ("n  not now ", ("deny", "not now")),
        ("g", ("grant", "")),
        ("s", ("skip", "")),
        ("skip it", (None, "")),
        ("grant it", (None, "")),
        ("", (None, "")),
        ("yesterday", (None, "")),
        ("maybe", (None, "")),
    ],
)
def test_a_word_may_follow_a_yes_or_a_no(line: str, answer: tuple[str | None, str]) -> None:
    assert read_answer(line) == answer


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("15m", GrantTerms(minutes=15)),
        ("1d", GrantTerms(minutes=1_440)),
        ("20x", GrantTerms(uses=20)),
        ("20 times", GrantTerms(uses=20)),
        ("2h, 5x", GrantTerms(minutes=120, uses=5)),
    ],
)
def test_terms_of_a_grant_are_read_as_people_write_them(text: str, terms: GrantTerms) -> None:
    assert bounds_of(text) == terms


@pytest.mark.parametrize("text", ["forever", "2d", "0x", "1001x", "0s", "15", "m"])
def test_terms_that_are_none_or_too_wide_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        bounds_of(text)
