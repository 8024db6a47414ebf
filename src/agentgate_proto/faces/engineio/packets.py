"""Packets of Engine.IO 4, as long polling and WebSockets write them.

A text packet is a digit, its kind, and what follows. A binary message has no kind: on a WebSocket
it is a binary frame, in a body of long polling ``b`` and its base64. Packets of one body are joined
by U+001E. Source: the protocol's description in socketio/socket.io, docs/engine.io-protocol/v4.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable

import msgspec

OPEN = "0"
CLOSE = "1"
PING = "2"
PONG = "3"
MESSAGE = "4"
UPGRADE = "5"
NOOP = "6"

KINDS = frozenset((OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP))

PROBE = PING + "probe"
PROBED = PONG + "probe"

SEPARATOR = "\x1e"
BASE64 = "b"

Packet = str | bytes
"""A text packet with its kind, or a binary message."""


class PacketError(ValueError):
    """What came is no packet, or too much of it."""


class Handshake(msgspec.Struct, frozen=True, kw_only=True):
    """What an ``OPEN`` packet says: these five keys, and no other."""

    sid: str
    upgrades: tuple[str, ...]
    ping_interval_ms: int = msgspec.field(name="pingInterval")
    ping_timeout_ms: int = msgspec.field(name="pingTimeout")
    payload_bytes_max: int = msgspec.field(name="maxPayload")


def open_packet(handshake: Handshake) -> str:
    """Write the packet that begins a session."""
    return OPEN + msgspec.json.encode(handshake).decode()


def check_packet(packet: str) -> str:
    """Return a text packet as it is.

    Raises:
        PacketError: it has no kind.
    """
    if packet[:1] not in KINDS or not packet:
        raise PacketError("no kind of packet")
    return packet


def read_payload(body: bytes, packets_max: int) -> list[Packet]:
    """Take a body of long polling apart.

    Raises:
        PacketError: one of its packets is none, or there are more than ``packets_max``; none of
            them counts then.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise PacketError("a body that is not UTF-8") from None
    if text.count(SEPARATOR) >= packets_max:
        raise PacketError(f"more than {packets_max} packets in one body")
    return [read_packet(each) for each in text.split(SEPARATOR)]


def read_packet(text: str) -> Packet:
    """Read one packet of such a body. Raises as :func:`read_payload`."""
    if not text.startswith(BASE64):
        return check_packet(text)
    try:
        return b64decode(text[1:].encode(), validate=True)
    except ValueError:
        raise PacketError("a binary message that is not base64") from None


def write_payload(packets: Iterable[Packet]) -> bytes:
    """Join packets to a body of long polling."""
    return SEPARATOR.join(map(write_packet, packets)).encode()


def write_packet(packet: Packet) -> str:
    """Write one packet of such a body."""
    if isinstance(packet, str):
        return packet
    return BASE64 + b64encode(packet).decode()


def size_of(packet: Packet) -> int:
    """Return how many bytes a packet has, about: of a text, as many as it has characters or more;
    an upper bound is what matters, so each that may take several bytes counts as four."""
    if isinstance(packet, bytes) or packet.isascii():
        return len(packet)
    return 4 * len(packet)
