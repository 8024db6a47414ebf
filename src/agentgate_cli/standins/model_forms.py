"""How the stand-in for models streams: what a reply is made of, and each vendor's form of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import msgspec

from agentgate_cli.standins.http_server import Cut as Dropped

ENDLESS_S = 3_600.0
"""A stall; whoever waits for one to end has given up long before."""


@dataclass(frozen=True, slots=True)
class Say:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """A piece of thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A tool call; its arguments come in two pieces."""

    name: str
    args: dict[str, Any] | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing comes until this is set."""

    event: anyio.Event


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing comes any more."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is dropped."""


@dataclass(frozen=True, slots=True)
class CleanEnd:
    """The body ends as it should, and the answer does not."""


@dataclass(frozen=True, slots=True)
class Fail:
    """An error in the middle of the stream; the body ends then."""

    type: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes as they are."""

    data: bytes


Step = Say | Think | Use | Wait | Stall | Cut | CleanEnd | Fail | Send


class Reply:
    """What one request is answered with.

    Args:
        steps: what comes, in order.
        stop: the reason, in the vendor's words; "": it follows from the steps.
        input_tokens, output_tokens: what it took.
        status: of HTTP; other than 200 it is no stream, and ``steps`` may hold one ``Fail``.
        retry_after: a header of such an answer.
        chunk_bytes: into pieces of how many bytes the stream is cut; 0: into events.
        delay_s: how long to wait before each step.
    """

    def __init__(
        self,
        *steps: Step,
        stop: str = "",
        input_tokens: int = 10,
        output_tokens: int = 5,
        status: int = 200,
        retry_after: str = "",
        chunk_bytes: int = 0,
        delay_s: float = 0.0,
    ) -> None:
        self.steps = steps
        self.stop = stop
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.status = status
        self.retry_after = retry_after
        self.chunk_bytes = chunk_bytes
        self.delay_s = delay_s


class Anthropic:
    """How Anthropic streams."""

    def __init__(self, body: dict[str, Any], reply: Reply) -> None:
        self.model = body.get("model", "")
        self.reply = reply
        self.index = -1
        self.open = ""
        self.has_calls = False
        self.is_over = False

    def begin(self) -> Iterator[bytes]:
        """Yield what stands before all steps."""
        usage = {"input_tokens": self.reply.input_tokens, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
        yield event("message_start", message={**message, "model": self.model, "usage": usage})
        yield event("ping")

    def step(self, step: Step) -> Iterator[bytes]:
        """Yield the events of a step."""
        match step:
            case Say(text):
                yield from self.block("text", text="")
                yield self.delta("text_delta", text=text)
            case Think(text):
                yield from self.block("thinking", thinking="", signature="")
                yield self.delta("thinking_delta", thinking=text)
            case Use(name, args, call_id):
                yield from self.close()
                self.has_calls = True
                call_id = call_id or f"toolu_{self.index + 1}"
                yield from self.block("tool_use", id=call_id, name=name, input={})
                for piece in ("", *halves(args)):
                    yield self.delta("input_json_delta", partial_json=piece)
                yield from self.close()
            case Fail(kind, message):
                yield event("error", error={"type": kind, "message": message or kind})

    def block(self, kind: str, **members: Any) -> Iterator[bytes]:
        """Begin a block, unless one of its kind is open."""
        if self.open != kind:
            yield from self.close()
            self.open = kind
            self.index += 1
            block = {"type": kind, **members}
            yield event("content_block_start", index=self.index, content_block=block)

    def delta(self, kind: str, **members: Any) -> bytes:
        """Let the block grow."""
        return event("content_block_delta", index=self.index, delta={"type": kind, **members})

    def close(self) -> Iterator[bytes]:
        """Close the block that is open."""
        if self.open == "thinking":
            yield self.delta("signature_delta", signature="signed")
        if self.open:
            yield event("content_block_stop", index=self.index)
        self.open = ""

    def end(self) -> Iterator[bytes]:
        """Yield what stands behind all steps."""
        yield from self.close()
        stop = self.reply.stop or ("tool_use" if self.has_calls else "end_turn")
        usage = {"output_tokens": self.reply.output_tokens}
        yield event("message_delta", delta={"stop_reason": stop}, usage=usage)
        self.is_over = True
        yield event("message_stop")


class OpenAI:
    """How OpenAI streams."""

    def __init__(self, body: dict[str, Any], reply: Reply) -> None:
        self.model = body.get("model", "")
        self.wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self.reply = reply
        self.calls = 0
        self.is_over = False

    def begin(self) -> Iterator[bytes]:
        """Yield what stands before all steps."""
        yield self.chunk({"role": "assistant", "content": ""})

    def step(self, step: Step) -> Iterator[bytes]:
        """Yield the events of a step."""
        match step:
            case Say(text):
                yield self.chunk({"content": text})
            case Think(text):
                yield self.chunk({"reasoning_content": text})
            case Use(name, args, call_id):
                index, self.calls = self.calls, self.calls + 1
                first = {"id": call_id or f"call_{index}", "type": "function"}
                yield self.piece(index, {"name": name, "arguments": ""}, **first)
                for half in halves(args):
                    yield self.piece(index, {"arguments": half})
            case Fail(kind, message):
                yield data({"error": {"type": kind, "message": message or kind, "code": None}})

    def piece(self, index: int, function: dict[str, str], **members: str) -> bytes:
        """A piece of a tool call."""
        return self.chunk({"tool_calls": [{"index": index, **members, "function": function}]})

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        """One chunk with a choice."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return data(self.envelope([choice]))

    def envelope(self, choices: list[Any]) -> dict[str, Any]:
        """What every chunk has."""
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        return {**chunk, "model": self.model, "choices": choices}

    def end(self) -> Iterator[bytes]:
        """Yield what stands behind all steps."""
        yield self.chunk({}, self.reply.stop or ("tool_calls" if self.calls else "stop"))
        if self.wants_usage:
            read, written = self.reply.input_tokens, self.reply.output_tokens
            usage = {"prompt_tokens": read, "completion_tokens": written}
            yield data({**self.envelope([]), "usage": {**usage, "total_tokens": read + written}})
        self.is_over = True
        yield b"data: [DONE]\n\n"


async def played(form: Anthropic | OpenAI, reply: Reply) -> AsyncGenerator[bytes]:
    """Do the steps of a reply, and yield each event.

    Raises:
        Dropped: the connection is to be dropped.
    """
    for one in form.begin():
        yield one
    for step in reply.steps:
        if reply.delay_s:
            await anyio.sleep(reply.delay_s)
        match step:
            case Wait(waited):
                await waited.wait()
            case Stall():
                await anyio.sleep(ENDLESS_S)
            case Cut():
                raise Dropped
            case CleanEnd():
                return
            case Send(raw):
                yield raw
            case _:
                for one in form.step(step):
                    yield one
        if isinstance(step, Fail):
            return
    for one in form.end():
        yield one


def event(kind: str, **members: Any) -> bytes:
    """One of Anthropic's events."""
    return b"event: %b\ndata: %b\n\n" % (
        kind.encode(),
        msgspec.json.encode({"type": kind, **members}),
    )


def data(value: Any) -> bytes:
    """One of OpenAI's events."""
    return b"data: %b\n\n" % msgspec.json.encode(value)


def halves(args: dict[str, Any] | None) -> tuple[str, ...]:
    """Arguments in two pieces; none if there are none."""
    if args is None:
        return ()
    text = msgspec.json.encode(args).decode()
    return text[: len(text) // 2], text[len(text) // 2 :]
