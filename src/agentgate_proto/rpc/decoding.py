"""Decoding: the parameters of a method, from bytes that anybody may have sent."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.limits import NESTING_MAX
from agentgate_proto.rpc.messages import METHODS, Method
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
    return decoded


def check_nesting(value: Any) -> None:
    """Raise msgspec.ValidationError if objects and arrays are nested deeper than NESTING_MAX."""
    if is_value_too_deep(value):
        raise msgspec.ValidationError(TOO_DEEP)
