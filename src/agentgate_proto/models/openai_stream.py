"""What OpenAI, and servers like it, stream as chat completions: from their chunks to our events.

The model has stopped when there is a ``finish_reason``; the answer is over at ``[DONE]``, or at the
end of a body in which the model had stopped: usage comes in between, and some servers send no
``[DONE]``. A ``[DONE]`` without a reason is a cut that a proxy has tidied up.

Tool calls grow in pieces, and nothing closes them but the end. Pieces belong together by their
place (``index``), or, where servers leave it out, by their ids; ids that change from piece to piece
mean nothing, unless what came before was whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from agentgate_proto.models.answer import (
    MODEL_ID_CHARS_MAX,
    arguments,
    read_event,
    tokens,
)
from agentgate_proto.models.events import (
    CallMade,
    Ended,
    ModelEvent,
    Noted,
    Stop,
    TextDelta,
    ThinkingDelta,
)
from agentgate_proto.models.failures import reported, shortened
from agentgate_proto.models.vendor_stream import VendorStream
from agentgate_proto.records.usage import Usage

DONE: Final = "[DONE]"

STOPS: Final = {"length": Stop.MAX_TOKENS, "content_filter": Stop.REFUSAL}
"""Reasons that are neither an end nor, if there are calls, waiting for tools."""


class Function(msgspec.Struct):
    """A piece of what is called, and with what."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallPiece(msgspec.Struct):
    """A piece of a tool call."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: Any = None


class Delta(msgspec.Struct):
    """What the answer grows by. Thinking has two names, and content two forms."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[CallPiece] | None = None


class Choice(msgspec.Struct):
    """One of several answers; we ask for one."""

    index: int | None = None
    delta: Delta | None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct):
    """What was read, in parts."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    """What was written, in parts."""

    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Usage as it comes."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None


class Groq(msgspec.Struct):
    """Where one server has its usage."""

    usage: Any = None


class Chunk(msgspec.Struct):
    """One event."""

    model: str | None = None
    choices: list[Choice] | None = None
    usage: Any = None
    x_groq: Groq | None = None
    error: Any = None


DECODER = msgspec.json.Decoder(Chunk)


class Call:
    """A tool call that grows."""

    __slots__ = ("extra", "id", "name", "texts")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.texts: list[str] = []
        self.extra: Any = None

    @property
    def text(self) -> str:
        """All that came of its arguments."""
        return "".join(self.texts)

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are there, and an object."""
        return bool(self.text.strip()) and not arguments(self.text)[1]


