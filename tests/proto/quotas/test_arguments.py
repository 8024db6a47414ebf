"""The size of arguments: in bytes as compact JSON, and in keys and values."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.quotas.arguments import BYTES_PER_VALUE, GROWTH, has_more, objection_to

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=3) | st.floats(0, 1e15),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=30,
)


def objection(args: Any, bytes_max: int = 65_536, values_max: int = 5_000, size: int = 0) -> str:
    size = size or len(msgspec.json.encode(args))
    return objection_to(args, size, tool="echo", bytes_max=bytes_max, values_max=values_max)


def counted(value: Any) -> int:
    """Count keys and values one by one."""
    if isinstance(value, dict):
        return sum(2 + counted(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(1 + counted(inner) for inner in value)
    return 0


def test_arguments_that_fill_their_bytes_fit_and_one_more_does_not() -> None:
    args = {"text": "x" * (65_536 - len('{"text":""}'))}
    assert objection(args) == ""
    args["text"] += "x"
    assert objection(args) == (
        "the arguments have 65,537 bytes as JSON, and echo takes 65,536: send less at once, or "
        "have the operator raise args_bytes_max, of this tool or under tools:"
    )


def test_a_text_counts_by_its_bytes_and_not_by_its_characters() -> None:
    assert objection({"text": "\u200b" * 21_000}) == ""
    assert "66,011 bytes" in objection({"text": "\u200b" * 22_000})


@pytest.mark.parametrize(
    "args",
    [
        {"list": [1] * 5_000},
        {f"k{n}": n for n in range(2_501)},
        {"nested": [[1] * 50] * 100},
        {"empty": [[]] * 5_000},
    ],
    ids=["a list", "keys", "lists in a list", "values that hold none"],
)
def test_more_values_than_may_be_are_refused_however_they_are_put(args: Any) -> None:
    assert "more than 5,000 keys and values" in objection(args)


def test_a_large_text_is_one_value() -> None:
    assert objection({"text": "," * 60_000}) == ""


def test_what_is_short_as_it_was_sent_need_not_be_short_when_it_is_written() -> None:
    args = {"a": [1e15] * 1_000}
    written = len(msgspec.json.encode(args))
    assert "19,007 bytes" in objection(args, bytes_max=written // 2, size=len("1e15,") * 1_000 + 8)


@quick
@given(args=st.dictionaries(st.text(max_size=3), values), values_max=st.integers(0, 60))
def test_values_are_counted_as_one_would_by_hand(args: Any, values_max: int) -> None:
    assert has_more(args, values_max) == (counted(args) > values_max)
    assert counted(args) * BYTES_PER_VALUE <= len(msgspec.json.encode(args))


@quick
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_grows_by_more_than_is_reckoned_with(number: float) -> None:
    shortest = min(len(repr(number)), len(f"{number:e}"), len(f"{number:g}e0"))
    assert len(msgspec.json.encode(number)) <= GROWTH * shortest


def test_what_is_far_below_the_caps_is_not_written_out_to_be_measured() -> None:
    assert objection({"text": object()}, size=1_000) == ""
