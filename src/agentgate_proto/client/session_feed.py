"""A feed: what one reader gets of a session's log, without gap or duplicate (I11).

Theory of operation. A feed knows which event it wants next. Whatever else comes is not for it:
what is below was taken before, and is dropped; a text that begins below is cut at the cursor; a
hole that nobody told is told as a ``gap``. So it does not matter how often, from where, or over how
many connections the log is read: ``session_watch`` sees to it that it is read from early enough.

What its reader does not take waits, up to a cap. A feed that is full takes nothing: what it misses
is in the log, and it wants that again when there is room.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.limits import EVENT_BYTES, FEED_BYTES_MAX
from agentgate_proto.records.session import EventKind
from agentgate_proto.records.session_views import BEHIND, GAP, SessionEvent
from agentgate_proto.rpc.session_methods import Attached

NEVER = 2**63
"""An offset that no log reaches."""


class Cursor(msgspec.Struct, frozen=True):
    """A place in a session's log: before the event with this offset.

    Attributes:
        epoch: of the log.
        offset: of the next event.
    """

    epoch: str
    offset: int


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a session, or several deltas of one text at once.

    Attributes:
        kind: "text", "tool_call", "run_ended" …: one of
            :class:`~agentgate_proto.records.session.EventKind`, which says what ``data`` holds; or
            "gap": ``count`` events are not to be had, and ``data["reason"]`` says why if that is
            known; or "behind": this reader was too slow, and what follows comes from the log.
        data: what it says.
        offset: of the (first) event.
        count: how many events these are.
        at: when, RFC 3339; "" for a gap that the client found.
    """

    kind: str
    data: dict[str, Any]
    offset: int
    count: int = 1
    at: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """An event that its reader has not taken, and where the log stands after it."""

    event: SessionEvent
    after: Cursor
    size: int


class SessionFeed:
    """See the module.

    Args:
        cursor: where to begin; None: where the gateway begins by itself.
        run: end after the end of this run; "": do not end.

    Attributes:
        cursor: after the last event that the reader took.
        wanted: after the last event that came: where to go on.
        run: as given.
        full: nothing is taken for now.
        in_doubt: the end of its run may be in what was lost: nothing is taken before the gateway
            has said which runs are not over (``attached``).
        ended: nothing more comes; what waits is still to be read.
        error: why it ended, if something went wrong.
    """

    def __init__(self, cursor: Cursor | None, run: str = "") -> None:
        self.cursor = cursor
        self.wanted = cursor
        self.run = run
        self.full = False
        self.in_doubt = False
        self.ended = False
        self.error: AgentGateError | None = None
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._over_at = NEVER

    @property
    def waiting_bytes(self) -> int:
        """What its reader has not taken, about."""
        return self._bytes

    # The reader's side

    def next_event(self) -> Event | None:
        """Take the next event; None if none waits. There may be room again afterwards."""
        if not self._waiting:
            return None
        waiting = self._waiting.popleft()
        self.cursor = waiting.after
        self._bytes -= waiting.size
        if self._bytes <= FEED_BYTES_MAX // 2:
            self.full = False
        event = waiting.event
        return Event(
            kind=event.kind,
            data=data_of(event),
            offset=event.offset,
            count=event.count,
            at=event.at,
        )

    def close(self) -> None:
        """The reader is gone."""
        self.ended = True
        self._waiting.clear()
        self._bytes = 0

    # The log's side

    def end(self, error: AgentGateError | None) -> None:
        """Nothing more comes; the first reason counts. That a run has not ended is one."""
        if not self.ended:
            self.ended = True
            self.error = error
            if error is None and self.run:
                text = "the client was closed before the run ended"
                self.error = exception_for(ErrorCode.CONNECTION_LOST, text)

    def attached(self, reply: Attached) -> None:
        """The log is read from ``reply.offset`` on, for this feed: a gap if that is not where it
        wanted to go on."""
        wanted = self.wanted
        self.wanted = Cursor(reply.epoch, reply.offset)
        if wanted is None:
            self.cursor = self.wanted
            return
        is_same = wanted.epoch == reply.epoch
        if is_same and reply.offset <= wanted.offset and not reply.gap:
            self.wanted = wanted
            self.look_for_run(reply)
            return
        lost = max(0, reply.offset - wanted.offset) if is_same else 0
        reason = {"reason": reply.gap, "oldest": reply.oldest} if reply.gap else {}
        self._put(gap(wanted.offset, lost, reason))
        self.look_for_run(reply)

    def look_for_run(self, reply: Attached) -> None:
        """What follows begins before what is wanted, or there. If its run is over its end may not
        be to be had: there is nothing to wait for then."""
        self.in_doubt = False
        if self.run and reply.run != self.run and self.run not in reply.waiting:
            assert self.wanted is not None, "it is attached"
            self._over_at = reply.next
            self.ended = self.wanted.offset >= reply.next

    def take(self, event: SessionEvent) -> None:
        """Take an event, as far as it is wanted."""
        if self.ended or self.full or self.in_doubt or self.wanted is None:
            return
        offset, end = self.wanted.offset, event.offset + event.count
        if event.kind == BEHIND:
            self._put(event)
        elif end > offset:
            if event.offset > offset:
                self._move(event.offset)
                self._put(gap(offset, event.offset - offset, {}))
            self._move(end)
            self._put(event if event.offset >= offset else cut(event, offset))
            if self.run:
                is_end = event.kind == EventKind.RUN_ENDED
                self.ended = end >= self._over_at or (
                    is_end and data_of(event).get("run") == self.run
                )

    def _move(self, offset: int) -> None:
        assert self.wanted is not None, "only what is attached takes events"
        self.wanted = Cursor(self.wanted.epoch, offset)

    def _put(self, event: SessionEvent) -> None:
        assert self.wanted is not None, "only what is attached takes events"
        size = EVENT_BYTES + len(bytes(event.data))
        self._waiting.append(Waiting(event, self.wanted, size))
        self._bytes += size
        self.full = self._bytes > FEED_BYTES_MAX
        if event.kind == GAP and self.run:
            self.in_doubt = True


