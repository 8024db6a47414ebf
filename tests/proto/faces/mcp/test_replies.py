"""Envelopes around what MCP clients are sent."""

import json
from typing import Any

import pytest

from agentgate_proto.faces.mcp import replies
from agentgate_proto.faces.mcp.replies import Code


def read(message: bytes) -> dict[str, Any]:
    assert b"\n" not in message
    found: dict[str, Any] = json.loads(message)
    return found


def test_a_response_has_no_other_members() -> None:
    assert read(replies.success(7, b'{"content":[]}')) == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {"content": []},
    }
    assert read(replies.failure("a", Code.INVALID_PARAMS, "no")) == {
        "jsonrpc": "2.0",
        "id": "a",
        "error": {"code": -32602, "message": "no"},
    }


def test_the_result_of_a_backend_is_one_line_however_it_was_written() -> None:
    result = b'{\r\n  "content": [\n {"type": "text", "text": "a\\nb"}]}'
    assert read(replies.success(1, result))["result"]["content"][0]["text"] == "a\nb"
    assert read(replies.question(1, "elicitation/create", b'{\n"message":"m"}'))["params"]
    assert read(replies.notification("notifications/message", b'{\n"data":1}'))["params"]


def test_an_error_about_a_whole_message_has_no_id() -> None:
    assert read(replies.failure(None, Code.PARSE_ERROR, "no JSON")) == {
        "jsonrpc": "2.0",
        "error": {"code": -32700, "message": "no JSON"},
    }


def test_a_revision_that_is_not_spoken_is_told_those_that_are() -> None:
    error = read(replies.unsupported(5, "1900-01-01"))["error"]
    assert error["code"] == -32022
    assert error["data"] == {
        "supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"],
        "requested": "1900-01-01",
    }


def test_what_the_client_lacks_is_said_in_its_words() -> None:
    error = read(replies.missing_capability(1, {"elicitation": {}}, "why"))["error"]
    assert error == {
        "code": -32021,
        "message": "why",
        "data": {"requiredCapabilities": {"elicitation": {}}},
    }


def test_what_there_is_not() -> None:
    assert read(replies.unknown_method(1, "x/y"))["error"]["code"] == -32601
    assert read(replies.unknown_tool(1, "x"))["error"] == {
        "code": -32602,
        "message": "Unknown tool: x",
    }


@pytest.mark.parametrize(("version", "code"), [("2026-07-28", -32602), ("2025-11-25", -32002)])
def test_a_missing_resource_has_the_code_of_the_revision(version: str, code: int) -> None:
    error = read(replies.no_resource(1, "test://x", version))["error"]
    assert (error["code"], error["data"]) == (code, {"uri": "test://x"})


def test_progress_says_what_is_known() -> None:
    assert read(replies.progress("t", 2, message="waiting for a person")) == {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": "t", "progress": 2, "message": "waiting for a person"},
    }
    assert read(replies.progress(0, 2.5, 10))["params"] == {
        "progressToken": 0,
        "progress": 2.5,
        "total": 10,
    }


def test_what_goes_out_on_a_subscription_names_it() -> None:
    meta = {"io.modelcontextprotocol/subscriptionId": "listen:0"}
    told = replies.subscribed("listen:0", "notifications/resources/updated", {"uri": "test://x"})
    assert read(told)["params"] == {"_meta": meta, "uri": "test://x"}
    assert read(replies.subscribed("listen:0", "m"))["params"] == {"_meta": meta}
    assert read(replies.subscription_over("listen:0")) == {
        "jsonrpc": "2.0",
        "id": "listen:0",
        "result": {"resultType": "complete", "_meta": meta},
    }


@pytest.mark.parametrize(
    ("code", "version", "status"),
    [
        (Code.INVALID_PARAMS, "2026-07-28", 400),
        (Code.METHOD_NOT_FOUND, "2026-07-28", 404),
        (Code.INTERNAL_ERROR, "2026-07-28", 200),
        (Code.METHOD_NOT_FOUND, "2025-11-25", 200),
    ],
)
def test_a_modern_error_has_a_status(code: Code, version: str, status: int) -> None:
    assert replies.http_status(code, version) == status


@pytest.mark.parametrize(
    ("message", "version", "status"),
    [
        (replies.failure(1, -32021, "m"), "2026-07-28", 400),
        (replies.failure(1, -32603, "m"), "2026-07-28", 200),
        (replies.failure(1, -32021, "m"), "2025-11-25", 200),
        (replies.success(1, b'{"error":1}'), "2026-07-28", 200),
        (replies.success(1, b"{}"), "2026-07-28", 200),
    ],
)
def test_a_whole_response_has_the_status_of_its_error(
    message: bytes, version: str, status: int
) -> None:
    assert replies.status_of(message, version) == status
