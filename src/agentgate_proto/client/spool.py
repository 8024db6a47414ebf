"""The spool's form: one line for each record, with a checksum before it.

A process that dies while it appends leaves half a line, or a line whose end the disk never got. So
a line counts if its checksum fits, and what follows the last whole line is cut off. A line in the
midst that does not fit was damaged later: it is left out, and that is said. A file begins with its
head, and comes into being with it: one that does not is somebody else's, and is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from agentgate_proto.client.prompts import Id, Record


class Head(msgspec.Struct, frozen=True, kw_only=True, tag_field="k", tag="head"):
    """The first record: whose spool it is.

    Attributes:
        version: of this form.
        client_id: under which name the device is known to its gateway.
    """

    version: int = 1
    client_id: Id


class Unreadable(Exception):
    """The file is no spool, or one of a later version. ``str()`` says which."""


Line = Head | Record

read_line = msgspec.json.Decoder(Line).decode


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds.

    Attributes:
        head: None: it is empty.
        records: in order.
        end: the file is good up to here; what follows is the rest of a broken write.
        damaged: lines before that which are left out.
    """

    head: Head | None
    records: list[Record]
    end: int
    damaged: int = 0


def encode_lines(lines: Iterable[Line]) -> bytes:
    """Return what is to be appended for these records."""
    return b"".join(map(encode_line, lines))


def encode_line(line: Line) -> bytes:
    """Write a record: ``checksum JSON`` and a line feed."""
    body = msgspec.json.encode(line)
    return b"%b %b\n" % (checksum_of(body), body)


def read_lines(content: bytes) -> Found:
    """Read a file.

    Raises:
        Unreadable: nothing in it is of a spool, or it is of a later version.
    """
    records: list[Record] = []
    head: Head | None = None
    end = broken = damaged = position = 0
    while position < len(content):
        stop = content.find(b"\n", position) + 1
        line = decode_line(content[position : stop - 1]) if stop else None
        position = stop or len(content)
        if line is None:
            broken += 1
            continue
        if isinstance(line, Head):
            if line.version != 1:
                raise Unreadable(f"it is of version {line.version}: a newer program has written it")
            head = line
        else:
            records.append(line)
        damaged, end = damaged + broken, position
        broken = 0
    if content and not end:
        raise Unreadable("it is no spool of prompts")
    return Found(head=head, records=records, end=end, damaged=damaged)


def decode_line(line: bytes) -> Line | None:
    """Read a line without its end; None: it is damaged."""
    checksum, _, body = line.partition(b" ")
    if checksum != checksum_of(body):
        return None
    try:
        found: Line = read_line(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found


def checksum_of(body: bytes) -> bytes:
    """Return what stands before a record: against accidents, not against people."""
    return sha256(body).hexdigest()[:8].encode()
