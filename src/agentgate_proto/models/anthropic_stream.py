"""What Anthropic streams: from its events to ours.

A message is a number of content blocks; each begins, grows and is closed. ``message_stop`` is the
end, and nothing else is. What may come besides, and has been seen to:

- ``ping`` anywhere, and events and blocks of kinds that are not known yet
- an error in the middle
- a second ``message_start``: what came before is withdrawn
- usage that is corrected later: of each number the last one counts, nulls don't
- a block ``fallback``: another model goes on
- blocks that are never closed, because the model may write no more
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    Restarted,
    Stop,
    TextDelta,
    ThinkingDelta,
)
from agentgate_proto.models.failures import reported, shortened
from agentgate_proto.models.vendor_stream import VendorStream
from agentgate_proto.records.usage import Usage

STOPS = {
    "max_tokens": Stop.MAX_TOKENS,
    "model_context_window_exceeded": Stop.MAX_TOKENS,
    "refusal": Stop.REFUSAL,
}
"""Reasons that are neither an end nor, if there are calls, waiting for tools."""


class CacheCreation(msgspec.Struct):
    """What was written to the cache, by how long it is kept."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """What was written, in parts."""

    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Usage as it comes: cumulative, and only in part."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None


class Message(msgspec.Struct):
    """What is known of a message when it begins; where the vendor's own code calls our tools, the
    calls stand in it at once."""

    model: str | None = None
    content: list[dict[str, Any]] | None = None
    usage: Any = None


class Delta(msgspec.Struct):
    """What a block grows by, of whatever kind; or how a message ends."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: Any = None
    content: Any = None
    stop_reason: str | None = None


class Event(msgspec.Struct):
    """An event of any kind."""

    type: str = ""
    index: int | None = None
    message: Any = None
    content_block: dict[str, Any] | None = None
    delta: Delta | None = None
    usage: Any = None
    error: Any = None


DECODER = msgspec.json.Decoder(Event)


class Block:
    """A content block that grows.

    Attributes:
        members: what it began with.
        texts: what its text, thinking or arguments grew by.
        citations: what its text cites.
        is_whole: it is closed, or needs no closing.
        call: what it comes to, if it is a tool call that is closed.
    """

    __slots__ = ("call", "citations", "is_whole", "members", "texts")

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members
        self.texts: list[str] = []
        self.citations: list[Any] = []
        self.is_whole = False
        self.call: CallMade | None = None

    @property
    def kind(self) -> Any:
        """Of the block, as the vendor calls it."""
        return self.members.get("type")

    def close(self) -> None:
        """Put together what it grew by."""
        grown = "".join(self.texts)
        self.is_whole = isinstance(self.kind, str)
        match self.kind:
            case "text":
                self.members["text"] = grown
                if self.citations:
                    self.members["citations"] = self.citations
                self.is_whole = bool(grown.strip())  # a blank one would be refused
            case "thinking":
                self.members["thinking"] = grown
                self.is_whole = bool(self.members.get("signature"))
            case _ if "input" in self.members or grown:
                self.take_arguments(grown)

    def take_arguments(self, grown: str) -> None:
        """Read the arguments of a call; those that stood there at once count if none came after."""
        begun = self.members.get("input")
        if not grown.strip() and begun:
            grown = msgspec.json.encode(begun).decode()
        args, problem = arguments(grown)
        self.members["input"] = args
        if self.kind == "tool_use":
            call_id, name = self.members.get("id"), self.members.get("name")
            self.call = CallMade(
                id=call_id if isinstance(call_id, str) else "",
                name=name if isinstance(name, str) else "",
                args=args,
                problem=problem,
            )


