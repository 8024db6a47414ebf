"""What the streams of all vendors have in common."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.models.answer import (
    ANSWER_CHARS_MAX,
    BLOCKS_MAX,
    CALLS_MAX,
    UNREADABLE,
    Allowance,
    TooMuch,
    arguments,
    read_event,
)

DECODER = msgspec.json.Decoder(dict[str, str])


@pytest.mark.parametrize(
    ("text", "args", "problem"),
    [
        ("", b"{}", ""),
        (" \n", b"{}", ""),
        ("null", b"{}", ""),
        (' {"a": 1} ', b'{"a": 1}', ""),
        ("[1]", b"{}", "its arguments are no object"),
        ('"x"', b"{}", "its arguments are no object"),
        ('{"a": 1', b"{}", "its arguments are no JSON"),
        ('{"a": 1}}', b"{}", "its arguments are no JSON"),
        ('{"a":' + "[" * 5_000, b"{}", "its arguments are no JSON"),
    ],
)
def test_arguments_are_an_object_or_there_is_a_problem(
    text: str, args: bytes, problem: str
) -> None:
    assert arguments(text) == (msgspec.Raw(args), problem)


@given(value=st.dictionaries(st.text(), st.integers() | st.text()))
def test_arguments_are_passed_on_as_they_came(value: dict[str, Any]) -> None:
    text = msgspec.json.encode(value).decode()
    assert arguments(text) == (msgspec.Raw(text.encode()), "")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('{"a":"\\ud83d\\ude00"}', "😀"),
        ('{"a":"x\\ud83d"}', "x?"),
        ('{"a":"\\ude00x"}', "?x"),
        ('  {"a":"x"}  ', "x"),
    ],
)
def test_half_a_surrogate_pair_is_a_question_mark(data: str, text: str) -> None:
    assert read_event(DECODER, data) == {"a": text}


@pytest.mark.parametrize("data", ["", "{", '{"a":1}', '{"a":"\ud800"}', "[" * 10_000])
def test_what_is_no_event_is_known_as_such(data: str) -> None:
    with pytest.raises(UNREADABLE):
        read_event(DECODER, data)


def test_an_answer_is_let_in_up_to_its_caps() -> None:
    allowance = Allowance()
    allowance.take("x" * ANSWER_CHARS_MAX)
    with pytest.raises(TooMuch, match="characters"):
        allowance.take("x")
    for _ in range(CALLS_MAX):
        allowance.take_call()
    with pytest.raises(TooMuch, match="calls"):
        allowance.take_call()
    for _ in range(BLOCKS_MAX):
        allowance.take_block()
    with pytest.raises(TooMuch, match="blocks"):
        allowance.take_block()
