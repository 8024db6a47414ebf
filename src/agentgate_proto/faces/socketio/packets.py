"""Packets of Socket.IO 5, as they stand in messages of Engine.IO.

``<kind>[<attachments>-][<namespace>,][<ack id>][<JSON>]``; the attachments of the two binary kinds
follow as binary messages, in the order of their placeholders. Source: the protocol's description in
socketio/socket.io, docs/socket.io-protocol/v5, and the reference parser. What its advisories are
about is bounded here: the number of attachments, their numbers, and what is held for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.limits import NESTING_MAX
from agentgate_proto.wire.nesting import is_too_deep

MAIN = "/"
"""The namespace that is meant where none is named."""

NAMESPACE_CHARS_MAX = 128
"""A namespace; those that there are have short names."""

ATTACHMENTS_MAX = 10
"""Of one packet, as in the reference parser (CVE-2026-33151)."""

ATTACHED_BYTES_MAX = 4_194_304
"""What is held of a packet whose attachments are not all there."""

RESERVED = frozenset(
    (
        *("connect", "connect_error", "disconnect", "disconnecting"),
        *("newListener", "removeListener"),
    )
)
"""Names that no event has: to clients they mean something of their own."""

HEAD = re.compile(
    r"([0-6])(?:(?<=[56])([0-9]{1,3})-)?"
    rf"(?:(/[^,]{{0,{NAMESPACE_CHARS_MAX - 1}}})(?:,|\Z))?([0-9]{{1,15}}(?![0-9]))?"
)
"""What stands before the JSON. An ack id is an integer that JavaScript can count to."""


class Kind(Enum):
    """What a packet is."""

    CONNECT = "0"
    DISCONNECT = "1"
    EVENT = "2"
    ACK = "3"
    CONNECT_ERROR = "4"
    BINARY_EVENT = "5"
    BINARY_ACK = "6"


KINDS = {kind.value: kind for kind in Kind}
PLAIN = {Kind.BINARY_EVENT: Kind.EVENT, Kind.BINARY_ACK: Kind.ACK}
BINARY = {Kind.EVENT: Kind.BINARY_EVENT, Kind.ACK: Kind.BINARY_ACK}


class PacketError(ValueError):
    """What came is no packet that a client may send."""


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """A packet of a client, whole.

    Attributes:
        kind: never one of the binary ones: with its attachments it is like any other.
        namespace: which it is for.
        data: of CONNECT an object; of EVENT its name and arguments; of ACK arguments.
        ack: the id by which an answer is asked for, or of what is answered; None: there is none.
    """

    kind: Kind
    namespace: str
    data: Any
    ack: int | None = None


class Decoder:
    """Reads the messages of one session.

    Attributes:
        is_waiting: attachments of a packet are still to come.
    """

    __slots__ = ("_attached", "_attached_bytes", "_packet", "_wanted")

    def __init__(self) -> None:
        self._packet: Packet | None = None
        self._wanted = 0
        self._attached: list[bytes] = []
        self._attached_bytes = 0

    @property
    def is_waiting(self) -> bool:
        """See the class."""
        return self._packet is not None

    def receive(self, message: str | bytes) -> Packet | None:
        """Read a message; None: attachments are missing.

        Raises:
            PacketError: it is no packet here; nothing that follows counts.
        """
        if isinstance(message, bytes):
            return self._attach(message)
        if self._packet is not None:
            raise PacketError("a text where an attachment is missing")
        packet, self._wanted = read(message)
        if not self._wanted:
            return packet
        self._packet = packet
        return None

    def _attach(self, data: bytes) -> Packet | None:
        packet = self._packet
        if packet is None:
            raise PacketError("an attachment of no packet")
        self._attached.append(data)
        self._attached_bytes += len(data)
        if self._attached_bytes > ATTACHED_BYTES_MAX:
            raise PacketError(f"attachments of over {ATTACHED_BYTES_MAX} bytes")
        if len(self._attached) < self._wanted:
            return None
        attached = self._attached
        self._packet, self._attached, self._attached_bytes = None, [], 0
        return msgspec.structs.replace(packet, data=put_back(packet.data, attached))


def read(text: str) -> tuple[Packet, int]:
    """Read a text; return the packet, and how many attachments it has to get.

    Raises:
        PacketError: it is none that a client may send.
    """
    head = HEAD.match(text)
    if head is None:
        raise PacketError("no kind of packet")
    digit, count, namespace, ack = head.groups()
    kind = KINDS[digit]
    data = payload_of(text, head.end())
    if kind in PLAIN:
        wanted = int(count or "0")
        if not 0 < wanted <= ATTACHMENTS_MAX:
            raise PacketError(f"not 1 to {ATTACHMENTS_MAX} attachments")
        kind = PLAIN[kind]
    else:
        wanted = 0
    packet = Packet(
        kind=kind, namespace=namespace or MAIN, data=data, ack=None if ack is None else int(ack)
    )
    check(packet)
    return packet, wanted


def payload_of(text: str, start: int) -> Any:
    """Read the JSON at the end of a packet; ``UNSET``: there is none."""
    if start == len(text):
        return msgspec.UNSET
    json = text[start:]
    try:
        if is_too_deep(json):
            raise PacketError(f"nested more than {NESTING_MAX} levels deep")
        return msgspec.json.decode(json)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise PacketError("what follows is not JSON") from None


def check(packet: Packet) -> None:
    """Raise PacketError unless what a packet carries fits its kind."""
    match packet:
        case Packet(kind=Kind.CONNECT, data=dict() | msgspec.UNSET, ack=None):
            return
        case Packet(kind=Kind.DISCONNECT, data=msgspec.UNSET, ack=None):
            return
        case Packet(kind=Kind.EVENT, data=[str(name), *_]) if name not in RESERVED:
            return
        case Packet(kind=Kind.ACK, data=list(), ack=int()):
            return
    raise PacketError("a payload that does not fit the kind of packet")


def put_back(value: Any, attached: Sequence[bytes]) -> Any:
    """Put attachments where their placeholders are.

    Raises:
        PacketError: a placeholder for an attachment that there is not.
    """
    match value:
        case {"_placeholder": True}:
            number = value.get("num")
            if type(number) is not int or not 0 <= number < len(attached):
                raise PacketError("a placeholder for no attachment")
            return attached[number]
        case dict():
            return {key: put_back(each, attached) for key, each in value.items()}
        case list():
            return [put_back(each, attached) for each in value]
        case _:
            return value


# Writing


def write(
    kind: Kind, namespace: str, data: Any = msgspec.UNSET, ack: int | None = None
) -> list[str | bytes]:
    """Write a packet: its text, and its attachments.

    Args:
        kind: not a binary one: that is found out.
        namespace: which it is for.
        data: what it carries: JSON, in which bytes may stand; ``UNSET``: nothing.
        ack: the id by which an answer is asked for, or of what is answered.

    Raises:
        LocalProtocolError: there are more attachments than clients take, or no JSON can be made
            of it.
    """
    attached: list[bytes] = []
    try:
        if kind in BINARY:
            data = take_out(data, attached)
        json = "" if data is msgspec.UNSET else msgspec.json.encode(data).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise LocalProtocolError(f"no JSON: {error}") from None
    if len(attached) > ATTACHMENTS_MAX:
        raise LocalProtocolError(f"more than {ATTACHMENTS_MAX} attachments")
    head = f"{BINARY[kind].value}{len(attached)}-" if attached else kind.value
    if namespace != MAIN:
        head += namespace + ","
    if ack is not None:
        head += str(ack)
    return [head + json, *attached]


def take_out(value: Any, attached: list[bytes]) -> Any:
    """Replace bytes by placeholders; what is not changed is returned as it is."""
    match value:
        case bytes() | bytearray() | memoryview():
            attached.append(bytes(value))
            return {"_placeholder": True, "num": len(attached) - 1}
        case dict() if any(map(may_hold_bytes, value.values())):
            return {key: take_out(each, attached) for key, each in value.items()}
        case list() | tuple() if any(map(may_hold_bytes, value)):
            return [take_out(each, attached) for each in value]
        case _:
            return value


def may_hold_bytes(value: Any) -> bool:
    """Whether it is worth looking into a value."""
    return isinstance(value, bytes | bytearray | memoryview | dict | list | tuple)
