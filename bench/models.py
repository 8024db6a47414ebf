"""What reading a model's stream costs: our models beside the vendors' SDKs, in the same run.

``python -m bench.models [DELTAS]``. Each reads the same stream of so many deltas from memory, once
in chunks of one event, as a model sends them that writes slowly, and once in chunks of 16 KiB, as
they come when there is much to do. CPU time per delta, the median of rounds that take turns.

- *ours*: all of ``model.stream``: httpx2's events, our events, the asynchronous iterators
- *SDK*: its asynchronous client, its own loop over raw events
- *SDK, helper*: the same with what puts the answer together, as we do
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import anyio
import httpx2
import msgspec

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import TextDelta
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import ModelRequest, UserTurn
from agentgate_proto.records.usage import Usage
from agentgate_server.models.anthropic import AnthropicModel
from agentgate_server.models.openai import OpenAIModel
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret

DELTAS = 5_000
ROUNDS = 5
CHUNK_BYTES = 16_384
WORD = " streaming"
MESSAGES: list[Any] = [{"role": "user", "content": "x"}]


def anthropic_events(deltas: int) -> list[bytes]:
    """An answer of Anthropic's."""

    def event(kind: str, **members: Any) -> bytes:
        data = msgspec.json.encode({"type": kind, **members})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 10, "output_tokens": 1}
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": WORD})
    return [
        event("message_start", message={**message, "usage": usage}),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *[delta] * deltas,
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": deltas}),
        event("message_stop"),
    ]


def openai_events(deltas: int) -> list[bytes]:
    """An answer of OpenAI's."""

    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        data = {**head, "system_fingerprint": "fp_1", "choices": [choice]}
        return b"data: %b\n\n" % msgspec.json.encode(data)

    return [
        chunk({"role": "assistant", "content": ""}),
        *[chunk({"content": WORD})] * deltas,
        chunk({}, "stop"),
        b"data: [DONE]\n\n",
    ]


EVENTS = {"anthropic": anthropic_events, "openai": openai_events}


@dataclass(frozen=True)
class Free:
    """A price list on which nothing stands."""

    version: str = ""

    def cost(self, usage: Usage, model_id: str) -> int | None:
        """Know nothing."""
        del usage, model_id
        return None


class Chunks(httpx2.AsyncByteStream):
    """A body from memory."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk


def client_of(chunks: list[bytes]) -> httpx2.AsyncClient:
    """A client to which every request is answered with these chunks."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Chunks(chunks))

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


async def ours(vendor: str, client: httpx2.AsyncClient) -> int:
    """Read it as our models do."""
    made = {"anthropic": AnthropicModel, "openai": OpenAIModel}[vendor]
    info = ModelInfo(
        name="m",
        model_id="m",
        backend=vendor,
        max_tokens=1,
        context_tokens=1_000,
        pricing=Free(),
    )
    model = made(info, masker=Masker(), api_key=Secret("sk-0123456789"))
    model.client = client
    request = encode(vendor, ModelRequest(model_id="m", turns=(UserTurn("x"),)))
    return sum([isinstance(event, TextDelta) async for event in model.stream(request)])


async def sdk(vendor: str, client: httpx2.AsyncClient) -> int:
    """Read raw events by the SDK."""
    count = 0
    if vendor == "anthropic":
        import anthropic

        theirs = anthropic.AsyncAnthropic(api_key="k", http_client=client)
        stream: Any = await theirs.messages.create(
            model="m", max_tokens=1, messages=MESSAGES, stream=True
        )
        async for event in stream:
            count += event.type == "content_block_delta"
        return count
    import openai

    other = openai.AsyncOpenAI(api_key="k", http_client=client)
    stream = await other.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    async for event in stream:
        count += bool(event.choices[0].delta.content)
    return count


async def helper(vendor: str, client: httpx2.AsyncClient) -> int:
    """Read what the SDK puts together."""
    count = 0
    if vendor == "anthropic":
        import anthropic

        theirs = anthropic.AsyncAnthropic(api_key="k", http_client=client)
        async with theirs.messages.stream(model="m", max_tokens=1, messages=MESSAGES) as events:
            async for event in events:
                count += event.type == "text"
        return count
    import openai

    other = openai.AsyncOpenAI(api_key="k", http_client=client)
    async with other.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
        async for one in chunks:
            count += one.type == "content.delta" and bool(one.delta)
    return count


READERS: dict[str, Callable[[str, httpx2.AsyncClient], Awaitable[int]]] = {
    "ours": ours,
    "SDK": sdk,
    "SDK, helper": helper,
}


async def cpu_us(reader: str, vendor: str, chunks: list[bytes], deltas: int) -> float:
    """Read once; return microseconds of CPU per delta."""
    client = client_of(chunks)
    start_s = time.process_time()
    count = await READERS[reader](vendor, client)
    took_s = time.process_time() - start_s
    await client.aclose()
    if count != deltas:
        raise RuntimeError(f"{reader} read {count} of {deltas} deltas")
    return took_s / deltas * 1e6


async def main(deltas: int) -> None:
    """Measure all, and print a table."""
    print(f"CPU per delta of {deltas:,}, in µs, and as a ratio to ours")
    print(f"{'':24}" + "".join(f"{name:>18}" for name in READERS))
    for vendor, made in EVENTS.items():
        events = made(deltas)
        whole = b"".join(events)
        cut = [whole[at : at + CHUNK_BYTES] for at in range(0, len(whole), CHUNK_BYTES)]
        for name, chunks in (("an event a chunk", events), ("16 KiB a chunk", cut)):
            took: dict[str, list[float]] = {reader: [] for reader in READERS}
            for number in range(ROUNDS + 1):
                for reader, times in took.items():
                    us = await cpu_us(reader, vendor, chunks, deltas)
                    if number:  # the first one imports
                        times.append(us)
            us_of = {reader: median(times) for reader, times in took.items()}
            row = "".join(f"{us:11.1f} ({us / us_of['ours']:4.1f})" for us in us_of.values())
            print(f"{vendor + ', ' + name:27}{row}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else DELTAS)