def data_of(event: SessionEvent) -> dict[str, Any]:
    """Return what an event says; {} if that is no object, or has numbers that are out of range."""
    try:
        data = msgspec.json.decode(event.data)
    except msgspec.DecodeError:
        return {}
    return data if isinstance(data, dict) else {}


def gap(offset: int, count: int, reason: dict[str, Any]) -> SessionEvent:
    """Make an event that says that some are not to be had."""
    data = msgspec.Raw(msgspec.json.encode(reason))
    return SessionEvent(offset=offset, count=count, kind=GAP, at="", data=data)


def cut(event: SessionEvent, offset: int) -> SessionEvent:
    """Return what an event says from an offset on that is in the midst of it.

    Deltas can be told apart by their cuts. Without them, what follows the cursor is not to be had.
    """
    rest = event.offset + event.count - offset
    skipped = offset - event.offset
    data = data_of(event)
    places = cuts_of(data, event.count)
    if event.kind == GAP:
        raw = event.data
    elif places:
        start = places[skipped - 1]
        data["text"] = data["text"][start:]
        data["cuts"] = [place - start for place in places[skipped:]]
        if rest == 1:
            del data["cuts"]
        raw = msgspec.Raw(msgspec.json.encode(data))
    else:
        return gap(offset, rest, {})
    return SessionEvent(offset=offset, count=rest, kind=event.kind, at=event.at, data=raw)


def cuts_of(data: dict[str, Any], count: int) -> list[int]:
    """Return where each of so many deltas, but the last, ends in the text; [] if that is not
    said."""
    text, cuts = data.get("text"), data.get("cuts")
    if not (isinstance(text, str) and isinstance(cuts, list) and len(cuts) == count - 1):
        return []
    if not all(type(place) is int for place in cuts):
        return []
    places = [0, *cuts, len(text)]
    return cuts if sorted(places) == places else []
