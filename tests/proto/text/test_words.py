"""Words that pass for Latin ones."""

from __future__ import annotations

import pytest

from agentgate_proto.text.showing import one_line
from agentgate_proto.text.words import LOOKED_AT_MAX


@pytest.mark.parametrize(
    "text",
    [
        "\u0440\u0430\u0443",  # Cyrillic, Greek, Lisu, Cherokee, in full width
        "\u03c1\u03b1\u03c5",
        "\ua4d1\ua4ee\ua4ec",
        "\u13a0\u13a1",
        "\uff50\uff41\uff59",
        "\u09ea\u09ea",
    ],
)
def test_a_word_that_passes_for_latin_is_marked_where_nothing_shows_what_it_is(text: str) -> None:
    assert one_line(text) == "".join(f"\\u{ord(each):04x}" for each in text)
    assert one_line(f"{text} and {text}") == f"{one_line(text)} and {one_line(text)}"
    assert one_line(f'{{"a":"{text}","b":"\u0436\u03bb"}}') == (
        f'{{"a":"{one_line(text)}","b":"\u0436\u03bb"}}'
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u043a\u0443\u043f\u0438 \u0440\u0430\u0443", None),
        ("\u0436 \u03c1\u03b1\u03c5", "\u0436 \\u03c1\\u03b1\\u03c5"),
        ("\u0436 \u0440\u0430\u0443.com", "\u0436 \\u0440\\u0430\\u0443.com"),
        ("\u0436 \u0440\u0430\u0443.com/\u0436", "\u0436 \\u0440\\u0430\\u0443.com/\u0436"),
        ("HTML\u043a\u043e\u0434", "HTML\\u043a\\u043e\\u0434"),
        ("a\u0436", None),
        ("a.\u0430\u0436", None),
        ("Web\u30ce\u30fc\u30c8", None),
        ("http\u30ce\u30ceevil", "http\\u30ce\\u30ceevil"),
        ("1\u09e8 \u0995", "1\\u09e8 \u0995"),
        ("\u09e82 \u0995", "\\u09e82 \u0995"),
        ("\u09e8 \u0995", None),
        ("\u0430\u0301", "\\u0430\\u0301"),
        ("\u0430_1", "\\u0430_1"),
        ("\u0589x", "\\u0589x"),
    ],
)
def test_a_word_is_honest_where_another_shows_its_script(text: str, shown: str | None) -> None:
    assert one_line(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    "text", ['"\u0430', "a\u0430 ", "\u0430.a.", "a\u0430", "\u0430 \u0436\u0430("]
)
def test_in_a_text_with_very_many_such_places_all_are_marked(text: str) -> None:
    assert "\u0430" not in one_line(text * (LOOKED_AT_MAX + 1))[-5:]
