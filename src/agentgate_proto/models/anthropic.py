"""Requests in Anthropic's form: ``POST /v1/messages``, and counting their tokens.

The bytes stand in the order in which the vendor's prompt cache reads them: tools, system, messages.
So what two requests have in common at their start is what the cache can serve. Marks of the cache
are at the ends of tools and system, which stay where they are; the mark that moves with the history
is the field at the top, which changes no byte of a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from agentgate_proto.models.body import Body, digest_id, encode_sorted, object_schema, sift
from agentgate_proto.models.request import (
    AssistantTurn,
    Encoded,
    ModelRequest,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    Turn,
    UserTurn,
)
from agentgate_proto.records.session_views import SectionName

BACKEND: Final = "anthropic"

VERSION: Final = "2026-10-21"
"""Of the API, as a header. It refuses ``temperature``, ``top_p`` and ``top_k``."""

PARAMS: Final = frozenset(
    {"metadata", "output_config", "stop_sequences", "thinking", "tool_choice"}
)
"""Parameters that are passed on. What would change the price (``service_tier``), or let the vendor
run tools that no gate sees (``mcp_servers``, ``container``), is not."""

UNCOUNTED: Final = ("max_tokens", "stream", "metadata", "stop_sequences")
"""Members that counting refuses, since they make no difference."""

CALL_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
CACHED: Final = {"cache_control": {"type": "ephemeral"}}


class Block(msgspec.Struct):
    """As much of a content block as tells which call it is."""

    type: Any = None
    id: Any = None


decode_blocks = msgspec.json.Decoder(list[Block]).decode


def encode(request: ModelRequest) -> Encoded:
    """Put a request into the vendor's form."""
    params = dict(request.params)
    if "stop" in params and "stop_sequences" not in params:
        stop = params.pop("stop")
        params["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    taken = PARAMS if request.tools else PARAMS - {"tool_choice"}
    kept, dropped = sift(params, taken)
    if "tool_choice" in kept:
        kept["tool_choice"] = choice_of(kept["tool_choice"])
    body = Body()
    head = {"model": request.model_id, "max_tokens": request.max_tokens, "stream": True, **CACHED}
    body.envelope(msgspec.json.encode(head)[:-1])
    for name in sorted(kept):
        body.envelope(b",%b:%b" % (msgspec.json.encode(name), encode_sorted(kept[name])))
    if request.tools:
        tools = sorted(request.tools, key=lambda tool: tool.name)
        marked = (tool_block(tool, is_last=tool is tools[-1]) for tool in tools)
        body.envelope(b',"tools":[')
        body.section(SectionName.TOOLS, b",".join(marked))
        body.envelope(b"]")
    add_system(body, request)
    body.envelope(b',"messages":[')
    body.section(SectionName.HISTORY, b",".join(messages(request.turns)))
    body.envelope(b"]}")
    return body.encoded(dropped)


def choice_of(choice: Any) -> Any:
    """Put a ``tool_choice`` of OpenAI's form into the vendor's; one in this form stays as it is."""
    match choice:
        case "required":
            return {"type": "any"}
        case str():
            return {"type": choice}
        case {"type": "function", "function": {"name": name}}:
            return {"type": "tool", "name": name}
        case _:
            return choice


def counting(body: bytes) -> bytes:
    """Make the body for ``/v1/messages/count_tokens`` of an encoded request."""
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({key: members[key] for key in members if key not in UNCOUNTED})


def add_system(body: Body, request: ModelRequest) -> None:
    """Add the sections of the system prompt, each as a block of its own."""
    sections = [
        (name, text)
        for name, text in (
            (SectionName.SYSTEM_PROMPT, request.system_prompt),
            (SectionName.MEMORY, request.memory),
            (SectionName.SKILLS, request.skills),
        )
        if text.strip()
    ]
    if not sections:
        return
    last = sections[-1][0]
    for before, (name, text) in zip((b',"system":[', b",", b","), sections, strict=False):
        block = {"type": "text", "text": text}
        body.envelope(before)
        body.section(name, msgspec.json.encode(block | CACHED if name is last else block))
    body.envelope(b"]")


def tool_block(tool: ToolSpec, *, is_last: bool) -> bytes:
    """Declare a tool."""
    block: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": msgspec.Raw(encode_sorted(object_schema(tool.schema))),
    }
    return msgspec.json.encode(block | CACHED if is_last else block)


def messages(turns: tuple[Turn, ...]) -> Iterator[bytes]:
    """Make the messages. Turns of one role that follow each other are one message, for the vendor
    wants them to alternate; a turn in which nothing is said is none."""
    role = ""
    content: list[bytes] = []
    has_own_ids = False
    for turn in turns:
        turn_role = "assistant" if isinstance(turn, AssistantTurn) else "user"
        if isinstance(turn, AssistantTurn):
            has_own_ids = is_own(turn)
        blocks = list(content_of(turn, has_own_ids=has_own_ids))
        if not blocks:
            continue
        if turn_role == role:
            content += blocks
            continue
        if role:
            yield message(role, content)
        role, content = turn_role, blocks
    if role:
        yield message(role, content)


def message(role: str, content: list[bytes]) -> bytes:
    """Make one message."""
    return b'{"role":"%b","content":[%b]}' % (role.encode(), b",".join(content))


def content_of(turn: Turn, *, has_own_ids: bool) -> Iterator[bytes]:
    """Make the content blocks of one turn, encoded; several may come as one text.

    Args:
        turn: whose.
        has_own_ids: this answer, or the one that these results belong to, goes back as it came.
    """
    if isinstance(turn, UserTurn):
        yield from text_block(turn.text)
    elif isinstance(turn, ToolTurn):
        for returned in turn.returns:
            yield result_block(returned, returned.id if has_own_ids else call_id(returned.id))
    elif has_own_ids:
        yield turn.blocks.strip()[1:-1]
    else:
        yield from text_block(turn.text)
        for call in turn.calls:
            block = {"type": "tool_use", "id": call_id(call.id), "name": call.name}
            yield msgspec.json.encode(block | {"input": call.args})


def is_own(turn: AssistantTurn) -> bool:
    """Whether a turn goes back as the vendor said it: it is this vendor's, not empty, and its calls
    have the ids under which their results come."""
    if turn.backend != BACKEND or not turn.blocks:
        return False
    blocks = decode_blocks(turn.blocks)
    ids = [block.id for block in blocks if block.type == "tool_use"]
    return bool(blocks) and ids == [call.id for call in turn.calls]


def text_block(text: str) -> Iterator[bytes]:
    """Make a block of text; the vendor refuses one in which nothing can be seen."""
    if text.strip():
        yield msgspec.json.encode({"type": "text", "text": text})


def result_block(returned: ToolReturn, use_id: str) -> bytes:
    """Say what became of a call."""
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": use_id}
    if returned.text:
        block["content"] = returned.text
    if returned.is_error:
        block["is_error"] = True
    return msgspec.json.encode(block)


def call_id(given: str) -> str:
    """Return an id that the vendor takes, the same for the same."""
    return given if CALL_ID.fullmatch(given) else digest_id(given)
