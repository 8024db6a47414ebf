"""How deep what others send may be nested."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.limits import NESTING_MAX
from agentgate_proto.wire.nesting import is_too_deep, is_value_too_deep


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "1" + closing * levels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", False),
        (nested(NESTING_MAX), False),
        (nested(NESTING_MAX + 1), True),
        (nested(NESTING_MAX, '{"a":', "}"), False),
        (nested(NESTING_MAX + 1, '{"a":', "}"), True),
        (nested(960), True),
        (nested(100_000), True),
        ("[" + ",".join(["[]", "{}"] * NESTING_MAX) + "]", False),
        (f'["{nested(NESTING_MAX + 1)}"]', False),
    ],
)
def test_levels_count_and_brackets_do_not(text: str, expected: bool) -> None:
    assert is_too_deep(text) is expected
    assert is_too_deep(text.encode()) is expected


def test_what_has_many_brackets_and_is_no_json_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        is_too_deep("[" * (NESTING_MAX + 1))


def test_values_count_their_levels_too() -> None:
    value: Any = 1
    for level in range(NESTING_MAX + 1):
        assert not is_value_too_deep(value)
        value = {"a": value} if level % 2 else [value]
    assert is_value_too_deep(value)
