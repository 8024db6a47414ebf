"""The context: from a session, its workspace and its tools to exactly what a model is sent.

A pure function, byte-stable: the same session gives the same bytes, what grows grows at the end,
and no clock is in it, so that a vendor's prompt cache holds. What does not fit is left out by whole
groups of the history, the oldest first, and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import (
    AssistantTurn,
    Encoded,
    ModelRequest,
    ToolTurn,
    Turn,
    UserTurn,
)
from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session_views import SectionName
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import InspectedSection, LeftOut
from agentgate_proto.sessions.history import Group, History
from agentgate_proto.sessions.material import Material

BYTES_PER_TOKEN = 4
"""The common rule of thumb, where nobody has counted."""

MESSAGE_TOKENS = 16
"""What a vendor's template puts around a message at the most."""

TOOLS_TOKENS = 1_024
"""What a vendor tells a model of tools in general, at the most."""

FORMER = "former messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a model is to be sent.

    Attributes:
        request: in no vendor's form.
        encoded: in the vendor's.
        left_out: what is not in it.
    """

    request: ModelRequest
    encoded: Encoded
    left_out: tuple[LeftOut, ...]

    @property
    def tokens(self) -> int:
        """About so many to be read: an estimate."""
        return estimated(len(self.encoded.body))

    @property
    def tokens_max(self) -> int:
        """So many at the most: no vendor makes two tokens of a byte."""
        around = MESSAGE_TOKENS * (len(self.request.turns) + 1)
        return len(self.encoded.body) + around + (TOOLS_TOKENS if self.request.tools else 0)


def assemble(
    history: History,
    material: Material,
    info: ModelInfo,
    *,
    system_prompt: str,
    max_tokens: int = 0,
    params: dict[str, Any] | None = None,
    text: str = "",
) -> Context:
    """Make the context of a session.

    Args:
        history: what was said.
        material: memory, skills and tools.
        info: of the model.
        system_prompt: of all sessions.
        max_tokens: that it may write; 0: as the model is configured.
        params: further parameters of the model.
        text: with this as the next message; "": the history as it stands.
    """
    max_tokens = max_tokens or info.max_tokens
    fixed = len(system_prompt) + len(material.memory) + len(material.skills) + len(text)
    fixed += sum(len(tool.description) + len(str(tool.schema)) for tool in material.tools)
    room = (info.context_tokens - max_tokens) * BYTES_PER_TOKEN - fixed
    kept, left_out = fitting(history, room)
    turns = [turn for group in kept for turn in group.turns]
    if text:
        turns.append(UserTurn(text))
    request = ModelRequest(
        model_id=info.model_id,
        system_prompt=system_prompt,
        memory=material.memory,
        skills=material.skills,
        turns=tuple(turns),
        tools=material.tools,
        max_tokens=max_tokens,
        params=params or {},
    )
    return Context(
        request=request,
        encoded=encode(info.backend, request),
        left_out=(*material.left_out, *left_out),
    )


def fitting(history: History, room: int) -> tuple[Sequence[Group], list[LeftOut]]:
    """Return the groups that fit into so many bytes, the newest; and what is left out.

    The newest one is always among them: without it there is nothing to answer.
    """
    first, size = len(history.groups), 0
    for group in reversed(history.groups):
        size += group.size
        if size > room and first < len(history.groups):
            break
        first -= 1
    left_out = []
    if history.dropped:
        left_out.append(
            LeftOut(
                section=SectionName.HISTORY,
                what=f"{history.dropped} {FORMER}",
                bytes=0,
                why="too long ago: they are not in memory any more",
            )
        )
    if first:
        gone = history.groups[:first]
        last = rfc3339(gone[-1].at)
        left_out.append(
            LeftOut(
                section=SectionName.HISTORY,
                what=f"{first} {FORMER}, the last from {last}, and what they led to",
                bytes=sum(group.size for group in gone),
                why="the model's context has no room for them",
            )
        )
    return history.groups[first:], left_out


def sections_of(context: Context, info: ModelInfo, tokens: int) -> list[InspectedSection]:
    """Return the sections of a context, each with what it takes.

    Args:
        context: of which.
        info: of the model.
        tokens: of the whole, counted or estimated; a section has its share by bytes.
    """
    sizes = dict.fromkeys(SectionName, 0)
    for span in context.encoded.spans:
        sizes[span.section] += span.end - span.start
    whole = max(len(context.encoded.body), 1)
    sections = []
    for name in SectionName:
        share = -(-tokens * sizes[name] // whole)
        sections.append(
            InspectedSection(
                name=name,
                content=content_of(context.request, name),
                bytes=sizes[name],
                tokens=share,
                cost_micros=info.pricing.cost(Usage(input=share), ""),
            )
        )
    return sections


def content_of(request: ModelRequest, name: SectionName) -> str:
    """Return a section's text for people."""
    match name:
        case SectionName.SYSTEM_PROMPT:
            return request.system_prompt
        case SectionName.MEMORY:
            return request.memory
        case SectionName.SKILLS:
            return request.skills
        case SectionName.HISTORY:
            return "\n".join(line for turn in request.turns for line in lines_of(turn))
        case SectionName.TOOLS:
            return "\n".join(f"{tool.name}: {tool.description}" for tool in request.tools)


def lines_of(turn: Turn) -> list[str]:
    """Return a turn as ``role: content`` lines (seed 004's original)."""
    match turn:
        case UserTurn(text=text):
            return [f"user: {text}"]
        case AssistantTurn(text=text, calls=calls):
            lines = [f"assistant: {text}"] if text or not calls else []
            return lines + [f"assistant: {use.name}({bytes(use.args).decode()})" for use in calls]
        case ToolTurn(returns=returns):
            return [f"tool: {back.text}" for back in returns]


def estimated(size: int) -> int:
    """About how many tokens so many bytes are."""
    return -(-size // BYTES_PER_TOKEN)


def common_prefix(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common from their beginning."""
    shorter = min(len(one), len(other))
    low, high = 0, shorter
    while low < high:  # by halves: comparing slices is fast
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
