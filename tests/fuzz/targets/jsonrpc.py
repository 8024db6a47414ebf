"""Target: JSON-RPC texts, against the standard library's idea of JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.decoding import decode_params
from agentgate_proto.rpc.jsonrpc import (
    Batch,
    Invalid,
    Notification,
    Request,
    decode,
    encode_request,
)
from agentgate_proto.rpc.messages import METHODS

BATCH_MAX = 8


def run(data: bytes) -> None:
    """Decode a text; what is taken is JSON, and what is called no JSON is none."""
    text = data.decode("utf-8", "replace")  # WebSocket refuses what is none
    message = decode(text, batch_items_max=BATCH_MAX)
    refused = isinstance(message, Invalid) and message.code is ErrorCode.PARSE_ERROR
    assert refused or is_json(text), "taken, but it is no JSON"
    if isinstance(message, Batch):
        assert 0 < len(message.messages) <= BATCH_MAX
    for each in message.messages if isinstance(message, Batch) else [message]:
        check(each)


def check(message: object) -> None:
    """Decode parameters as each method's; send a request on and take it again."""
    if not isinstance(message, Request | Notification):
        return
    for method in METHODS.values():
        try:
            decode_params(method, message.params)
        except msgspec.DecodeError:
            continue
    if isinstance(message, Request) and bytes(message.params):
        sent = encode_request(message.id, message.method, message.params).decode()
        again = decode(sent, batch_items_max=BATCH_MAX)
        assert isinstance(again, Request)
        assert (again.id, again.method) == (message.id, message.method)


def is_json(text: str) -> bool:
    """Whether the standard library takes it, as strictly as RFC 8259 wants."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no JSON")

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True
