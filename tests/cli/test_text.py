"""What others wrote, on its way to a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_cli.text import (
    compact,
    cut,
    duration,
    escape_json,
    fold,
    parse_time,
    plural,
    printable,
    readable,
)
from agentgate_proto.text.characters import is_hidden


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 1 + 1 = 2", "plain text, 1 + 1 = 2"),
        ("Tür öffnen, 東京, Москва", "Tür öffnen, 東京, Москва"),
        ("\x1b[2Jgone", "\\u001b[2Jgone"),
        ("line\nline\ttab\r", "line\\nline\\ttab\\r"),
        ("\x9b31mred", "\\u009b31mred"),
        ("safe\u202egnp.exe", "safe\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("no\u00a0break", "no\\u00a0break"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("l\u043eck.front", "l\\u043eck.front"),
        ("\uff4cock", "\\uff4cock"),
    ],
)
def test_what_does_not_print_or_passes_for_something_else_is_shown_by_its_number(
    text: str, shown: str
) -> None:
    assert printable(text) == shown


@given(st.text())
def test_no_text_reaches_the_terminal_with_a_hidden_character(text: str) -> None:
    assert not any(is_hidden(c) for c in printable(text))


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_for_a_terminal_is_the_same_json_without_hidden_characters(value: object) -> None:
    shown = escape_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert not any(is_hidden(c) for c in shown)


def test_a_value_is_one_line_of_json_with_sorted_keys() -> None:
    assert compact({"b": "two\nlines", "a": [1, None]}) == '{"a":[1,null],"b":"two\\nlines"}'


def test_a_long_text_is_folded_in_the_middle_and_says_how_much_is_missing() -> None:
    folded = fold("a" * 500 + "b" * 500, 100)
    assert folded.startswith("aaa")
    assert folded.endswith("bbb")
    assert "[930 characters more]" in folded
    assert len(folded) <= 100
    assert fold("short", 100) == "short"


def test_a_long_name_is_cut() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0 s"), (0.4, "0 s"), (89, "89 s"), (900, "15 min"), (7_200, "2 h"), (300_000, "3 days")],
)
def test_durations_are_rough(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_time_that_is_none_is_0() -> None:
    assert parse_time("1970-01-01T00:01:00.000Z") == 60.0
    assert parse_time("soon") == 0.0


def test_counts_have_their_plural() -> None:
    assert [plural(n, "tool") for n in (0, 1, 2)] == ["0 tools", "1 tool", "2 tools"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext", "plain\ntext"),
        ("a\r\nb", "a\nb"),
        ("over\rwritten", "over\\rwritten"),
        ("\x1b[2J\x07\x9b", "\\u001b[2J\\u0007\\u009b"),
        ("\u202etxt\u200b\u2066", "\\u202etxt\\u200b\\u2066"),
        ("un\u00a0deux\u202f!", "un deux !"),
        ("a\tb", "a    b"),
        ("PCを使う \u043e\u043a", "PCを使う \u043e\u043a"),
        ("👩\u200d💻 ❤\ufe0f\u200d🔥", "👩\u200d💻 ❤\ufe0f\u200d🔥"),
        ("a\u200db", "a\\u200db"),
        ("\u200d", "\\u200d"),
        ("line\u2028break\x00", "line\\u2028break\\u0000"),
    ],
)
def test_prose_stays_prose_and_steers_nothing(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_tabs_stay_where_no_terminal_is() -> None:
    assert readable("a\tb", tab="\t") == "a\tb"