class AnthropicStream(VendorStream[WireUsage]):
    """One answer as it comes."""

    def __init__(self) -> None:
        super().__init__(WireUsage())
        self.has_begun = False
        self.blocks: list[Block] = []
        self.open: dict[int, Block] = {}
        self.stop_reason = ""

    def read(self, name: str, data: str) -> Iterator[ModelEvent]:
        """See :class:`VendorStream`."""
        event = read_event(DECODER, data)
        if event.type != "content_block_delta":
            self.allowance.take(data)
        yield from self.on_event(name, event)

    def on_event(self, name: str, event: Event) -> Iterator[ModelEvent]:
        """Take an event that can be read."""
        match event.type or name:
            case "content_block_delta":
                if event.delta is not None:
                    yield from self.on_delta(event.index, event.delta)
            case "content_block_start":
                yield from self.on_block(event.index, event.content_block or {})
            case "content_block_stop":
                yield from self.on_block_stop(event.index)
            case "message_start":
                yield from self.on_message(msgspec.convert(event.message or {}, Message))
            case "message_delta":
                if event.delta is not None and event.delta.stop_reason:
                    self.stop_reason = event.delta.stop_reason
                yield from self.on_usage(event.usage)
            case "message_stop":
                yield from self.end()
            case _ if "error" in (name, event.type) or event.error:
                flat = {"type": event.type, "message": event.message}
                yield from self.failed(reported(event.error or flat))

    def on_message(self, message: Message) -> Iterator[ModelEvent]:
        """A message begins: the first one, or one instead of it."""
        if self.has_begun and self.blocks:
            yield Restarted("the vendor has begun its answer anew")
        self.has_begun = True
        self.blocks.clear()
        self.open.clear()
        self.stop_reason = ""
        self.model_id = (message.model or self.model_id)[:MODEL_ID_CHARS_MAX]
        yield from self.on_usage(message.usage)
        for members in message.content or ():
            yield from self.on_block(None, members)
            yield from self.on_block_stop(None)

    def on_block(self, index: int | None, members: dict[str, Any]) -> Iterator[ModelEvent]:
        """A block begins; it may have something in it already."""
        self.allowance.take_block()
        block = Block(members)
        self.blocks.append(block)
        self.open[-len(self.blocks) if index is None else index] = block
        match block.kind:
            case "text":
                yield from self.grow(block, members.get("text"), TextDelta)
            case "thinking":
                yield from self.grow(block, members.get("thinking"), ThinkingDelta)
            case "tool_use":
                self.allowance.take_call()
            case "fallback":
                other = msgspec.convert(members.get("to") or {}, Message).model
                if other:
                    before, self.model_id = self.model_id, other[:MODEL_ID_CHARS_MAX]
                    noted = f"{self.model_id} goes on instead of {before or 'another model'}"
                    yield Noted(shortened(noted))

    def on_delta(self, index: int | None, delta: Delta) -> Iterator[ModelEvent]:
        """A block grows."""
        block = self.open.get(index) if index is not None else None
        if block is None:
            if not self.open:
                return
            block = next(reversed(self.open.values()))
        match delta.type:
            case "text_delta":
                yield from self.grow(block, delta.text, TextDelta)
            case "thinking_delta":
                yield from self.grow(block, delta.thinking, ThinkingDelta)
            case "input_json_delta":
                if delta.partial_json:
                    self.allowance.take(delta.partial_json)
                    block.texts.append(delta.partial_json)
            case "signature_delta":
                if delta.signature:
                    self.allowance.take(delta.signature)
                    block.members["signature"] = delta.signature
            case "citations_delta":
                self.allowance.take_block()
                block.citations.append(delta.citation)
            case "compaction_delta":
                block.members["content"] = delta.content

    def grow(
        self, block: Block, text: Any, made: type[TextDelta] | type[ThinkingDelta]
    ) -> Iterator[ModelEvent]:
        """Add to a block what is to be seen of it."""
        if isinstance(text, str) and text:
            self.allowance.take(text)
            block.texts.append(text)
            yield made(text)

    def on_block_stop(self, index: int | None) -> Iterator[ModelEvent]:
        """A block is closed: a call is one now."""
        block = self.open.pop(index, None) if index is not None else None
        if block is None and index is None and self.open:
            block = self.open.popitem()[1]
        if block is not None:
            block.close()
            if block.call is not None:
                yield block.call

    def end(self) -> Iterator[ModelEvent]:
        """The vendor says that this is the end."""
        self.is_over = True
        for block in self.open.values():
            if block.kind == "text":
                block.close()
            elif block.kind == "tool_use":
                name = shortened(str(block.members.get("name")))
                yield Noted(f"a call of {name} was cut off; it is not made")
        whole = self.whole_blocks()
        has_calls = any(block.call is not None for block in self.blocks)
        stop = STOPS.get(self.stop_reason, Stop.TOOLS if has_calls else Stop.END)
        blocks = msgspec.json.encode([block.members for block in whole]) if whole else b""
        yield Ended(stop=stop, blocks=blocks, model_id=self.model_id)

    def whole_blocks(self) -> list[Block]:
        """Return what may go back: what is whole. Where another model took over, what the first one
        had said may not all go back, nor may it be told apart; only the last one's does."""
        others = [at for at, block in enumerate(self.blocks) if block.kind == "fallback"]
        own = self.blocks[others[-1] + 1 :] if others else self.blocks
        return [block for block in own if block.is_whole]

    def counted(self, usage: WireUsage) -> Usage:
        """Count in our way: what came from the cache, and went to it, was read as well."""
        read = tokens(usage.cache_read_input_tokens)
        written = tokens(usage.cache_creation_input_tokens)
        parts = usage.cache_creation or CacheCreation()
        hour = tokens(parts.ephemeral_1h_input_tokens)
        written = max(written, tokens(parts.ephemeral_5m_input_tokens) + hour)
        details = usage.output_tokens_details or OutputDetails()
        return Usage(
            input=tokens(usage.input_tokens) + read + written,
            output=tokens(usage.output_tokens),
            cache_read=read,
            cache_write=written - hour,
            cache_write_1h=hour,
            thinking=tokens(details.thinking_tokens),
        )
