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
    ToolTurn,
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

REASONING_MODEL: Final = re.compile(r"(?:.*/)?(?:gpt-[5-9](?![^/]*-chat)|o[0-9])")
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

ALWAYS_THINKING: Final = re.compile(r"(?:.*/)?deepseek-v[4-9]")
"""Models that want a thinking with each of their answers, be it an empty one."""

STRICT: Final = re.compile(r"(?:.*/)?(?:open-)?(?:mi(?:s|x|nis)tral|(?:magis|codes|devs|pix)tral)")
"""Mistral's models: ids of calls have nine letters or digits, and nobody speaks behind a tool but
the model."""

BROKEN_OFF: Final = "(I was stopped here.)"
"""What such a model is taken to have said where a run ended behind its tools."""

STRICT_ID_CHARS: Final = 9
STRICT_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")
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
    history = b",".join(History(request.model_id).messages(request.turns))
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


class History:
    """Writes the turns of a request as messages.

    Args:
        model_id: models differ in what they refuse.
    """

    def __init__(self, model_id: str) -> None:
        self.refuses_old_thinking = NO_OLD_THINKING.match(model_id) is not None
        self.wants_thinking = ALWAYS_THINKING.match(model_id) is not None
        self.is_strict = STRICT.match(model_id) is not None
        self.has_own_ids = False

    def messages(self, turns: tuple[Turn, ...]) -> Iterator[bytes]:
        """Yield the messages; an answer in which nothing was said is none."""
        asked = [at for at, turn in enumerate(turns) if isinstance(turn, UserTurn)]
        last_asked = asked[-1] if asked else -1
        for at, turn in enumerate(turns):
            if isinstance(turn, UserTurn):
                if self.is_strict and at and isinstance(turns[at - 1], ToolTurn):
                    yield msgspec.json.encode({"role": "assistant", "content": BROKEN_OFF})
                yield msgspec.json.encode({"role": "user", "content": turn.text})
            elif isinstance(turn, AssistantTurn):
                is_old = at < last_asked
                self.has_own_ids = is_own(turn) and not (is_old and self.refuses_old_thinking)
                yield from (turn.blocks,) if self.has_own_ids else self.answer(turn)
            else:
                for returned in turn.returns:
                    said = {"role": "tool", "tool_call_id": self.call_id(returned.id)}
                    yield msgspec.json.encode(said | {"content": returned.text})

    def answer(self, turn: AssistantTurn) -> Iterator[bytes]:
        """Yield the message of an answer in the neutral form, if it says anything."""
        message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
        if self.wants_thinking:
            message["reasoning_content"] = ""
        if turn.calls:
            message["tool_calls"] = [
                {
                    "id": self.call_id(call.id),
                    "type": "function",
                    "function": {"name": call.name, "arguments": bytes(call.args).decode()},
                }
                for call in turn.calls
            ]
        if turn.text or turn.calls:
            yield msgspec.json.encode(message)

    def call_id(self, given: str) -> str:
        """Return an id that the server takes, the same for the same; its own it takes anyhow."""
        if self.has_own_ids:
            return given
        if self.is_strict:
            fits = STRICT_ID.fullmatch(given)
            return given if fits else digest_id(given)[-STRICT_ID_CHARS:]
        return given if CALL_ID.fullmatch(given) else digest_id(given)


def is_own(turn: AssistantTurn) -> bool:
    """Whether a turn goes back as it came: it is of this form, and its calls have the ids under
    which their results come."""
    if turn.backend != BACKEND or not turn.blocks:
        return False
    ids = [call.id for call in decode_message(turn.blocks).tool_calls]
    return ids == [call.id for call in turn.calls]
