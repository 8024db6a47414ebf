"""Target: what a gateway may say of a session to a client that reads it in three places.

Each line is the answer to ``attach_session``, if one is asked for, or a ``session_event``.
"""

from __future__ import annotations

import msgspec

from agentgate_proto.client.session_feed import Cursor, Event, SessionFeed
from agentgate_proto.client.session_watch import SessionWatch
from agentgate_proto.limits import FEED_BYTES_MAX
from agentgate_proto.rpc.decoding import decode_params
from agentgate_proto.rpc.messages import METHODS
from agentgate_proto.rpc.session_methods import Attached, AttachSession, SessionEvents

LINES_MAX = 200


def run(data: bytes) -> None:
    """Let it be read; each reader hears one event after the other, none twice, none left out."""
    watch = SessionWatch("s")
    feeds = [SessionFeed(Cursor("e", 2)), SessionFeed(None), SessionFeed(Cursor("e", 0), "r")]
    for feed in feeds:
        watch.add(feed)
    is_asked = ask(watch)
    for line in data.split(b"\n")[:LINES_MAX]:
        answer = attached(line) if is_asked else None
        if answer is not None:
            watch.attached(answer)
            is_asked = False
        elif (events := told(line)) is not None:
            watch.take(events)
        for feed in feeds:
            read(feed, len(line))
        is_asked = ask(watch) or is_asked
        if not is_asked and line.endswith(b" "):
            watch.reconnected()
            is_asked = ask(watch)
    watch.closed(None)
    assert watch.is_over
    assert all(feed.ended for feed in feeds)


def ask(watch: SessionWatch) -> bool:
    """Whether it asks to be attached; with one answer to come it asks for nothing more."""
    call = watch.next_call()
    while call is not None and not isinstance(call, AttachSession):
        call = watch.next_call()
    assert call is None or watch.next_call() is None
    return call is not None


def attached(line: bytes) -> Attached | None:
    """Read an answer, as the SDK does."""
    try:
        return msgspec.json.decode(line, type=Attached)
    except (msgspec.DecodeError, RecursionError):
        return None


def told(line: bytes) -> SessionEvents | None:
    """Read a notification, as the connection does."""
    try:
        events = decode_params(METHODS["session_event"], msgspec.Raw(line))
    except msgspec.DecodeError:
        return None
    assert isinstance(events, SessionEvents)
    return events


def read(feed: SessionFeed, size: int) -> None:
    """Read all that waits: it is one piece, from the cursor on."""
    assert feed.waiting_bytes <= FEED_BYTES_MAX + 4 * size + 1_000
    cursor = feed.cursor
    while (event := feed.next_event()) is not None:
        assert cursor is not None, "nothing comes before it is attached"
        assert feed.cursor is not None
        check(event, cursor, feed.cursor)
        cursor = feed.cursor
    assert feed.cursor == cursor


def check(event: Event, before: Cursor, after: Cursor) -> None:
    """An event begins where the one before it ended, and moves the cursor by what it is."""
    if event.kind == "behind":
        assert after == before
    elif event.kind == "gap" and event.at == "":
        assert event.offset == before.offset
    else:
        assert event.offset == before.offset
        assert after == Cursor(before.epoch, event.offset + event.count)
