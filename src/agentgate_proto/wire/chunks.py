"""A body in chunks (RFC 9112 section 7.1), read to the letter.

Where two readers see the end of a chunk in two places, one of them takes a body for a request. So
lines end with CRLF, a size is nothing but hexadecimal digits, and what nobody uses, extensions and
trailers, may be there, is bounded, and is dropped. Every line costs the same work however it is
split or filled: h11 looks for blanks in them by patterns that need a second for 16 kB, and makes
several objects for each chunk, of which one read can bring ten thousand.
"""

from __future__ import annotations

import re
from enum import Enum, auto

LINE_BYTES_MAX = 256
"""A size with its extensions."""

EXTRA_BYTES_MAX = 4_096
"""Extensions of all chunks and trailers together: they are read for nothing."""

STEPS_AT_ONCE = 32
"""Sizes, ends of chunks and trailers; then others are served. The smallest chunk has six bytes."""

CRLF = b"\r\n"
SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t\x20-\x7e\x80-\xff]*)?\r\n")
FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class ChunkError(Exception):
    """The body can't be taken.

    Args:
        status: the HTTP status to refuse it with.
        reason: for the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Part(Enum):
    """What comes next."""

    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    NOTHING = auto()


class ChunkedBody:
    """Reads one body.

    Args:
        bytes_max: of all chunks together.

    Attributes:
        over: the body is whole.
    """

    def __init__(self, bytes_max: int) -> None:
        self._next = Part.SIZE
        self._left = 0  # of the chunk under way
        self._room = bytes_max
        self._bytes_max = bytes_max
        self._extra = 0

    @property
    def over(self) -> bool:
        """Whether the body is whole."""
        return self._next is Part.NOTHING

    def read(self, data: bytearray, body: bytearray) -> bool:
        """Move what is there from ``data`` to ``body``, but no more than some of it.

        Returns:
            Whether it is to be called again at once: there may be more.

        Raises:
            ChunkError: the body is too large, or no chunks.
        """
        at, steps = 0, 0
        while not self.over and steps < STEPS_AT_ONCE:
            size = self._piece(data, at)
            if size == 0:
                break
            piece = data[at : at + size]
            at += size
            steps += self._next is not Part.DATA
            self._take(piece, body)
        del data[:at]
        return steps == STEPS_AT_ONCE and not self.over

    def _piece(self, data: bytearray, at: int) -> int:
        """Return how many bytes belong to what comes next; 0: they are not there yet."""
        if self._next is Part.DATA:
            return min(self._left, len(data) - at)
        if self._next is Part.DATA_END:
            return len(CRLF) if len(data) >= at + len(CRLF) else 0
        bytes_max = LINE_BYTES_MAX if self._next is Part.SIZE else EXTRA_BYTES_MAX
        end = data.find(b"\n", at, at + bytes_max)
        if end < 0 and len(data) - at >= bytes_max:
            raise ChunkError(400, f"a line of over {bytes_max} bytes between chunks")
        return end + 1 - at if end >= 0 else 0

    def _take(self, piece: bytearray, body: bytearray) -> None:
        match self._next:
            case Part.SIZE:
                self._begin_chunk(piece)
            case Part.DATA:
                body += piece
                self._left -= len(piece)
                if not self._left:
                    self._next = Part.DATA_END
            case Part.DATA_END:
                if piece != CRLF:
                    raise ChunkError(400, "a chunk is longer than it says")
                self._next = Part.SIZE
            case _:
                self._take_trailer(piece)

    def _begin_chunk(self, line: bytearray) -> None:
        found = SIZE.fullmatch(line)
        if found is None:
            raise ChunkError(400, "illegal chunk header")
        self._spend(len(found[2] or b""))
        self._left = int(found[1], 16)
        if self._left > self._room:
            raise ChunkError(413, f"a body of over {self._bytes_max} bytes")
        self._room -= self._left
        self._next = Part.DATA if self._left else Part.TRAILER

    def _take_trailer(self, line: bytearray) -> None:
        if line == CRLF:
            self._next = Part.NOTHING
            return
        if FIELD.fullmatch(line) is None:
            raise ChunkError(400, "illegal trailer")
        self._spend(len(line))

    def _spend(self, size: int) -> None:
        self._extra += size
        if self._extra > EXTRA_BYTES_MAX:
            raise ChunkError(400, f"over {EXTRA_BYTES_MAX} bytes of extensions and trailers")
