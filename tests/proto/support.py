"""What several tests of the core need: ways to cut a stream, and frames made by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from random import Random

from hypothesis import settings
from tests.chance import examples

quick = settings(max_examples=examples(150))
"""For properties of small things."""

TEXT = 0x1
BINARY = 0x2
CONTINUATION = 0x0
CLOSE = 0x8
PING = 0x9
PONG = 0xA

MASKS = Random(0)
"""Where our own clients take their masks from."""

MASK = b"\x37\xfa\x21\x3d"
"""The key of the masked example in RFC 6455 section 5.7."""


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield the ways in which a stream may arrive: whole, in two at every byte, byte by byte."""
    yield [data]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
    yield [data[at : at + 1] for at in range(len(data))]


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = None,
    announced: int | None = None,
) -> bytes:
    """Make a WebSocket frame (RFC 6455 section 5.2), a wrong one too.

    Args:
        opcode: four bits.
        payload: what is sent of the payload.
        fin: whether it is the last fragment.
        reserved: the bits RSV1 (4), RSV2 (2), RSV3 (1).
        mask: four bytes, for a client's frame.
        announced: length that the header claims, if not the payload's.
    """
    length = len(payload) if announced is None else announced
    masked = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if length <= 125:
        head += bytes([masked | length])
    elif length <= 0xFFFF:
        head += bytes([masked | 126]) + struct.pack("!H", length)
    else:
        head += bytes([masked | 127]) + struct.pack("!Q", length)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def from_client(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0) -> bytes:
    """Make a frame as a client sends it: masked."""
    return frame(opcode, payload, fin=fin, reserved=reserved, mask=MASK)


def frames_in(data: bytes) -> list[tuple[int, bytes]]:
    """Read whole frames as the peer would: opcode and unmasked payload of each."""
    found = []
    while data:
        opcode, masked, length, at = data[0] & 0x0F, data[1] & 0x80, data[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(data[2 : 2 + size]), 2 + size
        mask = data[at : at + 4] if masked else bytes(4)
        at += 4 if masked else 0
        payload = data[at : at + length]
        assert len(payload) == length, "a frame was cut short"
        found.append((opcode, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))))
        data = data[at + length :]
    return found
