"""Requests in the form of OpenAI's chat completions, which most other servers speak too.

The bytes that change least stand first: tools, then the messages with the system's as the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from agentgate_proto.models.body import (
    Body,
    digest_id,
    encode_sorted,
    json_string,
    object_schema,
    sift,
)
from agentgate_proto.models.request import (
    AssistantTurn,
    Encoded,
    ModelRequest,
    ToolSpec,
    Turn,
    UserTurn,
)
from agentgate_proto.records.session_views import SectionName

BACKEND: Final = "openai"

PARAMS: Final = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "min_p",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "repeat_penalty",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "tool_choice",
        "top_k",
        "top_p",
        "verbosity",
    }
)
"""Parameters that are passed on; servers ignore, or refuse, what they don't know. What would change
the price (``service_tier``, ``n``), or the form of the answer (``logprobs``), is not."""

NEEDS_TOOLS: Final = frozenset({"tool_choice", "parallel_tool_calls"})

OWN_MODEL: Final = re.compile(r"(?:.*/)?(?:gpt-(?!oss)|chatgpt-|o[0-9])")
"""OpenAI's own models: they take ``max_completion_tokens``, and the newer ones no ``max_tokens``,
which is what all others understand."""

REASONING_MODEL: Final = re.compile(r"(?:.*/)?(?:gpt-[5-9](?!.*-chat)|o[0-9])")
"""Models that refuse to be told how to draw."""

DRAWING: Final = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "min_p",
        "presence_penalty",
        "temperature",
        "top_k",
        "top_p",
    }
)

NO_OLD_THINKING: Final = re.compile(r"(?:.*/)?deepseek-r")
"""Models that refuse their own thinking of before the last message, while others want it back."""

CALL_ID: Final = re.compile(r"[!-~]{1,40}")
SEPARATOR: Final = json_string("\n\n")


class KeptCall(msgspec.Struct):
    """As much of a kept call as tells which one it is."""

    id: str = ""


class KeptMessage(msgspec.Struct):
    """As much of a kept message as tells which calls it has."""

    tool_calls: tuple[KeptCall, ...] = ()


decode_message = msgspec.json.Decoder(KeptMessage).decode


def encode(request: ModelRequest) -> Encoded:
    """Put a request into the form of chat completions."""
    taken = PARAMS if request.tools else PARAMS - NEEDS_TOOLS
    if REASONING_MODEL.match(request.model_id):
        taken -= DRAWING
    kept, dropped = sift(request.params, taken)
    is_openai = OWN_MODEL.match(request.model_id) is not None
    head: dict[str, Any] = {
        "model": request.model_id,
        "max_completion_tokens" if is_openai else "max_tokens": request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body = Body()
    body.envelope(msgspec.json.encode(head)[:-1])
    for name in sorted(kept):
        body.envelope(b",%b:%b" % (msgspec.json.encode(name), encode_sorted(kept[name])))
    if request.tools:
        tools = sorted(request.tools, key=lambda tool: tool.name)
        body.envelope(b',"tools":[')
        body.section(SectionName.TOOLS, b",".join(map(tool_member, tools)))
        body.envelope(b"]")
    body.envelope(b',"messages":[')
    has_system = add_system(body, request)
    history = b",".join(messages(request.turns, request.model_id))
    if has_system and history:
        body.envelope(b",")
    body.section(SectionName.HISTORY, history)
    body.envelope(b"]}")
    return body.encoded(dropped)


def add_system(body: Body, request: ModelRequest) -> bool:
    """Add the system's message, if there is one: its sections are parts of one text."""
    sections = (
        (SectionName.SYSTEM_PROMPT, request.system_prompt),
        (SectionName.MEMORY, request.memory),
        (SectionName.SKILLS, request.skills),
    )
    before = b'{"role":"system","content":"'
    for name, text in sections:
        if text.strip():
            body.envelope(before)
            body.section(name, json_string(text))
            before = SEPARATOR
    if before is SEPARATOR:
        body.envelope(b'"}')
    return before is SEPARATOR


def tool_member(tool: ToolSpec) -> bytes:
    """Declare a tool."""
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": msgspec.Raw(encode_sorted(object_schema(tool.schema))),
    }
    return msgspec.json.encode({"type": "function", "function": function})


def messages(turns: tuple[Turn, ...], model_id: str) -> Iterator[bytes]:
    """Make the messages; an answer in which nothing was said is none."""
    last_asked = max((at for at, turn in enumerate(turns) if isinstance(turn, UserTurn)), default=0)
    refuses_old = NO_OLD_THINKING.match(model_id) is not None
    for at, turn in enumerate(turns):
        if isinstance(turn, UserTurn):
            yield msgspec.json.encode({"role": "user", "content": turn.text})
        elif isinstance(turn, AssistantTurn):
            yield from answer(turn, may_be_own=at > last_asked or not refuses_old)
        else:
            for returned in turn.returns:
                said = {"role": "tool", "tool_call_id": call_id(returned.id)}
                yield msgspec.json.encode(said | {"content": returned.text})


def answer(turn: AssistantTurn, *, may_be_own: bool) -> Iterator[bytes]:
    """Make the message of an answer."""
    if may_be_own and is_own(turn):
        yield turn.blocks
        return
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": call_id(call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": bytes(call.args).decode()},
            }
            for call in turn.calls
        ]
    if turn.text or turn.calls:
        yield msgspec.json.encode(message)


def is_own(turn: AssistantTurn) -> bool:
    """Whether a turn goes back as it came: it is of this form, and its calls have the ids under
    which their results come."""
    if turn.backend != BACKEND or not turn.blocks:
        return False
    ids = [call.id for call in decode_message(turn.blocks).tool_calls]
    return ids == [call.id for call in turn.calls]


def call_id(given: str) -> str:
    """Return an id that the vendor takes, the same for the same."""
    return given if CALL_ID.fullmatch(given) else digest_id(given)
