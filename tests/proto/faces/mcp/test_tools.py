"""Definitions of tools."""

import json
from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.mcp.names import Published
from agentgate_proto.faces.mcp.tools import (
    own_definitions,
    structured,
    take_key,
    takes_key,
    tool_definition,
    tool_definitions,
)
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.results import Expectation, ToolRow

MODERN, LEGACY, OLDEST = "2026-07-28", "2025-06-18", "2025-03-26"
OBJECT: dict[str, Any] = {"type": "object", "properties": {"on": {"type": "boolean"}}}
LIST: dict[str, Any] = {"type": "array", "items": {}}


def row(effects: Effects = Effects.WRITE, **more: Any) -> ToolRow:
    known: dict[str, Any] = {
        "name": "light.set",
        "description": "Sets a light",
        "args": OBJECT,
        "decision": Expectation.ASK,
    }
    return ToolRow(effects=effects, **(known | more))


def defined(row: ToolRow, version: str = MODERN, join_window_s: float = 600.0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tool_definition("light_set", row, version, join_window_s))
    return found


def test_a_reading_tool_is_as_it_says() -> None:
    assert defined(row(Effects.READ, title="Light", returns=OBJECT)) == {
        "name": "light_set",
        "title": "Light",
        "description": "Sets a light",
        "inputSchema": OBJECT,
        "outputSchema": OBJECT,
        "annotations": {"readOnlyHint": True},
    }


def test_a_writing_tool_says_the_worst() -> None:
    assert defined(row())["annotations"] == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "openWorldHint": True,
    }


def test_a_writing_tool_can_be_called_again_on_purpose() -> None:
    schema = defined(row())["inputSchema"]
    assert schema["properties"]["on"] == {"type": "boolean"}
    assert schema["properties"]["idempotency_key"]["type"] == "string"
    assert "10 minutes" in schema["properties"]["idempotency_key"]["description"]
    assert "idempotency_key" not in OBJECT["properties"], "the tool's own schema is as it was"


@pytest.mark.parametrize(
    ("of", "join_window_s"),
    [
        (row(Effects.READ), 600.0),
        (row(), 0.0),
        (row(args={"type": "object", "properties": {"idempotency_key": {"type": "integer"}}}), 9.0),
        (row(args={"type": "object", "properties": [1]}), 9.0),
    ],
)
def test_otherwise_no_key_is_taken(of: ToolRow, join_window_s: float) -> None:
    assert not takes_key(of, join_window_s)
    assert defined(of, join_window_s=join_window_s)["inputSchema"] == of.args
    args = msgspec.Raw(b'{"idempotency_key": 1}')
    assert take_key(of, args, join_window_s) == (args, "")


@pytest.mark.parametrize(
    ("args", "rest", "key"),
    [
        (b'{"on":true,"idempotency_key":"k1"}', {"on": True}, "k1"),
        (b'{"idempotency_key":""}', {}, ""),
        (b'{"on":"idempotency_key"}', {"on": "idempotency_key"}, ""),
        (b'{"on":true}', {"on": True}, ""),
    ],
)
def test_the_key_is_no_argument_of_the_tool(args: bytes, rest: dict[str, Any], key: str) -> None:
    left, found = take_key(row(), msgspec.Raw(args), 600.0)
    assert (json.loads(bytes(left)), found) == (rest, key)


def test_arguments_without_a_key_stay_as_they_were_written() -> None:
    args = msgspec.Raw(b'{ "on" : 1.50 }')
    assert take_key(row(), args, 600.0) == (args, "")


@pytest.mark.parametrize("key", [b"7", b"null", b'"' + b"x" * 257 + b'"'])
def test_what_can_be_no_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="idempotency_key must be a string"):
        take_key(row(), msgspec.Raw(b'{"idempotency_key":' + key + b"}"), 600.0)


@pytest.mark.parametrize("args", [{}, {"properties": {}}, {"type": ["object", "null"]}])
def test_arguments_are_always_an_object(args: dict[str, Any]) -> None:
    assert defined(row(Effects.READ, args=args))["inputSchema"] == args | {"type": "object"}


def test_a_schema_passes_whole() -> None:
    args = OBJECT | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"a": {"$anchor": "a"}},
        "additionalProperties": False,
        "allOf": [{"$ref": "#a"}],
    }
    assert defined(row(Effects.READ, args=args))["inputSchema"] == args


@pytest.mark.parametrize(
    ("version", "returns", "shown"),
    [
        (MODERN, OBJECT, True),
        (MODERN, LIST, True),
        (LEGACY, OBJECT, True),
        (LEGACY, LIST, False),
        (OLDEST, OBJECT, False),
        (MODERN, {}, False),
    ],
)
def test_a_schema_of_results_is_shown_to_whom_can_take_it(
    version: str, returns: dict[str, Any], shown: bool
) -> None:
    of = row(Effects.READ, returns=returns)
    assert ("outputSchema" in defined(of, version)) == shown
    assert structured(of, version) == shown
    assert not structured(None, version)


def test_the_oldest_revision_knows_no_titles() -> None:
    assert "title" not in defined(row(title="Light"), OLDEST)
    assert defined(row(title="Light"), LEGACY)["title"] == "Light"
    assert "title" not in defined(row(), LEGACY)


@pytest.mark.parametrize("permit", [True, False])
def test_the_list_is_sorted_and_has_our_own_tools(permit: bool) -> None:
    tools = Published([row(name="z.last"), row(name="a.first")]).tools
    every = tool_definitions(tools, MODERN, 600.0, permit=permit)
    own = ["gate_result", "permit"] if permit else ["gate_result"]
    names = [json.loads(each)["name"] for each in every]
    assert names == ["a_first", *own, "z_last"]


def test_our_own_tools_say_what_they_take() -> None:
    found = {name: json.loads(text) for name, text in own_definitions(MODERN, permit=True).items()}
    assert found["gate_result"]["annotations"]["readOnlyHint"] is True
    assert found["gate_result"]["inputSchema"]["required"] == ["request_id"]
    assert found["permit"]["annotations"]["readOnlyHint"] is False
    assert found["permit"]["inputSchema"]["required"] == ["tool_name", "input"]
    assert all("title" in each for each in found.values())
    oldest = own_definitions(OLDEST, permit=True).values()
    assert not any("title" in json.loads(each) for each in oldest)
