"""What is read of servers' messages, and how their words are shown."""

from __future__ import annotations

import msgspec

from agentgate_proto.faces.mcp.messages import Implementation
from agentgate_proto.faces.mcp_backend.reading import SAID_CHARS_MAX, name_of, read_tool, shown


def test_a_tool_is_read_and_kept_as_it_was_written() -> None:
    text = (
        b'{"name":"a", "inputSchema":{"type":"object"}, "annotations":{"readOnlyHint":true}, "x":1}'
    )
    tool = read_tool(msgspec.Raw(text))
    assert tool is not None
    assert (tool.name, tool.title, tool.output_schema) == ("a", "", None)
    assert tool.annotations == {"readOnlyHint": True}
    assert bytes(tool.raw) == text


def test_what_has_not_the_form_of_a_tool_is_none() -> None:
    for text in (b'{"name":"a"}', b'{"name":7,"inputSchema":{}}', b"[]", b"[" * 100_000):
        assert read_tool(msgspec.Raw(text)) is None


def test_a_servers_words_fit_into_a_line() -> None:
    assert shown("a\nb\x1b[0m\u202ec  d") == "a b [0m c d"
    assert len(shown("x" * 10_000)) == SAID_CHARS_MAX
    assert name_of(Implementation()) == "a server without a name"
    assert name_of(Implementation(name="s", version="1")) == "s 1"
