"""Requests as the faces of MCP see them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Outcome, Status, ended, executed
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.rpc.results import ToolRow

RID = "rid-1"
TOOL = "lamp.set"
EXPIRES_AT = 1_700_000_060.0

DONE = executed(b'{"on":true}')
CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)


def waiting_record(**members: Any) -> Record:
    """A request that waits for a person."""
    given: dict[str, Any] = {
        "rid": RID,
        "principal": "ann",
        "client_id": "mcp:",
        "request_id": 7,
        "tool": TOOL,
        "args": msgspec.Raw(b"{}"),
        "signature": "lamp.set()",
        "digest": "d" * 64,
        "effects": Effects.WRITE,
        "phase": Phase.WAITING,
        "created_at": EXPIRES_AT - 60,
        "expires_at": EXPIRES_AT,
    }
    return Record(**(given | members))


def row(**members: Any) -> ToolRow:
    """A tool that writes."""
    given: dict[str, Any] = {
        "name": TOOL,
        "description": "Switch it.",
        "effects": Effects.WRITE,
        "args": {"type": "object"},
        "decision": "ask",
    }
    return msgspec.convert(given | members, ToolRow)


def failed(message: str) -> Outcome:
    """A tool that ran and failed."""
    return ended(Status.FAILED, ErrorCode.TOOL_FAILED, message)


def result_of(message: bytes, request_id: int | str = 1) -> Any:
    """The result in a response, which has nothing but its members."""
    response = json.loads(message)
    assert response.keys() == {"jsonrpc", "id", "result"}
    assert response["id"] == request_id
    return response["result"]


def text_of(result: Any) -> str:
    """The first text of a result."""
    block = result["content"][0]
    assert block["type"] == "text"
    text: str = block["text"]
    return text
