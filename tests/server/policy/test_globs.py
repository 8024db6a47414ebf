from __future__ import annotations

import fnmatch
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentgate_server.policy.globs import MASKS_MAX, Glob, tokenize
from agentgate_server.policy.patterns import covers, may_match

patterns = st.text("ab[]!-*?^\\, ()", max_size=8)
texts = st.text("ab[]!-c^\\", max_size=6)


@given(patterns, texts)
@example("[]", "[]")
@example("[!]a]", "b")
@example("[b-a]", "a")
@example("[a-]", "-")
@example("[!]", "[!]")
@example("[^a]", "a")
@example("**?", "a")
def test_stepping_agrees_with_fnmatch(pattern: str, text: str) -> None:
    glob = Glob(pattern)
    expected = fnmatch.fnmatchcase(text, pattern)
    assert glob.is_done(glob.step(glob.start, text)) is expected
    assert (glob.matches(text) is not None) is expected


@given(patterns, texts, texts)
def test_a_text_may_be_given_in_pieces(pattern: str, head: str, tail: str) -> None:
    glob = Glob(pattern)
    assert glob.step(glob.step(glob.start, head), tail) == glob.step(glob.start, head + tail)


@given(st.text("ab_(.*?", max_size=4), st.text("ab(.", max_size=2))
@example("*(*[!a]b.*", "x(")
def test_a_word_is_whatever_some_word_could_be(pattern: str, head: str) -> None:
    glob = Glob(pattern)
    before = glob.step(glob.start, head)
    words = ("".join(word) for size in range(5) for word in itertools.product("abc_", repeat=size))
    expected = 0
    for word in words:
        expected |= glob.step(before, word)
    assert glob.after_word(before) == expected


@given(st.text("ab*?", max_size=6), st.text("ab", max_size=3), st.text("ab", max_size=3))
def test_anything_is_whatever_some_text_could_be(pattern: str, head: str, tail: str) -> None:
    glob = Glob(pattern)
    fillings = ["".join(f) for n in range(7) for f in itertools.product("ab", repeat=n)]
    expected = any(fnmatch.fnmatchcase(head + filling + tail, pattern) for filling in fillings)
    after = glob.after_anything(glob.step(glob.start, head))
    assert glob.is_done(glob.step(after, tail)) is expected


@given(st.text("ab*?", max_size=6), st.text("ab", max_size=3), st.text("ab", max_size=3))
def test_unknown_is_taken_only_where_every_text_is(pattern: str, head: str, tail: str) -> None:
    glob = Glob(pattern)
    after = glob.after_unknown(glob.step(glob.start, head))
    if glob.is_done(glob.step(after, tail)):
        for filling in ("", "a", "b", "abab", "c" * 9):
            assert fnmatch.fnmatchcase(head + filling + tail, pattern)


parts = st.lists(st.lists(st.text("ab", max_size=2), min_size=1, max_size=2), max_size=3)


@given(st.text("ab*, ", max_size=8), parts)
def test_any_part_may_be_left_out_and_any_text_chosen(pattern: str, parts: list[list[str]]) -> None:
    glob = Glob(pattern + ")")
    choices = itertools.product(*([*texts, None] for texts in parts))
    expected = any(
        fnmatch.fnmatchcase(
            ", ".join(text for text in choice if text is not None) + ")", pattern + ")"
        )
        for choice in choices
    )
    assert may_match((glob, glob.start), tuple(map(tuple, parts))) is expected


@given(st.text("ab*, ", max_size=8), parts)
def test_all_combinations_must_be_covered(pattern: str, parts: list[list[str]]) -> None:
    glob = Glob(pattern + ")")
    expected = all(
        fnmatch.fnmatchcase(", ".join(choice) + ")", pattern + ")")
        for choice in itertools.product(*parts)
    )
    assert covers((glob, glob.start), tuple(map(tuple, parts))) is expected


def test_remembered_characters_are_bounded() -> None:
    glob = Glob("*x")
    text = "".join(chr(0x4E00 + n) for n in range(MASKS_MAX * 2)) + "x"
    assert glob.is_done(glob.step(glob.start, text))
    assert len(glob.masks) == MASKS_MAX


@pytest.mark.parametrize(
    ("pattern", "tokens"),
    [
        ("a*[b-c]?", ["a", "*", "[b-c]", "?"]),
        ("[]]", ["[]]"]),
        ("[!]]", ["[!]]"]),
        ("[", ["["]),
        ("[a", ["[", "a"]),
    ],
)
def test_patterns_are_split_as_fnmatch_reads_them(pattern: str, tokens: list[str]) -> None:
    assert tokenize(pattern) == tokens
