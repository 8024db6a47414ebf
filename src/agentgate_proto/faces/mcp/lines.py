"""MCP over stdio: one JSON-RPC message a line, read from whatever pieces the bytes come in.

What is no message is skipped and counted: programs print greetings and warnings where they should
not, and one of these must not end the conversation. Nothing that was skipped is kept or shown.
"""

from __future__ import annotations

import re
from typing import Final

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.replies import one_line
from agentgate_proto.rpc.jsonrpc import Batch, Invalid, Message, decode

LINE_BYTES_MAX: Final = 16_777_216
"""Of one line. Results of tools hold whole files and pictures, which is what this must hold."""

BATCH_MESSAGES_MAX: Final = 100
"""Messages in one array (2025-03-26)."""

ENDS_BYTES: Final = 256
"""Of a line that can't be read, at its beginning and its end, are looked at."""

VERSION: Final = rb'"jsonrpc"\s*:\s*"2\.0"'
ID: Final = rb'"id"\s*:\s*(\d{1,15})'
ID_FIRST: Final = re.compile(
    rb"\s*\{\s*(?:" + VERSION + rb"\s*,\s*)?" + ID + rb"\s*,\s*(?:" + VERSION + rb"\s*,\s*)?"
    rb'"(?:result|error)"\s*:'
)
ID_LAST: Final = re.compile(
    rb"[]}\"]\s*,\s*(?:" + VERSION + rb"\s*,\s*)?" + ID + rb"\s*(?:,\s*" + VERSION + rb"\s*)?\}\s*$"
)

SURROGATES: Final = re.compile(
    r"\\u[dD](?:[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[89a-fA-F][0-9a-fA-F]{2})"
)
"""A pair of surrogates in JSON, or half of one."""

BACKSLASHES_MAX: Final = 1_000
"""Before an escape, that say whether it is one."""

SURROGATES_MAX: Final = 10_000
"""Of one message, are looked at: a broken one must not cost more than a good one."""


def line(message: bytes) -> bytes:
    """Return a message as it is written."""
    return one_line(message) + b"\n"


class LineReader:
    """Reads messages. ``receive_data`` takes bytes; nothing else happens here.

    Args:
        line_bytes_max: a longer line is skipped.

    Attributes:
        skipped: lines so far that were no message: no JSON, no UTF-8, or too long.
        unreadable: ids of answers among them, as far as they begin or end as answers do; whoever
            has asked will get no other one. Take them out.
    """

    def __init__(self, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self.skipped = 0
        self.unreadable: list[int] = []
        self._head = b""
        self._line_bytes_max = line_bytes_max
        self._pieces: list[bytes] = []
        self._size = 0
        self._too_long = False

    def receive_data(self, data: bytes) -> list[Message | Batch]:
        """Take bytes, and return the messages that they complete, in order.

        JSON that is no message of JSON-RPC comes as :class:`Invalid`: a server answers it.
        """
        *whole, rest = data.split(b"\n")
        messages: list[Message | Batch] = []
        for piece in whole:
            self._add(piece)
            message = self._take()
            if message is not None:
                messages.append(message)
        self._add(rest)
        return messages

    def receive_eof(self) -> list[Message | Batch]:
        """The other side has ended: return what its last line was, if that had no end."""
        message = self._take()
        return [] if message is None else [message]

    def _add(self, piece: bytes) -> None:
        if self._size < ENDS_BYTES:
            self._head += piece[: ENDS_BYTES - self._size]
        self._size += len(piece)
        if self._size > self._line_bytes_max:
            self._too_long = True
            self._pieces.clear()
        elif piece:
            self._pieces.append(piece)

    def _take(self) -> Message | Batch | None:
        """The line that is complete now."""
        data, too_long, head = b"".join(self._pieces).strip(), self._too_long, self._head
        self._pieces.clear()
        self._size, self._too_long, self._head = 0, False, b""
        if not data and not too_long:
            return None
        message = None if too_long else read(data)
        if message is None:
            self.skipped += 1
            number = id_in(head, data[-ENDS_BYTES:])
            if number is not None:
                self.unreadable.append(number)
        return message


def read(data: bytes) -> Message | Batch | None:
    """Read one message; None: it is no JSON.

    Half a surrogate pair, which programs write that cut a text anywhere, becomes U+FFFD: the
    decoder takes it for broken JSON, and an answer would be lost for it.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    message = decode(text, batch_items_max=BATCH_MESSAGES_MAX)
    if isinstance(message, Invalid) and (whole := without_halves(text)) != text:
        message = decode(whole, batch_items_max=BATCH_MESSAGES_MAX)
    if isinstance(message, Invalid) and message.code is ErrorCode.PARSE_ERROR:
        return None
    return message


def id_in(head: bytes, tail: bytes) -> int | None:
    """Return the id of an answer that can't be read as a whole, by its two ends: programs write ids
    first or last. It may be nested too deeply, or longer than a line may be."""
    found = ID_FIRST.match(head) or ID_LAST.search(tail)
    return None if found is None else int(found[1])


def without_halves(text: str) -> str:
    """Return JSON in which no half of a surrogate pair stands alone."""
    return SURROGATES.sub(without_half, text, SURROGATES_MAX)


def without_half(found: re.Match[str]) -> str:
    """Return what is in place of surrogates."""
    before = found.string[max(found.start() - BACKSLASHES_MAX, 0) : found.start()]
    backslashes = len(before) - len(before.rstrip("\\"))
    is_half = len(found[0]) == len(r"\ud800")
    return r"\ufffd" if is_half and backslashes % 2 == 0 else found[0]
