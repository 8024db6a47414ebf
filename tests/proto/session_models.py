"""Models of tests: what they cost, what they say, and the tools that they are told of."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.models.events import (
    CallMade,
    Ended,
    ModelEvent,
    Stop,
    TextDelta,
    UsageSeen,
)
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import ToolSpec
from agentgate_proto.records.usage import Usage
from agentgate_proto.sessions.material import Material


class Tariff:
    """Prices of a model, in micro-dollars for a token.

    Args:
        each: what a token costs; None: nobody knows.
    """

    version = "test"

    def __init__(self, each: int | None = 1) -> None:
        self.each = each

    def cost(self, usage: Usage, model_id: str) -> int | None:
        return None if self.each is None else self.each * (usage.input + usage.output)


def model(name: str = "m", backend: str = "openai", **members: Any) -> ModelInfo:
    """A model of the configuration."""
    members = {"max_tokens": 1_000, "context_tokens": 100_000, "pricing": Tariff()} | members
    return ModelInfo(name=name, model_id=f"{name}-1", backend=backend, **members)


def said(*texts: str, stop: Stop = Stop.END) -> list[ModelEvent]:
    """A whole answer of text."""
    usage = UsageSeen(Usage(input=10, output=len(texts)))
    return [*(TextDelta(text) for text in texts), usage, Ended(stop=stop)]


def call(name: str, tool: str = "read", args: bytes = b"{}", problem: str = "") -> CallMade:
    """A tool call."""
    return CallMade(id=name, name=tool, args=msgspec.Raw(args), problem=problem)


def wanted(*calls: CallMade, text: str = "", stop: Stop = Stop.TOOLS) -> list[ModelEvent]:
    """A whole answer that wants tools."""
    texts: list[ModelEvent] = [TextDelta(text)] if text else []
    return [*texts, *calls, UsageSeen(Usage(input=10, output=5)), Ended(stop=stop)]


TOOLS = ("read", "write")
MATERIAL = Material(
    memory="remember",
    tools=tuple(ToolSpec(name=name, description=name, schema={}) for name in TOOLS),
    names={name: name for name in TOOLS},
)
