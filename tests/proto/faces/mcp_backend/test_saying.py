"""What is said to a server: capabilities, and headers that carry any text."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.http import decoded
from agentgate_proto.faces.mcp_backend.saying import (
    ALL,
    capabilities,
    header_names,
    header_value,
    headers,
    headers_of,
)


@pytest.mark.parametrize(
    ("can", "said"),
    [
        (set(), {}),
        ({"elicitation.url"}, {"elicitation": {"url": {}}}),
        ({"sampling"}, {"sampling": {}}),
        ({"sampling", "sampling.tools"}, {"sampling": {"tools": {}}}),
        ({"roots"}, {"roots": {}}),
    ],
)
def test_what_callers_can_do_is_said_in_the_words_of_the_protocol(
    can: set[str], said: dict[str, object]
) -> None:
    assert capabilities(frozenset(can)) == said
    assert capabilities(ALL).keys() == {"elicitation", "sampling", "roots"}


def test_a_resource_is_named_by_its_uri() -> None:
    said = headers(Era.MODERN, "v", "", "resources/read", {"uri": "file:///a", "name": "b"})
    assert said["Mcp-Name"] == "file:///a"
    assert "Mcp-Name" not in headers(Era.MODERN, "v", "", "tools/call", {"name": 7})
    assert headers(Era.MODERN, "v", "", "", {"name": "a"}) == {"MCP-Protocol-Version": "v"}
    assert headers(None, "", "s", "initialize", {}) == {"Mcp-Session-Id": "s"}


def test_what_a_header_can_not_carry_is_written_in_base64() -> None:
    assert header_value("a b") == "a b"
    text = header_value("größe")
    assert text.startswith("=?base64?")
    assert b64decode(text[9:-2]).decode() == "größe"
    assert header_value("=?base64?eA==?=") != "=?base64?eA==?="


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_is_read_as_it_was_written(name: str) -> None:
    value = header_value(name)
    assert value.isascii()
    assert value.isprintable()
    assert decoded(value) == name


def test_arguments_that_a_schema_names_go_into_headers() -> None:
    schema = {
        "properties": {
            "region": {"x-mcp-header": "Region"},
            "dry": {"x-mcp-header": "Dry-Run"},
            "count": {"x-mcp-header": "Count"},
            "other": {"type": "string"},
            "any": True,
        }
    }
    names = header_names(schema)
    assert names == {
        "region": "Mcp-Param-Region",
        "dry": "Mcp-Param-Dry-Run",
        "count": "Mcp-Param-Count",
    }
    assert headers_of(names, {"region": "größe", "dry": True, "count": 3, "other": 1}) == {
        "Mcp-Param-Region": "=?base64?Z3LDtsOfZQ==?=",
        "Mcp-Param-Dry-Run": "true",
        "Mcp-Param-Count": "3",
    }
    assert headers_of(names, {"region": None, "dry": False, "count": [1]}) == {
        "Mcp-Param-Dry-Run": "false"
    }
    assert header_names({"properties": []}) == {}


@pytest.mark.parametrize(
    "properties",
    [
        {"a": {"x-mcp-header": "a b"}},
        {"a": {"x-mcp-header": ""}},
        {"a": {"x-mcp-header": 7}},
        {"a": {"x-mcp-header": None}},
        {"a": {"x-mcp-header": "A", "type": "object"}},
        {"a": {"x-mcp-header": "A", "type": "number"}},
        {"a": {"x-mcp-header": "A", "type": ["string"]}},
        {"a": {"x-mcp-header": "A"}, "b": {"x-mcp-header": "a"}},
    ],
)
def test_a_header_that_there_can_not_be_is_refused(properties: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="header"):
        header_names({"properties": properties})
