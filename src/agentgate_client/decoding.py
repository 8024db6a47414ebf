"""Results as types: decoded JSON, read once more."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from agentgate_proto.errors import ErrorCode, exception_for

T = TypeVar("T")


def view_from(result: Any, kind: type[T]) -> T:
    """Read decoded JSON as a type that keeps parts of it raw.

    Raises:
        AgentGateError: it does not fit: what answered is no gateway of this kind.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(result), type=kind)
    except msgspec.DecodeError as error:
        text = f"odd answer: {error}"
        raise exception_for(ErrorCode.INTERNAL_ERROR, text) from None
