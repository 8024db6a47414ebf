"""WebSocket frames (RFC 6455 section 5.2): how long each is, and the common one read at once.

Nearly all that comes is a text message in one frame, and all of it is there. Read here, unmasked as
one large number, it costs a tenth of what wsproto's parser takes, which works byte by byte so that
it can stop anywhere. Every other frame is for wsproto; it is only measured here, so that one knows
when the parser stands between two frames.
"""

from __future__ import annotations

from struct import pack

TEXT_FRAME = 0x81
"""A whole text message in one frame: FIN is set, and the opcode is 1."""

FIN = 0x80
MASKED = 0x80
CONTROL = 0x08
"""A bit of the opcode: close, ping and pong may come between the fragments of a message."""

SHORT_MAX = 125
SIZE_OF_2 = 126
SIZE_OF_8 = 127


def measured(data: bytes, at: int) -> int | None:
    """Return how many bytes the frame takes that begins at ``at``; None: more must be there first.

    Nothing is checked; what is wrong with a frame, wsproto says.
    """
    if len(data) < at + 2:
        return None
    size = data[at + 1] & ~MASKED
    head = 2
    if size > SHORT_MAX:
        head = 4 if size == SIZE_OF_2 else 10
        if len(data) < at + head:
            return None
        size = int.from_bytes(data[at + 2 : at + head])
    return head + size + (4 if data[at + 1] & MASKED else 0)


def whole_text(data: bytes, at: int, *, masked: bool) -> tuple[bytes, int] | None:
    """Return a text message that begins at ``at``, and where it ends.

    None: it is not in one frame, or not all there, or over 65,535 bytes, or not masked as it
    should be, or its length is not written in the shortest way.
    """
    if data[at] != TEXT_FRAME or len(data) < at + 2:
        return None
    size = data[at + 1] - MASKED if masked else data[at + 1]
    begin = at + 2
    if size == SIZE_OF_2:
        begin = at + 4
        size = int.from_bytes(data[at + 2 : begin])
        if size <= SHORT_MAX:
            return None
    elif not 0 <= size <= SHORT_MAX:
        return None
    if not masked:
        end = begin + size
        return (data[begin:end], end) if end <= len(data) else None
    end = begin + 4 + size
    if end > len(data):
        return None
    return unmasked(data[begin + 4 : end], data[begin : begin + 4]), end


def text_head(size: int) -> bytes:
    """Return what comes before a text of so many bytes, unmasked, in one frame."""
    if size <= SHORT_MAX:
        return bytes((TEXT_FRAME, size))
    if size < 1 << 16:
        return pack("!BBH", TEXT_FRAME, SIZE_OF_2, size)
    return pack("!BBQ", TEXT_FRAME, SIZE_OF_8, size)


def unmasked(payload: bytes, key: bytes) -> bytes:
    """Return the payload without its mask (RFC 6455 section 5.3)."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")
    return number.to_bytes(size, "little")
