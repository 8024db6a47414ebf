"""Texts of others as people are shown them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.proto.text.honest import HONEST

from agentgate_proto.text.characters import CLASSES, is_hidden
from agentgate_proto.text.showing import (
    ESCAPES,
    PAIRS,
    POINTS,
    REMEMBERED_MAX,
    document,
    one_line,
    prose,
    straight,
)

ODD = (
    "aZ0_ .,;:!?()[]\"'\\/@-\n\t\r\x1b\x7f\x9b\u00a0\u00ad\u0131\u0300\u0301\u0307\u0336\u034f"
    "\u0430\u043e\u0443\u0436\u03bf\u03b1\u03bb\u05d0\u05d1\u05b8\u05be\u0627\u0628\u064e\u0660"
    "\u0665\u06f1\u0915\u093c\u094d\u0966\u09ea\u0e01\u0e31\u0e48\u115f\u13a0\u180e\u200b\u200c"
    "\u200d\u200e\u202e\u2028\u2044\u2066\u2113\u2215\u2764\u20e3\u2800\u3000\u3042\u30ce\u3164"
    "\u4e2d\ud800\ue000\ufe0e\ufe0f\uff41\ufffc\uffff\U0001d41a\U0001f44d\U0001f3fd\U0001f468"
    "\U0001f469\U0001f4bb\U000e0041\U000e0100\U0010ffff"
)
TEXTS = st.text() | st.text(st.sampled_from(ODD), max_size=30)


@pytest.mark.parametrize(("language", "text"), HONEST, ids=[each[0] for each in HONEST])
@pytest.mark.parametrize("show", [one_line, document, prose])
def test_what_people_write_is_shown_as_it_is(
    language: str, text: str, show: Callable[[str], str]
) -> None:
    assert show(text) == text, language


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 1 + 1 = 2", "plain text, 1 + 1 = 2"),
        ("\x1b[2Jgone\x9b31m", "\\u001b[2Jgone\\u009b31m"),
        ("line\nline\ttab\r", "line\\nline\\ttab\\r"),
        ("safe\u202egnp.exe \u2066\u200e", "safe\\u202egnp.exe \\u2066\\u200e"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("no\u00a0break\u3000", "no\\u00a0break\\u3000"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("buy milk\U000e0100\ufe0f", "buy milk\\U000e0100\\ufe0f"),
        (
            "a\u034fb \u2800 \u3164 \ufffc \U0001d159",
            "a\\u034fb \\u2800 \\u3164 \\ufffc \\U0001d159",
        ),
        ("1\u03360\u03360\u0336", "1\\u03360\\u03360\\u0336"),
        ("0\u0665\u064e", "0\\u0665\\u064e"),
        ("\u05d0 100 \u05d1 9", "\\u05d0 100 \\u05d1 9"),
        ("\ue000\U0010ffff\ud800", "\\ue000\\U0010ffff\\ud800"),
        ("\u0440\u0430\u0443", "\\u0440\\u0430\\u0443"),
        ("l\u043eck.front", "l\\u043eck.front"),
        ("\u0430@example.org", "\\u0430@example.org"),
        ("\U0001d429\U0001d41a\U0001d432", "\\U0001d429\\U0001d41a\\U0001d432"),
        ("\u0261oogle", "\\u0261oogle"),
        ("example.org\u2215x", "example.org\\u2215x"),
        ("\\u0430 \u0436", "\\u0430 \u0436"),
    ],
)
def test_what_is_not_seen_as_itself_is_shown_by_its_number(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext", "plain\ntext"),
        ("a\r\nb", "a\nb"),
        ("over\rwritten", "over\\rwritten"),
        ("\x1b[2J\x07\x9b", "\\u001b[2J\\u0007\\u009b"),
        ("un\u00a0deux\u202f!", "un deux !"),
        ("a\tb", "a    b"),
        ("a\u200db", "a\\u200db"),
        ("\u0436\u200d\u0436", "\u0436\\u200d\u0436"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        (
            "\u0440\u0430\u0443 l\u043eck \U0001d41a \u05d0 5",
            "\u0440\u0430\u0443 l\u043eck \U0001d41a \u05d0 5",
        ),
        ("o\u0336k", "o\u0336k"),
    ],
)
def test_prose_stays_prose_and_steers_nothing(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_a_document_keeps_its_lines_and_whoever_shows_a_backslash_has_other_numbers() -> None:
    assert document("a\u200b\nb\U000e0041") == "a\\u200b\nb\\udb40\\udc41"
    assert document("a\nb") == "a\nb"
    assert one_line("\\ \u202e\n", POINTS) == "\\ <U+202E><U+000A>"


def test_lines_of_several_values_have_nothing_that_runs_right_to_left() -> None:
    assert straight("f(a, b)") == "f(a, b)"
    assert straight("f(\u05e9\u05b8, \u0436)") == "f(\\u05e9\\u05b8, \u0436)"


@given(TEXTS)
def test_nothing_is_shown_that_is_not_seen_but_what_makes_pictures_and_parts_letters(
    text: str,
) -> None:
    for at, char in enumerate(shown := one_line(text)):
        if is_hidden(char):
            around = shown[at - 1 : at] + shown[at + 1 : at + 2]
            assert at
            assert char in "\u200c\u200d\ufe0f", "no other has an effect that is seen"
            assert char == "\ufe0f" or all(each.translate(CLASSES) not in "l " for each in around)


@given(TEXTS)
@example("\u0443\u200b\u0436 \u0441")
@example("\u05d0\u200b\u05d1 5")
@example("\u0395:\u05d0A")
@example("\u0441\u05d0 5")
def test_what_was_shown_once_is_shown_so_again(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)


@given(TEXTS)
def test_all_of_a_text_can_be_read_back(text: str) -> None:
    shown = one_line(text.replace("\\", "\\\\"))
    assert shown.encode("raw_unicode_escape", "surrogatepass") is not None
    assert read_back(shown) == text


def read_back(shown: str) -> str:
    found, at = "", 0
    short = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
    while at < len(shown):
        if shown[at] != "\\":
            found, at = found + shown[at], at + 1
        elif shown[at + 1] in short:
            found, at = found + short[shown[at + 1]], at + 2
        else:
            end = at + (6 if shown[at + 1] == "u" else 10)
            found, at = found + chr(int(shown[at + 2 : end], 16)), end
    return found


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_stays_the_same_json(value: object) -> None:
    shown = document(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(shown) == json.loads(json.dumps(value))


@given(TEXTS)
def test_prose_has_nothing_that_steers(text: str) -> None:
    shown = prose(text)
    assert not any(is_hidden(char) and char not in "\n\u200c\u200d\ufe0f" for char in shown)


def test_numbers_of_characters_are_remembered_up_to_a_cap() -> None:
    for escapes, wanted in ((ESCAPES, "\\ue000"), (PAIRS, "\\ue000")):
        for point in range(0x20000, 0x20000 + REMEMBERED_MAX + 1):
            assert escapes[point]
        assert len(escapes) < REMEMBERED_MAX
        assert (escapes[0xE000], escapes[0x0A]) == (wanted, "\\n")