class OpenAIStream(VendorStream[WireUsage]):
    """One answer as it comes."""

    def __init__(self) -> None:
        super().__init__(WireUsage())
        self.finish_reason = ""
        self.has_refused = False
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[Call] = []
        self.places: dict[int, Call] = {}

    def read(self, name: str, data: str) -> Iterator[ModelEvent]:
        """See :class:`VendorStream`."""
        if data.strip() == DONE:
            yield from self.receive_eof()
            return
        chunk = read_event(DECODER, data)
        if chunk.error or name == "error":
            yield from self.failed(reported(chunk.error or msgspec.json.decode(data)))
        else:
            yield from self.on_chunk(chunk)

    def on_chunk(self, chunk: Chunk) -> Iterator[ModelEvent]:
        """Take an event that can be read."""
        self.model_id = (chunk.model or self.model_id)[:MODEL_ID_CHARS_MAX]
        for choice in chunk.choices or ():
            if not choice.index:
                if choice.delta is not None:
                    yield from self.on_delta(choice.delta)
                if choice.finish_reason:
                    self.is_stopped = True
                    self.finish_reason = choice.finish_reason
        yield from self.on_usage(chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None))

    def on_delta(self, delta: Delta) -> Iterator[ModelEvent]:
        """The answer grows."""
        if isinstance(delta.reasoning_content, str) and delta.reasoning_content:
            self.thoughts.append(delta.reasoning_content)
            yield self.thought(delta.reasoning_content)
        elif isinstance(delta.reasoning, str) and delta.reasoning:
            yield self.thought(delta.reasoning)
        if isinstance(delta.content, str):
            yield from self.text(delta.content)
        elif isinstance(delta.content, list):
            yield from self.parts(delta.content)
        if isinstance(delta.refusal, str) and delta.refusal:
            self.has_refused = True
            yield from self.text(delta.refusal)
        for piece in delta.tool_calls or ():
            self.on_call(piece)

    def text(self, text: str) -> Iterator[ModelEvent]:
        """Take a piece of the answer's text."""
        if text:
            self.allowance.take(text)
            self.texts.append(text)
            yield TextDelta(text)

    def thought(self, text: str) -> ModelEvent:
        """Take a piece of thinking."""
        self.allowance.take(text)
        return ThinkingDelta(text)

    def parts(self, content: list[Any]) -> Iterator[ModelEvent]:
        """Take content in parts, which is how one vendor sends thinking."""
        for part in content:
            match part:
                case {"type": "text", "text": str(text)}:
                    yield from self.text(text)
                case {"type": "thinking", "thinking": [*inner]}:
                    thoughts = (one.get("text") for one in inner if isinstance(one, dict))
                    for thought in thoughts:
                        if isinstance(thought, str) and thought:
                            yield self.thought(thought)

    def on_call(self, piece: CallPiece) -> None:
        """Take a piece of a tool call, and find the call that it belongs to."""
        function = piece.function or Function()
        grown = function.arguments
        if isinstance(grown, dict):
            grown = msgspec.json.encode(grown).decode()
        call = self.found(piece, function.name or "", grown or "")
        self.allowance.take((piece.id or "") + (function.name or ""))
        call.id = call.id or piece.id or ""
        call.name = call.name or function.name or ""
        if piece.extra_content is not None:
            self.allowance.take(msgspec.json.encode(piece.extra_content).decode())
            call.extra = piece.extra_content
        if grown:
            self.allowance.take(grown)
            call.texts.append(grown)

    def found(self, piece: CallPiece, name: str, grown: str) -> Call:
        """Return the call of a piece, a new one if it begins one."""
        if piece.index is not None:
            call = self.places.get(piece.index)
            # Some servers number all of their calls 0. What was whole can't have grown.
            begins = name and grown.strip() and piece.id and call and piece.id != call.id
            if call is None or (begins and call.is_whole):
                call = self.places[piece.index] = self.new_call()
            return call
        if piece.id:
            for call in self.calls:
                if call.id == piece.id:
                    return call
        if name or not self.calls:
            return self.new_call()
        return self.calls[-1]

    def new_call(self) -> Call:
        """Begin a call."""
        self.allowance.take_call()
        call = Call()
        self.calls.append(call)
        return call

    def end(self) -> Iterator[ModelEvent]:
        """The model has stopped, and nothing follows."""
        self.is_over = True
        stop = Stop.REFUSAL if self.has_refused else STOPS.get(self.finish_reason)
        made = []
        for call in self.calls:
            if stop is not None and not call.is_whole:
                yield Noted(f"a call of {shortened(call.name)} was cut off; it is not made")
                continue
            made.append(call)
            args, problem = arguments(call.text)
            yield CallMade(id=call.id, name=call.name, args=args, problem=problem)
        if stop is None:
            stop = Stop.TOOLS if made else Stop.END
        yield Ended(stop=stop, blocks=self.kept(made), model_id=self.model_id)

    def kept(self, made: list[Call]) -> bytes:
        """Return the answer in the server's form, if it has what ours has no place for: thinking
        that some servers want back, or what they have noted on a call."""
        if not self.thoughts and all(call.extra is None for call in made):
            return b""
        text = "".join(self.texts)
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if self.thoughts:
            message["reasoning_content"] = "".join(self.thoughts)
        if made:
            message["tool_calls"] = [kept_call(call) for call in made]
        elif not text:
            return b""
        return msgspec.json.encode(message)

    def counted(self, usage: WireUsage) -> Usage:
        """Count in our way. What came from the cache is counted as read by all of them, thinking as
        written by most: where it is not, the total shows it."""
        read, written = tokens(usage.prompt_tokens), tokens(usage.completion_tokens)
        prompt = usage.prompt_tokens_details or PromptDetails()
        thinking = tokens((usage.completion_tokens_details or CompletionDetails()).reasoning_tokens)
        if thinking and tokens(usage.total_tokens) >= read + written + thinking:
            written += thinking
        cached = tokens(prompt.cached_tokens) or tokens(usage.prompt_cache_hit_tokens)
        return Usage(
            input=read,
            output=written,
            cache_read=min(cached, read),
            cache_write=min(tokens(prompt.cache_write_tokens), read),
            thinking=thinking,
        )


def kept_call(call: Call) -> dict[str, Any]:
    """Return a call in the server's form."""
    args = bytes(arguments(call.text)[0]).decode()
    function = {"name": call.name, "arguments": args}
    member: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    return member if call.extra is None else member | {"extra_content": call.extra}
