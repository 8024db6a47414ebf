"""Words of somebody else's server: what a person sees of them, and what a model gets."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.pin_words import (
    STRANGE_MAX,
    TEXT_CHARS_MAX,
    diff_lines,
    lines_of,
    publishable,
    publishable_schema,
    visible,
)
from agentgate_proto.records.tool_pin import Definition, definition_of
from agentgate_proto.text.characters import is_hidden

TAG = "\U000e0041"
"""One of the letters that only programs see."""


def tool(**members: Any) -> Definition:
    return definition_of(msgspec.json.encode({"name": "set_light", **members}))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("Straße 東京 🙂", "Straße 東京 🙂"),
        ("on\u202eoff", "on<U+202E>off"),
        ("a\u200bb", "a<U+200B>b"),
        (f"a{TAG}", "a<U+E0041>"),
        ("a\x1b[2J", "a<U+001B>[2J"),
        ("a\tb", "a<U+0009>b"),
        ("a\xa0b", "a<U+00A0>b"),
        ("a\u3164b", "a<U+3164>b"),
        ("a\U000e0100", "a<U+E0100>"),
        ("a\u2028b", "a<U+2028>b"),
    ],
)
def test_what_is_not_seen_is_shown_by_its_number(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("plain words", "plain words"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("on\u202eoff", "onoff"),
        (f"a{TAG}\u200b\x07b", "ab"),
        ("a\xa0b", "a b"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("a\U000e0100\ufe01b", "ab"),
    ],
)
def test_what_is_not_seen_is_not_passed_on(text: str, passed: str) -> None:
    assert publishable(text) == passed


def test_words_that_are_too_long_are_cut_and_show_it() -> None:
    assert publishable("a" * TEXT_CHARS_MAX) == "a" * TEXT_CHARS_MAX
    assert publishable("a" * (TEXT_CHARS_MAX + 1)) == "a" * (TEXT_CHARS_MAX - 1) + "…"
    assert publishable("abc", 2) == "a…"


@given(st.text())
def test_of_any_text_nothing_is_passed_on_that_is_not_seen(text: str) -> None:
    passed = publishable(text)
    assert not [each for each in passed if is_hidden(each) and each not in "\n\t\ufe0f"]
    assert passed == publishable(passed)
    assert not [each for each in visible(text) if is_hidden(each)]


def test_words_in_a_schema_are_cleaned_and_what_is_checked_is_not() -> None:
    schema = {
        "description": "a\u200b",
        "properties": {
            "description": {"title": "b\u200b", "enum": ["c\u200b"], "$comment": "d\u200b"},
            "e\u200b": {"anyOf": [{"description": "f\u200b", "pattern": "g\u200b"}]},
        },
        "maxProperties": 2,
    }
    assert publishable_schema(schema) == {
        "description": "a",
        "properties": {
            "description": {"title": "b", "enum": ["c\u200b"], "$comment": "d"},
            "e\u200b": {"anyOf": [{"description": "f", "pattern": "g\u200b"}]},
        },
        "maxProperties": 2,
    }


def test_a_definition_is_shown_member_by_member_and_line_by_line() -> None:
    found = lines_of(tool(annotations={"readOnlyHint": True}, description="one\ntwo\u202e"))
    assert found == [
        "name:",
        "  set_light",
        "description:",
        "  one",
        "  two<U+202E>",
        "annotations:",
        "  {",
        '    "readOnlyHint": true',
        "  }",
    ]


def test_a_difference_shows_the_lines_that_changed_and_little_else() -> None:
    text = "\n".join(f"line {number}" for number in range(20))
    found = diff_lines(tool(description=text), tool(description=text.replace("10", "ten")))
    assert [line for line in found if line[0] in "+-!"] == ["-  line 10", "+  line ten"]
    assert found[0].startswith("@@")
    assert len(found) == 7


def test_a_letter_that_passes_for_another_is_named() -> None:
    found = diff_lines(tool(description="read all"), tool(description="re\u0430d all\u200b"))
    assert found[-2:] == [
        "! new character: U+0430 \u0430 (CYRILLIC SMALL LETTER A)",
        "! new character: U+200B (ZERO WIDTH SPACE)",
    ]


def test_only_so_many_new_letters_are_named() -> None:
    letters = "".join(map(chr, range(0x430, 0x430 + STRANGE_MAX + 3)))
    found = [line for line in diff_lines(tool(title="a"), tool(title=letters)) if line[0] == "!"]
    assert len(found) == STRANGE_MAX + 1
    assert found[-1] == "! new characters: 3 more"


def test_a_letter_without_a_name_is_named_by_its_number() -> None:
    character = "\uffff"
    assert not unicodedata.name(character, "")
    (*_, last) = diff_lines(tool(title="a"), tool(title=f"a{character}"))
    assert last == "! new character: U+FFFF (no name)"
