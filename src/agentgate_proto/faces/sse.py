"""Server-sent events (HTML Living Standard, section 9.2): what a stream of them looks like."""

from __future__ import annotations

import re

CONTENT_TYPE = "text/event-stream"

ALIVE = b": alive\n\n"
"""A comment: nobody hears of it, and no proxy takes the stream for dead."""

LINE_END = re.compile("\r\n|\r|\n")
FORBIDDEN_IN_FIELD = re.compile("[\r\n\0]")
"""In a name or an id: it would begin another line, or be ignored by the client."""


def encode_event(data: str, *, event: str = "", event_id: str = "", retry_ms: int = 0) -> bytes:
    """Encode one event.

    Args:
        data: may have several lines; each kind of line end arrives as a line feed.
        event: the type; "": ``message``.
        event_id: where a client goes on from after a break (``Last-Event-ID``); "": none.
        retry_ms: how long it waits before it does so, in milliseconds; 0: as it likes.

    Raises:
        ValueError: type or id has a line end or NUL.
    """
    for field in (event, event_id):
        if FORBIDDEN_IN_FIELD.search(field):
            raise ValueError("a line end or NUL in the type or id of an event")
    lines = [f"id: {event_id}"] if event_id else []
    if retry_ms:
        lines.append(f"retry: {retry_ms}")
    if event:
        lines.append(f"event: {event}")
    lines += [f"data: {line}" for line in LINE_END.split(data)]
    return "\n".join([*lines, "", ""]).encode()


def encode_retry(retry_ms: int) -> bytes:
    """Encode what says how long a client waits before it comes back, in milliseconds. It is no
    event: nobody hears of it."""
    return f"retry: {retry_ms}\n\n".encode()
