"""What is said to a server: capabilities, and headers that carry any text."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.http import decoded
from agentgate_proto.faces.mcp_backend.saying import ALL, capabilities, header_value, headers


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
