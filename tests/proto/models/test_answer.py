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
    TOKENS_MAX,
    UNREADABLE,
    Allowance,
    TooMuch,
    arguments,
    merge,
    read_event,
    read_usage,
    tokens,
)


def held(levels: int) -> str:
    """An object of so many lists in each other."""
    return '{"a":' + "[" * levels + "]" * levels + "}"


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
        ('{"a":' + "[" * 900, b"{}", "its arguments are no JSON"),
        ('{"a":' + "[" * 5_000, b"{}", "its arguments are nested more than 64 levels deep"),
        (held(64), b"{}", "its arguments are nested more than 64 levels deep"),
        (held(900), b"{}", "its arguments are nested more than 64 levels deep"),
        (held(63), held(63).encode(), ""),
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


@pytest.mark.parametrize(
    "data",
    ["", "{", '{"a":1}', '{"a":"\ud800"}', "[" * 10_000, held(900)],
)
def test_what_is_no_event_is_known_as_such(data: str) -> None:
    with pytest.raises(UNREADABLE):
        read_event(DECODER, data)


def test_what_is_nested_too_deep_is_no_event() -> None:
    decoder = msgspec.json.Decoder(dict[str, Any])
    assert read_event(decoder, held(9)) == msgspec.json.decode(held(9))
    with pytest.raises(UNREADABLE, match="deep"):
        read_event(decoder, held(900))


class Counted(msgspec.Struct):
    one: int | None = None
    other: int | None = None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, None),
        (7, None),
        ({"one": "many"}, None),
        ({"one": {}}, None),
        ({"one": 12.0, "more": []}, Counted(one=12)),
        ({"one": "12", "other": None}, Counted(one=12)),
    ],
)
def test_usage_that_can_t_be_read_is_none(value: Any, read: Counted | None) -> None:
    assert read_usage(value, Counted) == read


def test_of_each_number_the_last_one_counts_zero_too() -> None:
    usage = Counted(one=1, other=2)
    merge(usage, Counted(one=0))
    assert usage == Counted(one=0, other=2)


@pytest.mark.parametrize(
    ("number", "counted"), [(None, 0), (0, 0), (-5, 0), (7, 7), (10**30, TOKENS_MAX)]
)
def test_a_number_of_tokens_is_within_bounds(number: int | None, counted: int) -> None:
    assert tokens(number) == counted


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
