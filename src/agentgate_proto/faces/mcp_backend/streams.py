"""Server-sent events as a client reads them (HTML Living Standard, section 9.2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from agentgate_proto.faces.mcp.lines import LINE_BYTES_MAX

LINE_END: Final = re.compile(rb"\r\n|\r|\n")

RETRY_S_MIN: Final = 0.1
"""A server that says 0 would have us come back without a pause."""

RETRY_S_MAX: Final = 30.0
"""A server may ask for a longer pause before we come back; whoever waits has a time-out."""

RETRY_DIGITS_MAX: Final = 9

MARK: Final = b"\xef\xbb\xbf"
"""A text may begin with it."""

EVENT_ID_CHARS_MAX: Final = 4_096
"""It goes into a header."""


class EventTooLong(Exception):
    """An event has no end: what comes after it can't be told from it."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event.

    Attributes:
        data: its lines, joined.
    """

    data: bytes


class EventReader:
    """Reads a stream of events.

    Attributes:
        last_id: where to go on from after a break, or "".
        retry_s: how long to wait before that; None: the server has not said.
    """

    def __init__(self, bytes_max: int = LINE_BYTES_MAX) -> None:
        self.last_id = ""
        self.retry_s: float | None = None
        self._bytes_max = bytes_max
        self._buffer = bytearray()
        self._searched = 0  # up to here the buffer has no line end: it is not looked at again
        self._data = bytearray()
        self._is_begun = False

    def receive_data(self, data: bytes) -> list[StreamEvent]:
        """Take what came, and return the events that are whole by now. Those without data only
        say where the stream stands, and are left out.

        Raises:
            EventTooLong: end the stream.
        """
        self._buffer += data
        if not self._is_begun and len(self._buffer) >= len(MARK):
            self._is_begun = True
            if self._buffer.startswith(MARK):
                del self._buffer[: len(MARK)]
                self._searched = 0
        events: list[StreamEvent] = []
        start, searched = 0, self._searched
        # A carriage return at the very end may be half of a line end.
        end = len(self._buffer) - self._buffer.endswith(b"\r")
        while (found := LINE_END.search(self._buffer, searched, end)) is not None:
            self._take(bytes(self._buffer[start : found.start()]), events)
            start = searched = found.end()
        del self._buffer[:start]
        self._searched = end - start
        if len(self._buffer) + len(self._data) > self._bytes_max:
            raise EventTooLong
        return events

    def _take(self, line: bytes, events: list[StreamEvent]) -> None:
        if not line:
            if self._data.strip(b"\n"):
                events.append(StreamEvent(bytes(self._data[:-1])))
            self._data.clear()
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data += value + b"\n"  # which counts: a line may be empty
            case b"id":
                text = value.decode("utf-8", "replace")
                if len(text) <= EVENT_ID_CHARS_MAX and text.isascii() and text.isprintable():
                    self.last_id = text
            case b"retry":
                if value.isdigit() and len(value) <= RETRY_DIGITS_MAX:
                    self.retry_s = min(max(int(value) / 1_000, RETRY_S_MIN), RETRY_S_MAX)
            case _:
                pass
