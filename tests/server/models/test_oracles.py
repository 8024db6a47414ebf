"""Our reading of streams beside that of the vendors' own SDKs, on the vectors."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.vectors import anthropic_streams, openai_streams
from tests.vendor_streams.answers import ours, read, theirs

from agentgate_proto.models.events import Failed

KNOWN = {
    "another message begins in the middle of a call": "glues two answers together",
    "a call is cut by the limit": "makes a call that was cut off",
    "the reason of an answer that was withdrawn": "glues two answers together",
    "another model goes on": "names the model that gave up",
    "usage with caches and thinking, corrected later; a null corrects nothing, a zero does": (
        "forgets the reason, and what was thinking"
    ),
    "arguments that are none": "raises, and the whole answer is lost",
    "no index": "raises",
    "events and deltas that nobody knows, or that belong to nothing": "raises",
    "a text, then usage in a chunk of its own": "knows no model if the first chunk names none",
    "mistral: no index, and call, end and usage in one chunk": "raises",
    "mistral: a name that is empty later, thinking in parts": "raises",
    "no index: pieces go on by their id, or behind the last": "raises",
    "no index, no id, no name to begin with": "raises",
    "ids that change from piece to piece": "glues ids and names together",
    "every call has the number 0": "glues arguments together",
    "arguments that are an object already": "gives them as no text",
    "deepseek: thinking that is wanted back, usage null until the end": "knows no hits of a cache",
    "thinking, and then nothing": "raises where the model reached its limit",
    "groq: thinking by another name, usage at another place": "finds no usage",
    "xai: no null for what is not there, thinking counted beside what is written": (
        "leaves thinking out of what was written"
    ),
    "a filter": "raises, and what was said is lost",
    "a call is cut by the limit, another was whole": "raises where the model reached its limit",
    "more from the cache than was read": "believes it",
    "no end": "takes a cut for the end",
    "no end, and a proxy that says that it is one": "takes a cut for the end",
    "another answer beside the one that was asked for": "raises",
}
"""What the SDKs do otherwise, by the names of streams."""


def body_of(vendor: str, data: list[Any]) -> bytes:
    parts = []
    for one in data:
        text = one if isinstance(one, str) else msgspec.json.encode(one).decode()
        name = f"event: {one.get('type', 'error')}\n" if vendor == "anthropic" else ""
        parts.append(f"{name}data: {text}\n\n".encode())
    return b"".join(parts)


VECTORS = [
    pytest.param(vendor, name, body_of(vendor, list(data)), id=f"{vendor}: {name}")
    for vendor, streams in (
        ("anthropic", anthropic_streams.STREAMS),
        ("openai", openai_streams.STREAMS),
    )
    for name, (data, _) in streams.items()
]


@pytest.mark.parametrize(("vendor", "name", "body"), VECTORS)
def test_the_sdk_of_the_vendor_reads_the_same_but_for_what_it_gets_wrong(
    vendor: str, name: str, body: bytes
) -> None:
    we, they = ours(read(vendor, [body])), theirs(vendor, body)
    if isinstance(we, Failed):
        assert isinstance(they, str) or name in KNOWN
    else:
        assert (we == they) == (name not in KNOWN), f"{we} | {they}"


def test_what_the_sdks_get_wrong_is_of_streams_that_there_are() -> None:
    assert KNOWN.keys() <= anthropic_streams.STREAMS.keys() | openai_streams.STREAMS.keys()


@pytest.mark.parametrize(("vendor", "name", "body"), VECTORS)
def test_bytes_may_be_cut_anywhere(vendor: str, name: str, body: bytes) -> None:
    whole = read(vendor, [body])
    assert read(vendor, [body[at : at + 1] for at in range(len(body))]) == whole
    assert read(vendor, [body.replace(b"\n", b"\r\n")]) == whole
    assert read(vendor, [body.replace(b"\n\n", b"\n\n: alive\n\n")]) == whole
    for at in range(1, len(body), 1 + len(body) // 3_000):
        assert read(vendor, [body[:at], body[at:]]) == whole
