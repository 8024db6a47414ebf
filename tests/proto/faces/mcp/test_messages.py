"""What the messages of MCP carry."""

from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.mcp.messages import (
    CallParams,
    ClientCapabilities,
    InitializeParams,
    Meta,
    ProgressParams,
)
from agentgate_proto.limits import WORDS_CHARS_MAX

MODERN_CALL = b"""{"name":"set_light","arguments":{"on":true},"extra":1,"_meta":{
"io.modelcontextprotocol/protocolVersion":"2026-07-28",
"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1","title":"C"},
"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}},
"extensions":{"io.modelcontextprotocol/tasks":{}}},
"progressToken":7,"claudecode/toolUseId":"toolu_01"}}"""


def test_a_modern_call_says_who_asks() -> None:
    call = msgspec.json.decode(MODERN_CALL, type=CallParams)
    assert call.name == "set_light"
    assert bytes(call.arguments) == b'{"on":true}'
    assert call.meta.version == "2026-07-28"
    assert isinstance(call.meta.capabilities, ClientCapabilities)
    assert "io.modelcontextprotocol/tasks" in call.meta.capabilities.extensions
    assert call.meta.progress_token == 7


def test_a_legacy_call_may_say_nothing() -> None:
    call = msgspec.json.decode(b'{"name":"x"}', type=CallParams)
    assert bytes(call.arguments) == b"{}"
    assert call.meta.version is msgspec.UNSET
    assert call.meta.progress_token is msgspec.UNSET


def test_initialize_names_its_revision() -> None:
    text = b'{"protocolVersion":"2025-06-18","capabilities":{"roots":{"listChanged":true}}}'
    params = msgspec.json.decode(text, type=InitializeParams)
    assert params.protocol_version == "2025-06-18"
    assert params.capabilities.can() == {"roots"}


@pytest.mark.parametrize(
    ("said", "can"),
    [
        ("{}", set()),
        ('{"elicitation":{}}', {"elicitation.form"}),
        ('{"elicitation":{"form":{}}}', {"elicitation.form"}),
        ('{"elicitation":{"url":{}}}', {"elicitation.url"}),
        ('{"elicitation":{"url":{},"form":{}}}', {"elicitation.url", "elicitation.form"}),
        ('{"sampling":{}}', {"sampling"}),
        ('{"sampling":{"tools":{}}}', {"sampling", "sampling.tools"}),
    ],
)
def test_what_a_client_can_be_asked(said: str, can: set[str]) -> None:
    assert msgspec.json.decode(said, type=ClientCapabilities).can() == can


def test_progress_leaves_out_what_it_does_not_know() -> None:
    told = ProgressParams(progress_token="t", progress=1.0)
    assert msgspec.json.encode(told) == b'{"progressToken":"t","progress":1.0}'


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("the garden is dry", "the garden is dry"),
        ("x" * 2_000, "x" * WORDS_CHARS_MAX),
        (7, ""),
        (["a"], ""),
        ("", ""),
    ],
)
def test_why_a_tool_is_called_is_a_text_as_far_as_it_fits(why: Any, reason: str) -> None:
    text = msgspec.json.encode({"agentgate/why": why})
    assert msgspec.json.decode(text, type=Meta).reason == reason
