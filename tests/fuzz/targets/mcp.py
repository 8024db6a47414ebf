"""Target: what MCP clients and servers send, over HTTP and stdio, and ids that they make up."""

from __future__ import annotations

import json

from tests.fuzz.targets.pieces import SIZES, cut

from agentgate_proto.faces.mcp.dispatch import Gate, dispatch, version_of
from agentgate_proto.faces.mcp.eras import era_of
from agentgate_proto.faces.mcp.http import Post, Problem, read, settled
from agentgate_proto.faces.mcp.lines import LineReader
from agentgate_proto.faces.mcp.parameters import mismatch
from agentgate_proto.faces.mcp.results import is_result, outcome_result
from agentgate_proto.faces.mcp.seals import EventSeal, SessionSeal, StateSeal, TaskSeal, unseal
from agentgate_proto.faces.mcp.wishes import Begin, Call, Ready
from agentgate_proto.records.outcome import executed
from agentgate_proto.rpc.jsonrpc import Failure, Notification, Request, Success
from agentgate_proto.wire.headers import Headers

GATE = Gate(version="1", resources=True, prompts=True, completions=True, logging=True)
KEY = b"k" * 32
COMMON = [
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
]
HEADS = (
    COMMON,
    [*COMMON, ("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", "s")],
    [*COMMON, ("mcp-protocol-version", "2025-03-26")],
    [*COMMON, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "ping")],
    [
        *COMMON,
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "a"),
    ],
)
SCHEMA = {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}


def run(data: bytes) -> None:
    """Read it as each of these; what goes out is JSON in one line."""
    if not data:
        return
    over_http(Headers(HEADS[data[0] % len(HEADS)]), data[1:])
    over_stdio(data[1:], SIZES[data[0] % len(SIZES)])
    as_result(data[1:].decode("utf-8", "replace").encode())  # what was read before is UTF-8
    text = data[1:].decode("latin-1")
    for kind in (SessionSeal, EventSeal, TaskSeal, StateSeal):
        assert unseal(KEY, "p", text, kind, 0.0) is None


def over_http(headers: Headers, body: bytes) -> None:
    """A body of a POST."""
    for found in (read("POST", headers, body), read("GET", headers, body)):
        post = settled(found, "2025-03-26") if isinstance(found, Post) else found
        if isinstance(post, Problem):
            assert 400 <= post.status < 500
            is_line(post.body)
        elif isinstance(post, Post):
            assert era_of(post.version) is post.era
            for message in post.messages:
                answered(message, post.version)


def over_stdio(data: bytes, size: int) -> None:
    """Lines, whole and in pieces."""
    whole, parts = LineReader(), LineReader()
    found = [*whole.receive_data(data), *whole.receive_eof()]
    again = [each for piece in cut(data, size) for each in parts.receive_data(piece)]
    assert [*again, *parts.receive_eof()] == found
    assert parts.skipped == whole.skipped
    for message in found:
        if isinstance(message, Request | Notification | Success | Failure):
            answered(message, version_of(message, ""))


def answered(message: Request | Notification | Success | Failure, version: str) -> None:
    """What a message asks for."""
    wish = dispatch(message, version, GATE)
    assert isinstance(message, Request) or not isinstance(wish, Ready | Begin | Call)
    if isinstance(wish, Ready | Begin):
        is_line(wish.body)
    if isinstance(wish, Call):
        mismatch(SCHEMA, bytes(wish.arguments), Headers([("mcp-param-a", "x")]))


def as_result(data: bytes) -> None:
    """What a server behind the gate answered, if it can be one."""
    if not is_result(data):
        return
    for version in ("2026-07-28", "2025-11-25"):
        for joined_at in (0.0, 1.0):
            result = outcome_result(
                executed(data), tool="t", row=None, version=version, joined_at=joined_at
            )
            json.loads(result)


def is_line(message: bytes) -> None:
    """Whether it can be sent."""
    assert b"\n" not in message
    json.loads(message)
