"""Nesting: how deep objects and arrays may lie inside each other in what others send.

Whatever walks through values later (digest, policy, tools, another encoder) may use the
interpreter's stack, and how much of that is left depends on who calls. So what is too deep is
refused where it comes in, long before it could matter.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec

from agentgate_proto.limits import NESTING_MAX

TOO_DEEP = f"nested more than {NESTING_MAX} levels deep"


def is_too_deep(json: bytes | str) -> bool:
    """Whether objects and arrays of a JSON text are nested deeper than ``NESTING_MAX``.

    Raises:
        msgspec.DecodeError: it is no JSON.
    """
    if isinstance(json, str):
        brackets = json.count("{") + json.count("[")
    else:
        brackets = json.count(b"{") + json.count(b"[")
    if brackets <= NESTING_MAX:
        return False  # it need not be read
    try:
        return is_value_too_deep(msgspec.json.decode(json))
    except RecursionError:
        return True


def is_value_too_deep(value: Any) -> bool:
    """Whether dicts and lists are nested deeper than ``NESTING_MAX``."""
    level = [value]
    for _ in range(NESTING_MAX):
        objects = [item.values() for item in level if isinstance(item, dict)]
        arrays = [item for item in level if isinstance(item, list)]
        level = [child for container in chain(objects, arrays) for child in container]
    return any(isinstance(item, dict | list) for item in level)
