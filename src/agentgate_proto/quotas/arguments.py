"""How large the arguments of a request may be: in bytes, and in values.

What walks through arguments (policy, masking, tools) costs by the value, and what searches texts
costs by the byte. So both are bounded before any of it begins, and bounded low: what is larger is a
document, and a tool that takes documents says so.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.errors import SEND_LESS

BYTES_PER_VALUE = 2
"""The least that a key or a value takes in JSON, its comma or its bracket included: a text can't
hold more of them than half of its bytes."""

GROWTH = 8
"""How many times longer compact JSON can be than what was sent: ``1e9`` becomes ``1000000000.0``.
So what is far below the caps need not be written out to be measured, and most requests are."""

encode = msgspec.json.Encoder().encode


def objection_to(args: Any, size: int, *, tool: str, bytes_max: int, values_max: int) -> str:
    """Say why these arguments are too large for a tool, in words for whoever sent them; "": not.

    Args:
        args: a decoded JSON object.
        size: bytes of the JSON that it came from.
        tool: its name.
        bytes_max: bytes that the arguments may have as compact JSON.
        values_max: keys and values that may be in them.
    """
    if size <= small_bytes(bytes_max, values_max):
        return ""
    length = len(encode(args))
    if length > bytes_max:
        return (
            f"the arguments have {length:,} bytes as JSON, and {tool} takes {bytes_max:,}: "
            f"{SEND_LESS}, or have the operator raise args_bytes_max, of this tool or under tools:"
        )
    if length > values_max * BYTES_PER_VALUE and has_more(args, values_max):
        return f"the arguments hold more than {values_max:,} keys and values: {SEND_LESS}"
    return ""


def small_bytes(bytes_max: int, values_max: int) -> int:
    """Return how many bytes of JSON, as they came, can't be too large for these caps."""
    return min(bytes_max, values_max * BYTES_PER_VALUE) // GROWTH


def has_more(value: Any, values_max: int) -> bool:
    """Whether a decoded JSON object or list holds more keys and values than so many."""
    left, stack = values_max, [value]
    while stack:
        inner = stack.pop()
        if isinstance(inner, dict):
            left -= 2 * len(inner)
            if left >= 0:
                stack.extend(inner.values())
        elif isinstance(inner, list):
            left -= len(inner)
            if left >= 0:
                stack.extend(inner)
        if left < 0:
            return True
    return False
