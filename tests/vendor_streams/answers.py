"""What a stream comes to: by our reading, and by the SDK of its vendor."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
import msgspec

from agentgate_proto.models.anthropic_stream import AnthropicStream
from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    ModelEvent,
    Restarted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.models.openai_stream import OpenAIStream
from agentgate_proto.records.usage import Usage

READERS: dict[str, type[AnthropicStream | OpenAIStream]] = {
    "anthropic": AnthropicStream,
    "openai": OpenAIStream,
}

MESSAGES: list[Any] = [{"role": "user", "content": "x"}]


@dataclass(frozen=True)
class Answer:
    """What was said.

    Attributes:
        usage: input, output, of the input from the cache, of the output thinking.
    """

    text: str
    thinking: str
    calls: tuple[tuple[str, str, Any], ...]
    stop: Stop
    usage: tuple[int, int, int, int]
    model: str


class Bytes(httpx2.SyncByteStream):
    """A body in pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces


def read(vendor: str, pieces: Iterable[bytes]) -> list[ModelEvent]:
    """Read a body that comes in pieces, as our models do."""
    response = httpx2.Response(
        200,
        headers={"content-type": "text/event-stream"},
        stream=Bytes(pieces),
        request=httpx2.Request("POST", "http://localhost/"),
    )
    stream = READERS[vendor]()
    events: list[ModelEvent] = []
    for one in httpx2.EventSource(response, max_event_size=None):
        events += stream.receive_event(one.event, one.data)
    return events + stream.receive_eof()


def ours(events: list[ModelEvent]) -> Answer | Failed:
    """What our events come to."""
    starts = [at for at, event in enumerate(events) if isinstance(event, Restarted)]
    events = events[starts[-1] :] if starts else events
    *_, last = events
    if isinstance(last, Failed):
        return last
    assert isinstance(last, Ended)
    usage = ([event.usage for event in events if isinstance(event, UsageSeen)] or [Usage()])[-1]
    calls = (event for event in events if isinstance(event, CallMade))
    return Answer(
        text="".join(event.text for event in events if isinstance(event, TextDelta)),
        thinking="".join(event.text for event in events if isinstance(event, ThinkingDelta)),
        calls=tuple((one.id, one.name, msgspec.json.decode(one.args)) for one in calls),
        stop=last.stop,
        usage=(usage.input, usage.output, usage.cache_read, usage.thinking),
        model=last.model_id,
    )


def client_of(body: bytes) -> httpx2.Client:
    """A client to which every request is answered with this stream."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


@cache
def sdk(vendor: str) -> Any:
    """The SDK of a vendor; it takes seconds to load."""
    return __import__(vendor)


def theirs(vendor: str, body: bytes) -> Answer | str:
    """What the SDK of the vendor makes of a stream, or what it raises."""
    made = {"anthropic": by_anthropic, "openai": by_openai}[vendor]
    with warnings.catch_warnings(), client_of(body) as client:
        warnings.simplefilter("ignore")  # they warn of what is not in their types
        try:
            return made(client)
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:100]}"


STOPS = {
    "max_tokens": Stop.MAX_TOKENS,
    "model_context_window_exceeded": Stop.MAX_TOKENS,
    "length": Stop.MAX_TOKENS,
    "refusal": Stop.REFUSAL,
    "content_filter": Stop.REFUSAL,
}


def by_anthropic(client: httpx2.Client) -> Answer:
    """By the helper of Anthropic's SDK."""
    vendor = sdk("anthropic").Anthropic(api_key="k", http_client=client, max_retries=0)
    with vendor.messages.stream(model="m", max_tokens=1, messages=MESSAGES) as stream:
        message = stream.get_final_message().to_dict(warnings=False)
    if message.get("stop_reason") is None:
        raise ValueError("it ends, and nothing says why")
    blocks = message["content"]
    usage = {key: value or 0 for key, value in message["usage"].items()}
    read_from, written_to = (
        usage.get(f"cache_{what}_input_tokens", 0) for what in ("read", "creation")
    )
    details = usage.get("output_tokens_details") or {}
    calls = [one for one in blocks if one["type"] == "tool_use"]
    return Answer(
        text="".join(one["text"] for one in blocks if one["type"] == "text"),
        thinking="".join(one["thinking"] for one in blocks if one["type"] == "thinking"),
        calls=tuple((one["id"], one["name"], one["input"]) for one in calls),
        stop=STOPS.get(message["stop_reason"], Stop.TOOLS if calls else Stop.END),
        usage=(
            usage.get("input_tokens", 0) + read_from + written_to,
            usage.get("output_tokens", 0),
            read_from,
            details.get("thinking_tokens", 0),
        ),
        model=message["model"],
    )


def by_openai(client: httpx2.Client) -> Answer:
    """By the helper of OpenAI's SDK."""
    vendor = sdk("openai").OpenAI(api_key="k", http_client=client, max_retries=0)
    with vendor.chat.completions.stream(model="m", messages=MESSAGES) as stream:
        for _ in stream:
            pass
        completion = stream.get_final_completion().to_dict(warnings=False)
    choice = completion["choices"][0]
    message = choice["message"]
    usage = completion.get("usage") or {}
    prompt = usage.get("prompt_tokens_details") or {}
    written = usage.get("completion_tokens_details") or {}
    refusal = message.get("refusal") or ""
    calls = tuple(
        (one.get("id"), one["function"]["name"], loads(one["function"]["arguments"]))
        for one in message.get("tool_calls") or ()
    )
    stop = STOPS.get(choice["finish_reason"], Stop.TOOLS if calls else Stop.END)
    return Answer(
        text=(message.get("content") or "") + refusal,
        thinking=message.get("reasoning_content") or message.get("reasoning") or "",
        calls=calls,
        stop=Stop.REFUSAL if refusal else stop,
        usage=(
            usage.get("prompt_tokens") or 0,
            usage.get("completion_tokens") or 0,
            prompt.get("cached_tokens") or 0,
            written.get("reasoning_tokens") or 0,
        ),
        model=completion["model"],
    )


def loads(text: str) -> Any:
    """Arguments; models that want to say nothing send nothing."""
    return msgspec.json.decode(text) if text.strip() else {}
