"""Decoding: the parameters of a method, from bytes that anybody may have sent."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.limits import NESTING_MAX
from agentgate_proto.rpc.messages import METHODS, Method, ToolRequest
from agentgate_proto.wire.nesting import TOO_DEEP, is_value_too_deep

DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(method.params) for name, method in METHODS.items()
}


def decode_params(method: Method, params: msgspec.Raw) -> msgspec.Struct:
    """Decode the parameters of a method.

    Raises:
        msgspec.DecodeError: they do not fit; the text says where and why.
    """
    raw = bytes(params) or b"{}"
    try:
        if raw.count(b"{") + raw.count(b"[") > NESTING_MAX:
            check_nesting(msgspec.json.decode(raw))
        decoded: msgspec.Struct = DECODERS[method.name].decode(raw)
    except RecursionError:
        raise msgspec.ValidationError("nested far too deeply") from None
    except msgspec.ValidationError as error:
        if method.params is ToolRequest or "got `float`" not in str(error):
            raise
        return msgspec.convert(with_whole_numbers(msgspec.json.decode(raw)), method.params)
    if isinstance(decoded, ToolRequest) and not decoded.args and b'"arguments"' in raw:
        check_slip(raw)
    return decoded


def check_slip(raw: bytes) -> None:
    """Refuse a request for a tool that brings its arguments under the name that other protocols
    have for them: unknown members are ignored, and the tool would run without any."""
    members = msgspec.json.decode(raw)
    if "arguments" in members and "args" not in members:
        raise msgspec.ValidationError("there is no member `arguments`: the arguments go to `args`")


def with_whole_numbers(value: Any) -> Any:
    """Return a value with 5 for 5.0: some languages write all numbers so. Nesting is bounded."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: with_whole_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [with_whole_numbers(each) for each in value]
    return value


def check_nesting(value: Any) -> None:
    """Raise msgspec.ValidationError if objects and arrays are nested deeper than NESTING_MAX."""
    if is_value_too_deep(value):
        raise msgspec.ValidationError(TOO_DEEP)
