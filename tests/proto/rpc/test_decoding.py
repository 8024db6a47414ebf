"""Reading parameters that anybody may have sent: what is within the caps, and nothing else."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.limits import NESTING_MAX
from agentgate_proto.rpc.decoding import decode_params
from agentgate_proto.rpc.messages import METHODS


@pytest.mark.parametrize(
    "value", ["1" * 5_000, "1e400", '"\\ud800"', '"\\udc00"', "[" * 100_000, "[" * 900 + "]" * 900]
)
def test_what_the_decoder_cannot_hold_is_refused_like_anything_else_that_does_not_fit(
    value: str,
) -> None:
    raw = msgspec.Raw(b'{"tool":"x","args":{"a":' + value.encode() + b"}}")
    with pytest.raises(msgspec.DecodeError):
        decode_params(METHODS["tool_request"], raw)


def nested(levels: int, opening: str, inside: str, closing: str) -> msgspec.Raw:
    """Make a tool request with so many levels of objects and arrays, itself included."""
    inner = levels - 2
    value = opening * inner + inside + closing * inner
    return msgspec.Raw(('{"tool":"x","args":{"a":' + value + "}}").encode())


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_arguments_may_be_nested_as_deep_as_the_limit_and_no_deeper(
    opening: str, closing: str
) -> None:
    method = METHODS["tool_request"]
    assert decode_params(method, nested(NESTING_MAX, opening, "7", closing))
    with pytest.raises(msgspec.DecodeError, match="nested more than 64 levels deep"):
        decode_params(method, nested(NESTING_MAX + 1, opening, "7", closing))


@given(data=st.binary())
@quick
def test_no_parameters_raise_anything_else(data: bytes) -> None:
    for method in METHODS.values():
        with contextlib.suppress(msgspec.DecodeError):
            decode_params(method, msgspec.Raw(data))
