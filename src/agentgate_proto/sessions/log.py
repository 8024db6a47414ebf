"""The log of one session, as far as it is in memory: what is new, and what is read most.

Theory of operation. Events get their offsets when they are appended. Deltas of a text gather in one
row until the row is handed to the store (``take``); the row keeps where each of them ended, so
merging moves no cursor. Whoever watches reads by offset (``read``), from here or from the store:
there is no list of those who listen, so nothing can fall between a snapshot and what follows.

What may be read ends at ``visible``: before the first event that must be durable to be shown and is
not, and before the offsets that are not reserved on disk. A text may be shown before it is durable;
if a crash takes it along, its offsets are skipped for ever and read as a gap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import msgspec

from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session import MERGED, EventKind, LogRow
from agentgate_proto.records.session_views import GAP, SessionEvent, event_view

SHOWN_AT_ONCE = frozenset(
    {EventKind.TEXT, EventKind.THINKING, EventKind.RETRYING, EventKind.NOTE, EventKind.APPROVAL}
)
"""What may be shown before it is durable: nobody acts on it."""

TEXT_ROW_BYTES_MAX = 65_536
"""About how large a row of text may grow; so is the largest event of text."""

ROW_BYTES = 300
"""What a row takes besides its data, about."""


encode = msgspec.json.Encoder().encode


class MergedText(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data of a row of text."""

    run: str
    text: str
    cuts: tuple[int, ...] = ()


class Row:
    """A row in memory. Of text it may still grow, until it is taken.

    Attributes:
        first: offset of its first event.
        kind, at: as in :class:`LogRow`.
        run: of text: whose it is.
        pieces: of text: the deltas.
        data: of anything else.
        blocks: as in :class:`LogRow`.
        size: bytes, about.
        taken: it was handed to the store.
    """

    __slots__ = ("at", "blocks", "data", "first", "kind", "pieces", "run", "size", "taken")

    def __init__(self, first: int, kind: EventKind, at: float, data: msgspec.Raw) -> None:
        self.first = first
        self.kind = kind
        self.at = at
        self.data = data
        self.blocks = b""
        self.run = ""
        self.pieces: list[str] = []
        self.size = ROW_BYTES + len(bytes(data))
        self.taken = False

    @property
    def count(self) -> int:
        """How many events it holds."""
        return len(self.pieces) or 1

    def may_grow(self, kind: EventKind, run: str) -> bool:
        """Whether a delta of such a text may become a part of it."""
        is_same = self.kind is kind and self.run == run
        return is_same and not self.taken and self.size < TEXT_ROW_BYTES_MAX

    def stored(self) -> LogRow:
        """Return it as it is stored."""
        data = self.data
        if self.pieces:
            data = merged(self.run, self.pieces)
        return LogRow(
            first=self.first,
            count=self.count,
            kind=self.kind,
            at=self.at,
            data=data,
            blocks=self.blocks,
        )

    def shown(self, start: int, stop: int) -> SessionEvent:
        """Return its events from one offset to before another, all of them or some, as one."""
        if not self.pieces:
            return SessionEvent(
                offset=self.first, kind=self.kind.value, at=rfc3339(self.at), data=self.data
            )
        pieces = self.pieces[start - self.first : stop - self.first]
        return text_event(self.kind, self.at, self.run, start, pieces)


