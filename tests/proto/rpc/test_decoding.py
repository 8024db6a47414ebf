"""Reading parameters that anybody may have sent: what is within the caps, and nothing else."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.limits import NESTING_MAX
from agentgate_proto.rpc.decoding import decode_params, with_whole_numbers
from agentgate_proto.rpc.messages import METHODS, ToolRequest


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


def decoded(method: str, text: str) -> msgspec.Struct:
    return decode_params(METHODS[method], msgspec.Raw(text.encode()))


def test_a_whole_number_is_one_however_it_is_written() -> None:
    assert decoded("ack", '{"seq": 5.0}') == decoded("ack", '{"seq": 5}')
    for text in ('{"seq": 5.5}', '{"seq": "5"}', '{"seq": [5.0, {"a": 1.0}]}'):
        with pytest.raises(msgspec.ValidationError):
            decoded("ack", text)


def test_what_a_tool_is_asked_with_stays_as_it_was_written() -> None:
    request = decoded("tool_request", '{"tool":"x","args":{"a":1.0}}')
    assert isinstance(request, ToolRequest)
    assert isinstance(request.args["a"], float)
    with pytest.raises(msgspec.ValidationError):
        decoded("tool_request", '{"tool":1.0}')


def test_arguments_under_another_protocol_s_name_are_not_passed_over() -> None:
    with pytest.raises(msgspec.ValidationError, match="the arguments go to `args`"):
        decoded("tool_request", '{"tool":"x","arguments":{"a":1}}')
    for text in (
        '{"tool":"x","args":{},"arguments":1}',
        '{"tool":"x","args":{"arguments":1}}',
        '{"tool":"x","idempotency_key":"\\"arguments\\""}',
        '{"tool":"x","other":{"arguments":1}}',
    ):
        assert isinstance(decoded("tool_request", text), ToolRequest)


def test_whole_numbers_are_so_however_deep() -> None:
    read = with_whole_numbers({"a": [5.0, 5.5, {"b": -2.0}], "c": "5.0", "d": None, "e": True})
    assert read == {"a": [5, 5.5, {"b": -2}], "c": "5.0", "d": None, "e": True}
    assert [type(each) for each in read["a"][:2]] == [int, float]
