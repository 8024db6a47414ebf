"""Target: what models stream, in both vendors' forms: one event a line."""

from __future__ import annotations

import msgspec

from agentgate_proto.models.anthropic_stream import AnthropicStream
from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import CallMade, Ended, Failed, ModelEvent
from agentgate_proto.models.openai_stream import OpenAIStream
from agentgate_proto.models.request import (
    AssistantTurn,
    ModelRequest,
    ToolReturn,
    ToolTurn,
    ToolUse,
    UserTurn,
)


def run(data: bytes) -> None:
    """Read a stream as each vendor's; it has one end, and what is kept of it can be sent back."""
    lines = data.decode("utf-8", "replace").split("\n")
    check("anthropic", AnthropicStream(), lines)
    check("openai", OpenAIStream(), lines)


def check(backend: str, stream: AnthropicStream | OpenAIStream, lines: list[str]) -> None:
    """See what a stream says of itself."""
    events: list[ModelEvent] = []
    for line in lines:
        events += stream.receive_event("message", line)
    events += stream.receive_eof()
    assert stream.is_over
    assert [event for event in events if isinstance(event, Ended | Failed)] == events[-1:]
    calls = [event for event in events if isinstance(event, CallMade)]
    assert all(isinstance(msgspec.json.decode(call.args), dict) for call in calls)
    last = events[-1]
    if isinstance(last, Ended):
        send_back(backend, last, calls)


def send_back(backend: str, ended: Ended, calls: list[CallMade]) -> None:
    """Ask again with what was said."""
    turn = AssistantTurn(
        text="a",
        calls=tuple(ToolUse(id=call.id, name=call.name, args=call.args) for call in calls),
        backend=backend,
        blocks=ended.blocks,
    )
    returns = tuple(ToolReturn(id=call.id, text="done") for call in calls)
    turns = (UserTurn("x"), turn, ToolTurn(returns), UserTurn("y"))
    for other in ("anthropic", "openai"):
        msgspec.json.decode(encode(other, ModelRequest(model_id="m", turns=turns)).body)
