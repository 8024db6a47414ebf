"""The context: from a session, its workspace and its tools to exactly what a model is sent.

A pure function, byte-stable: the same session gives the same bytes, what grows grows at the end,
and no clock is in it, so that a vendor's prompt cache holds. What does not fit is left out by whole
groups of the history, the oldest first, and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, assert_never

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

STEPS = 4
"""In how many steps a model's whole context is left out, as a history grows."""

FORMER = "former messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a model is to be sent.

    Attributes:
        request: in no vendor's form.
        encoded: in the vendor's.
        left_out: what is not in it.
        names: of its tools in the catalogue, by those that the model is told.
    """

    request: ModelRequest
    encoded: Encoded
    left_out: tuple[LeftOut, ...]
    names: Mapping[str, str] = field(default_factory=dict)

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
    groups = history.groups
    if text:
        groups = [*groups, Group(0, 0.0, history.worded(text))]

    def shown(first: int) -> Context:
        request = ModelRequest(
            model_id=info.model_id,
            system_prompt=system_prompt,
            memory=material.memory,
            skills=material.skills,
            turns=tuple(turn for group in groups[first:] for turn in group.turns),
            tools=material.tools,
            max_tokens=max_tokens,
            params=params or {},
        )
        left_out = (*material.left_out, *unseen(history, groups[:first]))
        encoded = encode(info.backend, request)
        return Context(request=request, encoded=encoded, left_out=left_out, names=material.names)

    room = (info.context_tokens - max_tokens) * BYTES_PER_TOKEN
    trim = Trim(history.dropped_bytes, [group.size for group in groups], room)
    first = trim.first(sum(trim.sizes) - room)  # what surely does not fit is not even tried
    context = shown(first)
    while (excess := len(context.encoded.body) - room) > 0 and first < len(groups) - 1:
        first = max(first + 1, trim.first(sum(trim.sizes[:first]) + excess))
        context = shown(first)
    return context


@dataclass(frozen=True, slots=True)
class Trim:
    """How much of a history is left out.

    Not just what must be, but up to the next of a few marks: else each message would move the
    beginning, and a vendor's prompt cache, which knows requests by how they begin, never helped.

    Attributes:
        before: bytes that are in memory no more.
        sizes: bytes of each group.
        room: bytes that a request may have.
    """

    before: int
    sizes: Sequence[int]
    room: int

    def first(self, excess: int) -> int:
        """Return the first group that stays if so many bytes must go; the newest always does:
        without it there is nothing to answer."""
        if excess <= 0:
            return 0
        step = max(self.room // STEPS, 1)
        mark = -(-(self.before + excess) // step) * step
        gone = accumulate(self.sizes[:-1], initial=self.before)
        return next(
            (at for at, size in enumerate(gone) if size >= mark), max(len(self.sizes) - 1, 0)
        )


def unseen(history: History, gone: Sequence[Group]) -> list[LeftOut]:
    """Name what of a history is not sent."""
    left_out = []
    if history.dropped or history.oldest:
        left_out.append(
            LeftOut(
                section=SectionName.HISTORY,
                what=f"{history.dropped or 'the oldest'} {FORMER}",
                bytes=history.dropped_bytes,
                why="too long ago: they are not in memory any more",
            )
        )
    if gone:
        last = rfc3339(gone[-1].at)
        left_out.append(
            LeftOut(
                section=SectionName.HISTORY,
                what=f"{len(gone)} {FORMER}, the last from {last}, and what they led to",
                bytes=sum(group.size for group in gone),
                why="the model's context has no room for them",
            )
        )
    return left_out


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
                content=content_of(context, name),
                bytes=sizes[name],
                tokens=share,
                cost_micros=info.pricing.cost(Usage(input=share), ""),
            )
        )
    return sections


def content_of(context: Context, name: SectionName) -> str:
    """Return a section's text for people, who know tools by their own names."""
    request = context.request
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
            return "\n".join(
                f"{told_as(tool.name, context.names)}: {tool.description}" for tool in request.tools
            )
        case _:
            assert_never(name)


def told_as(name: str, names: Mapping[str, str]) -> str:
    """Return what a model is told a tool's name is, and the name, if that is another."""
    real = names.get(name, name)
    return name if real == name else f"{name} ({real})"


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
        case _:
            assert_never(turn)


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
