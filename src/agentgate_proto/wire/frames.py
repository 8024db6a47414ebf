"""WebSocket frames (RFC 6455 section 5.2): how long each is, and the common ones at once.

Nearly all that comes and goes is a text message in one frame, a ping or a pong, and all of it is
there. Read and written here, masked as one large number, it costs a fifth of what wsproto takes,
whose parser works byte by byte so that it can stop anywhere. Every other frame is for wsproto; it
is only measured here, so that one knows when the parser stands between two frames.
"""

from __future__ import annotations

from struct import pack

TEXT_FRAME = 0x81
"""A whole text message in one frame: FIN is set, and the opcode is 1."""

BINARY_FRAME = 0x82
"""A whole binary message in one frame."""

PING_FRAME = 0x89
PONG_FRAME = 0x8A
COMMON = frozenset({TEXT_FRAME, PING_FRAME, PONG_FRAME})
"""First bytes of the frames that are read here."""

FIN = 0x80
MASKED = 0x80
CONTROL = 0x08
"""A bit of the opcode: close, ping and pong may come between the fragments of a message."""

SHORT_MAX = 125
SIZE_OF_2 = 126
SIZE_OF_8 = 127


def measured(data: bytes | bytearray, at: int) -> int | None:
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


def whole_frame(data: bytes, at: int, *, is_masked: bool) -> tuple[int, bytes, int] | None:
    """Return the common frame that begins at ``at``: its first byte, its payload, where it ends.

    None: it is another one, or not all there, or over 65,535 bytes, or not masked as it should be,
    or its length is not written in the shortest way, or too much for a ping or a pong.
    """
    first = data[at]
    if first not in COMMON or len(data) < at + 2:
        return None
    size = data[at + 1] - MASKED if is_masked else data[at + 1]
    begin = at + 2
    if size == SIZE_OF_2 and first == TEXT_FRAME:
        begin = at + 4
        size = int.from_bytes(data[at + 2 : begin])
        if size <= SHORT_MAX:
            return None
    elif not 0 <= size <= SHORT_MAX:
        return None
    if not is_masked:
        end = begin + size
        return (first, data[begin:end], end) if end <= len(data) else None
    end = begin + 4 + size
    if end > len(data):
        return None
    return first, masked(data[begin + 4 : end], data[begin : begin + 4]), end


def frame_head(first: int, size: int, mask_bit: int = 0) -> bytes:
    """Return the head of the frame with this first byte and so many bytes of payload.

    With ``MASKED`` for a ``mask_bit``, the key and the masked payload are to follow.
    """
    if size <= SHORT_MAX:
        return bytes((first, mask_bit | size))
    assert not first & CONTROL, "a ping or a pong has at most 125 bytes"
    if size < 1 << 16:
        return pack("!BBH", first, mask_bit | SIZE_OF_2, size)
    return pack("!BBQ", first, mask_bit | SIZE_OF_8, size)


def masked(payload: bytes, key: bytes) -> bytes:
    """Return the payload with a mask of four bytes, or again without it (section 5.3)."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")
    return number.to_bytes(size, "little")
