"""Needles: what one pattern of all spellings finds, and in far less time where a text is long."""

from __future__ import annotations

import re
import time
from random import Random

import pytest
from tests.chance import seeds

from agentgate_server.secrets.forms import utf8
from agentgate_server.secrets.needles import SHORT, Needles

ANYWHERE = ("abcab", "bcabc", "aaaaa", "aaaaaaa", "abé€ab")
ALONE = ("ab", "b-a", "aé", "aaa")
LETTERS = "ab c-éa€_1ab"


def pattern() -> re.Pattern[str]:
    """All of them as one pattern: the meaning of the class."""
    forms = [re.escape(form) for form in sorted(ANYWHERE, key=len, reverse=True)]
    short = sorted(ALONE, key=len, reverse=True)
    return re.compile("|".join(forms + [rf"(?<!\w){re.escape(form)}(?!\w)" for form in short]))


@pytest.mark.parametrize("seed", seeds(20))
def test_a_long_text_is_searched_as_a_short_one(seed: int) -> None:
    chance, meaning, needles = Random(seed), pattern(), Needles(ANYWHERE, ALONE)
    for _ in range(40):
        text = "".join(chance.choice(LETTERS) for _ in range(chance.choice((3, 40, SHORT * 3))))
        hits = meaning.findall(text)
        assert needles.found(text) == hits
        expected = meaning.sub(lambda found: f"<{found[0]}>", text)
        assert needles.replaced(text, lambda form: f"<{form}>") == expected
        bytewise = re.compile(utf8(meaning.pattern))
        assert needles.are_in(text.encode()) == bool(bytewise.search(text.encode()))


def test_overlaps_of_one_with_itself_take_no_memory_for_each() -> None:
    needles = Needles(["aaaaa"])
    assert needles.replaced("a" * 10_003, lambda _: "*") == "*" * 2_000 + "aaa"
    assert needles.found("a" * 1_004) == ["aaaaa"] * 200


def test_short_ones_stand_alone_in_long_texts_too() -> None:
    needles = Needles((), ["4711"])
    long = "x " * SHORT
    assert needles.are_in(f"{long}4711".encode())
    assert needles.are_in(f"4711 {long}".encode())
    assert not needles.are_in(f"{long}14711 47110 a4711_".encode())
    assert needles.replaced(f"{long}14711 4711", lambda _: "*") == f"{long}14711 *"


def test_none_of_them_are_nowhere() -> None:
    needles = Needles()
    assert needles.is_empty
    for text in ("", "x", "x" * 1_000):
        assert needles.replaced(text, lambda _: "*") == text
        assert needles.found(text) == []
        assert not needles.are_in(text.encode())


def test_a_megabyte_holds_nobody_up() -> None:
    forms = [f"{n:02}-token-0123456789abcdef" for n in range(40)]
    data = b"token-0123456789abcde " * 40_000
    one, needles = re.compile(utf8("|".join(forms))), Needles(forms)
    began = time.process_time()
    assert one.search(data) is None
    middle = time.process_time()
    assert not needles.are_in(data)
    assert time.process_time() - middle < (middle - began) / 2
