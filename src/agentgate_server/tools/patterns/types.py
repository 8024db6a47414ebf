"""Patterns in types: msgspec looks for them in what an agent gives, wherever they are in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect

from agentgate_proto.limits import REQUEST_BYTES_MAX
from agentgate_server.tools.patterns.cost import problem_of


def problem_in(hint: Any) -> str:
    """Return why a pattern in a type may hold up the gateway, or "".

    Args:
        hint: a type that msgspec can read from JSON.
    """
    for text in texts_in(msgspec.inspect.type_info(hint)):
        chars_max = REQUEST_BYTES_MAX if text.max_length is None else text.max_length
        if text.pattern and (problem := problem_of(text.pattern, chars_max=chars_max)):
            return problem
    return ""


def texts_in(info: msgspec.inspect.Type) -> Iterator[msgspec.inspect.StrType]:
    """Find the texts in a type: itself, its items, keys and fields, and those in them."""
    found: list[Any] = [info]
    seen: set[int] = set()
    while found:
        each = found.pop()
        if isinstance(each, list | tuple):
            found += each
        elif isinstance(each, msgspec.Struct) and id(each) not in seen:
            seen.add(id(each))
            if isinstance(each, msgspec.inspect.StrType):
                yield each
            found += [getattr(each, name) for name in each.__struct_fields__]