class Log:
    """See the module.

    Args:
        oldest: the lowest offset that is kept.
        next_offset: the next offset.
        reserved: offsets below may be shown.

    Attributes:
        oldest: the lowest offset that is kept.
        next: the next offset.
        reserved: offsets below may be shown: that is durable.
        durable_upto: everything below is stored.
    """

    def __init__(self, oldest: int, next_offset: int, reserved: int) -> None:
        self.oldest = oldest
        self.next = next_offset
        self.reserved = reserved
        self._start = next_offset  # what is below is in the store only
        self._rows: list[Row] = []
        self._firsts: list[int] = []  # of the rows: what is searched in
        self._hidden: deque[int] = deque()  # offsets of what must be durable first and is not
        self._unwritten_bytes = 0
        self._durable_bytes = 0
        self.durable_upto = next_offset

    @property
    def visible(self) -> int:
        """The offset before which everything may be read."""
        return min(self._hidden[0] if self._hidden else self.next, self.reserved)

    @property
    def start(self) -> int:
        """The lowest offset that is in memory."""
        return self._start

    @property
    def unwritten_bytes(self) -> int:
        """Of rows that are not durable, about."""
        return self._unwritten_bytes

    @property
    def memory(self) -> int:
        """Bytes that it takes, about."""
        return self._unwritten_bytes + self._durable_bytes

    @property
    def has_new(self) -> bool:
        """Whether there is something to take."""
        return bool(self._rows) and not self._rows[-1].taken

    def append(self, kind: EventKind, data: Any, at: float, blocks: bytes = b"") -> int:
        """Append one event; return its offset.

        Args:
            kind: what it says.
            data: an object that JSON can say.
            at: UTC seconds.
            blocks: see :class:`LogRow`.
        """
        row = Row(self.next, kind, at, msgspec.Raw(encode(data)))
        row.blocks = blocks
        row.size += len(blocks)
        self._rows.append(row)
        self._firsts.append(row.first)
        self._unwritten_bytes += row.size
        if kind not in SHOWN_AT_ONCE:
            self._hidden.append(self.next)
        self.next += 1
        return row.first

    def append_delta(self, kind: EventKind, run: str, text: str, at: float) -> int:
        """Append a delta of a text; return its offset."""
        assert kind in MERGED, "only texts are merged"
        last = self._rows[-1] if self._rows else None
        if last is None or not last.may_grow(kind, run):
            last = Row(self.next, kind, at, msgspec.Raw(b""))
            last.run = run
            self._rows.append(last)
            self._firsts.append(last.first)
            self._unwritten_bytes += last.size
        last.pieces.append(text)
        last.size += len(text)
        self._unwritten_bytes += len(text)
        self.next += 1
        return self.next - 1

    def newest(self) -> LogRow:
        """Return the last row as it will be stored."""
        return self._rows[-1].stored()

    def take(self) -> tuple[LogRow, ...]:
        """Take what is new, to be stored; nothing of it changes any more."""
        new: list[LogRow] = []
        for row in reversed(self._rows):
            if row.taken:
                break
            row.taken = True
            new.append(row.stored())
        return tuple(reversed(new))

    def durable(self, upto: int) -> None:
        """Everything below this offset is stored."""
        for row in self._rows[self._place(self.durable_upto) : self._place(upto)]:
            self._unwritten_bytes -= row.size
            self._durable_bytes += row.size
        self.durable_upto = upto
        while self._hidden and self._hidden[0] < upto:
            self._hidden.popleft()

    def put_back(self) -> None:
        """What was taken and is not durable was not stored: it is new again."""
        for row in self._rows[self._place(self.durable_upto) :]:
            row.taken = False

    def undo(self, upto: int) -> None:
        """Forget what was appended from this offset on and nobody was shown: it is not stored."""
        while self._rows and self._rows[-1].first >= upto:
            self._unwritten_bytes -= self._rows.pop().size
            self._firsts.pop()
        while self._hidden and self._hidden[-1] >= upto:
            self._hidden.pop()
        self.next = upto

    def trim(self, bytes_max: int) -> None:
        """Leave durable rows to the store, the oldest first, until so many bytes are kept."""
        count = 0
        while self._durable_bytes > bytes_max:
            row = self._rows[count]
            self._durable_bytes -= row.size
            self._start = row.first + row.count
            count += 1
        del self._rows[:count]
        del self._firsts[:count]

    def read(self, offset: int, bytes_max: int) -> list[SessionEvent] | None:
        """Return visible events from an offset on; None: the store has them.

        Args:
            offset: the first that is wanted; not beyond ``next``.
            bytes_max: the last event is the one with which there are more than so many bytes.
        """
        if offset < self._start:
            return None
        events: list[SessionEvent] = []
        rows, size, visible = self._rows, 0, self.visible
        place = max(self._place(offset + 1) - 1, 0)
        while offset < visible and place < len(rows) and size <= bytes_max:
            row = rows[place]
            stop = min(row.first + row.count, visible)
            events.append(row.shown(offset, stop))
            size += row.size
            offset = stop
            place += 1
        return events

    def _place(self, offset: int) -> int:
        """How many rows begin before an offset."""
        return bisect_left(self._firsts, offset)


def text_event(
    kind: EventKind, at: float, run: str, offset: int, pieces: list[str]
) -> SessionEvent:
    """Return deltas of a text as one event. It has their cuts: not all who read one connection are
    at the same cursor."""
    return SessionEvent(
        offset=offset,
        count=len(pieces),
        kind=kind.value,
        at=rfc3339(at),
        data=merged(run, pieces),
    )


def merged(run: str, pieces: Sequence[str]) -> msgspec.Raw:
    """Return the data of deltas that are one row, or one event."""
    if len(pieces) == 1:
        return msgspec.Raw(encode(MergedText(run, pieces[0])))
    cuts = tuple(accumulate(map(len, pieces[:-1])))
    return msgspec.Raw(encode(MergedText(run, "".join(pieces), cuts)))


def check_order(events: list[SessionEvent], start: int, offset: int, at: float) -> None:
    """Put a gap before an event that does not follow the one before."""
    end = events[-1].offset + events[-1].count if events else offset
    if start > end:
        events.append(gap_event(end, start, at))


def gap_event(first: int, end: int, at: float) -> SessionEvent:
    """Say that events from one offset to before another are not to be had."""
    return SessionEvent(
        offset=first, count=end - first, kind=GAP, at=rfc3339(at), data=msgspec.Raw(b"{}")
    )


def events_of(rows: Sequence[LogRow], offset: int, end: int) -> list[SessionEvent]:
    """Return what rows of the store say from an offset on, to before another.

    Holes are told as gaps, also one before the first row and after the last: the caller has seen to
    it that there are no further rows in between.
    """
    events: list[SessionEvent] = []
    at = rows[-1].at if rows else 0.0
    for row in rows:
        start = max(offset, row.first)
        if start >= row.end:
            continue
        check_order(events, start, offset, row.at)
        if row.kind in MERGED:
            text = msgspec.json.decode(row.data, type=MergedText)
            edges = [0, *text.cuts, len(text.text)]
            pieces = [text.text[a:b] for a, b in pairwise(edges)]
            pieces = pieces[start - row.first :]
            events.append(text_event(row.kind, row.at, text.run, start, pieces))
        else:
            events.append(event_view(row))
    check_order(events, end, offset, at)
    return events
