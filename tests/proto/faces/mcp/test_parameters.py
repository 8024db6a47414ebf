"""Arguments that are repeated in headers."""

from typing import Any

import pytest

from agentgate_proto.faces.mcp.parameters import DEPTH_MAX, marked_in, mismatch
from agentgate_proto.wire.headers import Headers

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        "where": {
            "type": "object",
            "properties": {"zone": {"type": "string", "x-mcp-header": "Zone"}},
        },
        "plain": {"type": "string"},
        "odd": True,
    },
}


def said(**values: str) -> Headers:
    return Headers([("mcp-param-" + name, value) for name, value in values.items()])


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (b"{}", said()),
        (b'{"region":null}', said()),
        (b'{"region":"us-west1"}', said(region="us-west1")),
        (
            b'{"region":"Hello, \xe4\xb8\x96\xe7\x95\x8c"}',
            said(region="=?base64?SGVsbG8sIOS4lueVjA==?="),
        ),
        (b'{"region":" padded "}', said(region="=?base64?IHBhZGRlZCA=?=")),
        (b'{"count":42}', said(count="42")),
        (b'{"count":42}', said(count="42.0")),
        (b'{"count":-7}', said(count="-7")),
        (b'{"count":42.0}', said(count="42")),
        (b'{"count":9007199254740993}', said(count="9007199254740993")),
        (b'{"dry":true}', said(dry="true")),
        (b'{"dry":false}', said(dry="false")),
        (b'{"where":{"zone":"a"}}', said(zone="a")),
        (b'{"where":"a"}', said()),
        (b'{"plain":"x"}', said(plain="y", other="z")),
    ],
)
def test_headers_that_say_what_the_arguments_say(arguments: bytes, headers: Headers) -> None:
    assert mismatch(SCHEMA, arguments, headers) is None


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (b'{"region":"a"}', said()),
        (b'{"region":"a"}', said(region="b")),
        (b'{"region":"a"}', said(region="A")),
        (b'{"region":"a"}', Headers([("mcp-param-region", "a"), ("mcp-param-region", "a")])),
        (b"{}", said(region="a")),
        (b'{"region":null}', said(region="null")),
        (b'{"region":"x"}', said(region="=?base64?!?=")),
        (b'{"region":"\xc3\xa9"}', said(region="\xe9")),
        (b'{"count":42}', said(count="43")),
        (b'{"count":42}', said(count="42.5")),
        (b'{"count":9007199254740993}', said(count="9007199254740992")),
        (b'{"count":42}', said(count="0x2a")),
        (b'{"count":42}', said(count="4_2")),
        (b'{"count":1}', said(count="true")),
        (b'{"dry":true}', said(dry="True")),
        (b'{"region":["a"]}', said(region="a")),
        (b'{"region":1e999}', said(region="inf")),
        (b'{"region":{"a":"b"}}', said(region="a")),
    ],
)
def test_headers_that_say_something_else(arguments: bytes, headers: Headers) -> None:
    assert mismatch(SCHEMA, arguments, headers) is not None


def test_a_tool_without_marks_has_no_such_headers() -> None:
    assert mismatch({"type": "object"}, b"not looked at", said(region="a")) is None


def test_arguments_that_can_not_be_read_are_no_arguments() -> None:
    assert mismatch(SCHEMA, b"{", said()) == "the arguments can't be read"


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "string", "x-mcp-header": ""},
        {"type": "string", "x-mcp-header": "My Region"},
        {"type": "string", "x-mcp-header": "Région"},
        {"type": "string", "x-mcp-header": 7},
        {"type": "number", "x-mcp-header": "Score"},
        {"type": "array", "items": {"type": "string", "x-mcp-header": "Item"}},
        {"anyOf": [{"type": "string", "x-mcp-header": "Any"}]},
    ],
)
def test_marks_that_clients_must_refuse_are_none(inner: dict[str, Any]) -> None:
    assert list(marked_in({"properties": {"x": inner}})) == []


def test_what_is_nested_without_end_is_not_looked_through() -> None:
    schema: dict[str, Any] = {"properties": {"x": {"type": "string", "x-mcp-header": "Deep"}}}
    for _ in range(DEPTH_MAX - 1):
        schema = {"properties": {"x": schema}}
    assert len(list(marked_in(schema))) == 1
    assert list(marked_in({"properties": {"x": schema}})) == []
