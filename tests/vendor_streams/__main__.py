"""Read recorded streams as they come, cut anywhere, and compare with the vendors' SDKs.

``python -m tests.vendor_streams [--streams FOLDER]``; without one they are fetched from GitHub.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.vendor_streams.answers import Answer, ours, read, theirs
from tests.vendor_streams.fetching import fetched
from tests.vendor_streams.recordings import Recording, recordings

from agentgate_proto.models.events import Ended, Failed

WORK_BYTES = 2_000_000
"""Of each stream: how many bytes are read in all for its cuts in two. One byte at a time is every
cut at once, and is done for all; so a long stream is cut in two only here and there."""

ODD_CHUNKS = 5
"""Times that each stream is read in pieces of chance lengths."""

KNOWN: dict[str, str] = {
    "incomplete_partial_json_response": "makes a call of arguments that were cut off",
    "spliced-message-start": "glues two answers, and their calls, together",
    "anthropic-fallback": "names the model that gave up",
    "fallback_response": "names the model that gave up",
    "4cc50a6135d2": "raises where the model reached its limit",
    "deepseek-text": "raises where the model reached its limit",
    "mistral-reasoning": "raises at content in parts",
    "mistral-tool-call": "raises at calls without an index",
    "moonshotai-stream": "raises at usage beside a choice",
    "perplexity": "raises at choices without a reason",
    "xai-text": "leaves thinking out of what was written",
    "xai-tool-call": "leaves thinking out of what was written",
}
"""What the SDKs get wrong, by a part of the stream's name. One that is right is a mistake."""


def main() -> int:
    """Check all; return how many are wrong, at the most 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=Path, help="a folder with recorded streams")
    folder = parser.parse_args().streams or fetched()
    found = recordings(folder)
    counts = {
        vendor: sum(one.vendor == vendor for one in found) for vendor in ("anthropic", "openai")
    }
    problems = [f"{one.name}: {problem}" for one in found for problem in problems_of(one)]
    problems += [
        f"no streams of {vendor} in {folder}" for vendor, count in counts.items() if not count
    ]
    print("\n".join(problems))
    print(f"{counts['anthropic']} streams of messages, {counts['openai']} of chat completions")
    return bool(problems)


def problems_of(recording: Recording) -> Iterator[str]:
    """Yield what is wrong with how we read a stream."""
    vendor, body = recording.vendor, recording.body
    whole = read(vendor, [body])
    for name, pieces in cuts(body):
        if read(vendor, pieces) != whole:
            yield f"reads otherwise {name}"
    for at in [at + 2 for at in range(len(body)) if body.startswith(b"\n\n", at)][:-1]:
        if isinstance(read(vendor, [body[:at]])[-1], Ended) and not is_over(vendor, body[:at]):
            yield f"is taken for whole though it is cut at byte {at}"
    we, they = ours(whole), theirs(vendor, body)
    reason = next((why for part, why in KNOWN.items() if part in recording.name), "")
    if reason and we != they:
        print(f"{recording.name}: the SDK {reason}")
    elif reason:
        yield f"the SDK reads it as we do, although it {reason}"
    elif we != they:
        yield f"the SDK reads it otherwise: {difference(we, they)}"


def cuts(body: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Yield a body in pieces, in many ways, each with its name."""
    yield "byte by byte", [body[at : at + 1] for at in range(len(body))]
    yield "with CRLF", [body.replace(b"\n", b"\r\n")]
    for seed in range(ODD_CHUNKS):
        yield f"in odd pieces {seed}", list(odd(body, Random(seed)))
    step = max(len(body) * len(body) // WORK_BYTES, 1)
    for at in range(1, len(body), step):
        yield f"cut in two at byte {at}", [body[:at], body[at:]]


def odd(body: bytes, chance: Random) -> Iterator[bytes]:
    """Yield pieces of chance lengths."""
    at = 0
    while at < len(body):
        size = chance.choice((1, 2, 3, 7, 61, 1_021))
        yield body[at : at + size]
        at += size


def is_over(vendor: str, body: bytes) -> bool:
    """Whether the vendor has said that the model has stopped."""
    if vendor == "anthropic":
        return b'"message_stop"' in body
    return b'"finish_reason":"' in body.replace(b'": "', b'":"')


def difference(we: Answer | Failed, they: Answer | str) -> str:
    """Show in what two readings differ."""
    if isinstance(we, Failed) or isinstance(they, str):
        return f"{we} | {they}"
    names = [name for name in we.__dataclass_fields__ if getattr(we, name) != getattr(they, name)]
    return "; ".join(f"{name} {getattr(we, name)!r} | {getattr(they, name)!r}" for name in names)


if __name__ == "__main__":
    sys.exit(main())
