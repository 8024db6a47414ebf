"""Lines of standard input: whoever writes there asks. Nothing of it blocks the agent."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator

import anyio
import anyio.to_thread
import msgspec

LINE_BYTES_MAX = 2_097_152
"""Of one line: four times the longest prompt there may be, as JSON."""

CHUNK_BYTES = 65_536


class Line(msgspec.Struct, frozen=True):
    """A prompt, as a line has it: ``{"id": "1", "text": "…"}``, or the text alone.

    Attributes:
        id: the writer's name for it; the same again is the same prompt. "": it has none.
        text: what is asked.
    """

    text: str
    id: str = ""


def read_line(raw: bytes) -> Line | None:
    """Read a line; None: there is nothing in it.

    Raises:
        ValueError: it looks like JSON and is no prompt.
    """
    text = raw.decode(errors="replace").strip()
    if not text:
        return None
    if not text.startswith("{"):
        return Line(text)
    try:
        return msgspec.json.decode(text, type=Line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"a line that is no prompt: {error}") from None


async def lines_of(descriptor: int) -> AsyncIterator[bytes]:
    """Yield whole lines until the end of a pipe, a terminal, a socket or a file.

    What has no end after ``LINE_BYTES_MAX`` is thrown away, up to where a line ends.
    """
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    rest = b""
    is_thrown_away = False
    while True:
        if is_file:
            chunk = await anyio.to_thread.run_sync(os.read, descriptor, CHUNK_BYTES)
        else:
            await anyio.wait_readable(descriptor)
            chunk = os.read(descriptor, CHUNK_BYTES)
        if not chunk:
            if rest and not is_thrown_away:
                yield rest
            return
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if not is_thrown_away:
                yield line
            is_thrown_away = False
        if len(rest) > LINE_BYTES_MAX:
            rest, is_thrown_away = b"", True
