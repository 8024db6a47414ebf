"""Model requests for tests, and what is read of their bytes."""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec
from hypothesis import strategies as st

from agentgate_proto.models.request import (
    AssistantTurn,
    Encoded,
    ModelRequest,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    ToolUse,
    Turn,
    UserTurn,
)


def asked(*turns: Turn, **members: Any) -> ModelRequest:
    """A request with these turns."""
    return ModelRequest(model_id=members.pop("model_id", "m"), turns=turns, **members)


def use(call: str, args: bytes = b"{}", name: str = "t") -> ToolUse:
    return ToolUse(id=call, name=name, args=msgspec.Raw(args))


def said(encoded: Encoded) -> Any:
    """The body, read as JSON."""
    return msgspec.json.decode(encoded.body)


def sections(encoded: Encoded) -> dict[str, bytes]:
    """The bytes of each section."""
    return {span.section.value: encoded.body[span.start : span.end] for span in encoded.spans}


ids = st.text(min_size=1, max_size=50)
texts = st.text(max_size=20)
args = st.dictionaries(texts, st.integers() | texts, max_size=3).map(msgspec.json.encode)
specs = st.builds(
    ToolSpec,
    name=st.text("abc_", min_size=1, max_size=5),
    description=texts,
    schema=st.just({}) | st.just({"properties": {"b": {}, "a": {}}}),
)


@st.composite
def rounds(draw: st.DrawFn) -> list[Turn]:
    """Somebody asks, and is answered, with or without tools."""
    turns: list[Turn] = [UserTurn(draw(texts))]
    names = draw(st.lists(ids, max_size=3, unique=True))
    calls = tuple(use(name, draw(args)) for name in names)
    turns.append(AssistantTurn(text=draw(texts), calls=calls))
    if calls:
        returns = (
            ToolReturn(id=name, text=draw(texts), is_error=draw(st.booleans())) for name in names
        )
        turns.append(ToolTurn(tuple(returns)))
    return turns


model_requests = st.builds(
    ModelRequest,
    model_id=st.sampled_from(["m", "gpt-5", "o3", "claude-x", "deepseek-r1"]),
    system_prompt=texts,
    memory=texts,
    skills=texts,
    turns=st.lists(rounds(), max_size=3).map(lambda several: tuple(chain.from_iterable(several))),
    tools=st.lists(specs, max_size=3, unique_by=lambda spec: spec.name).map(tuple),
    params=st.dictionaries(
        st.sampled_from(["temperature", "stop", "thinking", "seed", "x"]), texts
    ),
)
