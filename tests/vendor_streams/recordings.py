"""Recorded streams in folders: found by how they look, whatever the folders are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

KINDS = ("*.chunks.txt", "*.sse", "*_response.txt", "*.bin")
"""Of files: one JSON event a line, or server-sent events as they came."""


@dataclass(frozen=True)
class Recording:
    """One stream.

    Attributes:
        name: its path.
        vendor: in whose form it is.
        body: server-sent events.
    """

    name: str
    vendor: str
    body: bytes


class Event(msgspec.Struct):
    """As much of an event as tells whose it is."""

    id: str = ""
    type: str = ""
    object: str = ""
    choices: list[Any] | None = None


def recordings(folder: Path) -> list[Recording]:
    """Find all streams below a folder that are of a form that we read."""
    return sorted(found(folder), key=lambda one: one.name)


def found(folder: Path) -> Iterator[Recording]:
    """Yield them in any order."""
    for kind in KINDS:
        for path in folder.rglob(kind):
            name, text = str(path.relative_to(folder)), path.read_text("utf-8")
            if path.name.endswith(".chunks.txt"):
                for number, lines in enumerate(turns(text), 1):
                    if vendor := vendor_of(lines[0]):
                        yield Recording(f"{name}#{number}", vendor, in_form(vendor, lines))
            elif text.startswith(("event: ", "data: ")):
                first = next(line for line in text.splitlines() if line.startswith("data: "))
                if vendor := vendor_of(first.removeprefix("data: ")):
                    yield Recording(name, vendor, text.strip().encode() + b"\n\n")


def turns(text: str) -> Iterator[list[str]]:
    """Yield the events of each stream in a file: some files have several, one after the other."""
    lines: list[str] = []
    chat = ""
    for line in filter(str.strip, text.splitlines()):
        event = seen(line)
        if lines and (
            seen(lines[-1]).type == "message_stop" or (chat and event.id not in ("", chat))
        ):
            yield lines
            lines, chat = [], ""
        lines.append(line)
        chat = event.id or chat
    if lines:
        yield lines


def seen(data: str) -> Event:
    """Look at an event."""
    try:
        return msgspec.json.decode(data, type=Event)
    except msgspec.MsgspecError:
        return Event()


def vendor_of(data: str) -> str:
    """Whose form an event has; "" for none that we read."""
    event = seen(data)
    if event.type == "message_start":
        return "anthropic"
    is_chat = event.choices is not None and event.object in ("", "chat.completion.chunk")
    return "openai" if is_chat else ""


def in_form(vendor: str, lines: list[str]) -> bytes:
    """Make server-sent events of JSON events."""
    parts = []
    for line in lines:
        if vendor == "anthropic":
            parts.append(f"event: {seen(line).type}\n")
        parts.append(f"data: {line}\n\n")
    if vendor == "openai":
        parts.append("data: [DONE]\n\n")
    return "".join(parts).encode()
