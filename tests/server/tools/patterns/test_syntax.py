"""Patterns are taken apart as ``re`` reads them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_server.tools.patterns.alphabet import Atom, classes_of, holds, kinds_of
from agentgate_server.tools.patterns.syntax import (
    Chars,
    Choice,
    Condition,
    Look,
    Repeat,
    Sequence,
    Start,
    is_anchored,
    parse,
    walk,
)

A, B = (Chars(((ord(char), ord(char)),), source=char) for char in "ab")


@pytest.mark.parametrize(
    ("pattern", "node"),
    [
        ("", Sequence(())),
        ("a", A),
        ("ab", Sequence((A, B))),
        ("a|b|", Choice((A, B, Sequence(())))),
        ("(a)", A),
        ("(?:a|b)", Choice((A, B))),
        ("(?P<name>a)", A),
        ("(?>a)", Sequence((A, Condition()))),
        ("(?=a)", Look(A)),
        ("(?!a)", Look(A)),
        ("(?<=a)", Look(A)),
        ("(?<!a)", Look(A)),
        ("^a$", Sequence((Start(), A, Condition()))),
        (r"\Aa\Z", Sequence((Start(), A, Condition()))),
        (r"\ba\B", Sequence((Condition(), A, Condition()))),
        ("a*", Repeat(A, 0, None, "a*")),
        ("a+?", Repeat(A, 1, None, "a+?")),
        ("a??", Repeat(A, 0, 1, "a??")),
        ("a*+", Sequence((Repeat(A, 0, None, "a*+"), Condition()))),
        ("a{2}", Repeat(A, 2, 2, "a{2}")),
        ("a{2,}", Repeat(A, 2, None, "a{2,}")),
        ("a{,2}", Repeat(A, 0, 2, "a{,2}")),
        ("a{2,3}?", Repeat(A, 2, 3, "a{2,3}?")),
        ("a{,}", Repeat(A, 0, None, "a{,}")),
        ("a{0}", Repeat(A, 0, 0, "a{0}")),
        ("(ab)+", Repeat(Sequence((A, B)), 1, None, "(ab)+")),
    ],
)
def test_a_pattern_is_taken_apart(pattern: str, node: object) -> None:
    re.compile(pattern)
    assert parse(pattern) == node


@pytest.mark.parametrize("pattern", ["a{", "a{}", "a{b}", "a{1", "a{1,", "{a}", "a{ 1}", "x{-1}"])
def test_a_brace_that_is_no_count_is_a_character(pattern: str) -> None:
    assert re.fullmatch(pattern, pattern)
    node = parse(pattern)
    assert not any(isinstance(each, Repeat) for each in walk(node))
    assert len([each for each in walk(node) if isinstance(each, Chars)]) == len(pattern)


SETS = [
    *("a", ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\n", r"\t", r"\\", r"\.", r"\-", r"\ "),
    *(r"\x41", r"\u00e4", r"\U0001F600", r"\0", r"\012", r"\101", r"\a", r"\f", r"\v", r"\r"),
    *("[a]", "[ab]", "[a-z]", "[^a-z]", "[]]", "[^]]", "[]a]", "[a-]", "[-a]", "[a^]", r"[\]]"),
    *(r"[\w.-]", r"[^\w\s]", r"[\W\d]", r"[\b]", r"[\x00-\x1f]", r"[\0-\x20]", r"[\u4e00-\u9fff]"),
    *("[ä-ü]", "[^ä]", r"[\D]", r"[^\D]", "[$^.]", "[(]", "[{}]", "[.]", r"[\S\n]"),
]
TEXTS = [chr(code) for code in range(0x250)] + list("٣Ⅷ½中文漢кΩ\u2003\u2028\ud800😀\U0010ffff")


@pytest.mark.parametrize("pattern", SETS)
def test_a_set_has_the_characters_that_re_takes(pattern: str) -> None:
    chars = parse(pattern)
    assert isinstance(chars, Chars)
    assert chars.source == pattern
    taken = re.compile(pattern).fullmatch
    for char in TEXTS:
        assert holds(chars, Atom(ord(char), kinds_of(char))) == bool(taken(char))


@given(st.lists(st.sampled_from(SETS), min_size=1, max_size=4), st.sampled_from(TEXTS))
def test_each_character_is_in_one_of_the_classes(patterns: list[str], char: str) -> None:
    sets = [parse(pattern) for pattern in patterns]
    chars = [each for each in sets if isinstance(each, Chars)]
    inside = frozenset(
        index for index, pattern in enumerate(patterns) if re.fullmatch(pattern, char)
    )
    found = [each for _, each in classes_of(chars)]
    assert len(found) == len(set(found))
    assert not inside or inside in found


@pytest.mark.parametrize(
    ("pattern", "anchored"),
    [
        ("^a", True),
        (r"\Aa", True),
        ("(^a)", True),
        ("^a|^b", True),
        ("(?:^a|^b)c", True),
        ("(^a)+", True),
        ("a", False),
        ("", False),
        ("^a|b", False),
        ("(^a)?b", False),
        ("a^", False),
        ("(?=^)a", False),
        ("$^a", False),
    ],
)
def test_what_begins_with_the_beginning_is_known(pattern: str, anchored: bool) -> None:
    assert is_anchored(parse(pattern)) is anchored
