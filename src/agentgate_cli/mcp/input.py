"""Standard input of a program that serves on a pipe, read on the event loop as it comes."""

from __future__ import annotations

import os
import stat
import sys

import anyio
import anyio.to_thread

from agentgate_cli.mcp.told import CHUNK_BYTES


async def next_chunk(descriptor: int) -> bytes:
    """Return the next bytes; b"": whoever writes has closed their end.

    Args:
        descriptor: of a pipe or socket; a file, and whatever Windows has, is read by a thread.

    Raises:
        OSError: it can't be read.
    """
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    if is_file or sys.platform == "win32":
        return await anyio.to_thread.run_sync(
            os.read, descriptor, CHUNK_BYTES, abandon_on_cancel=True
        )
    await anyio.wait_readable(descriptor)
    return os.read(descriptor, CHUNK_BYTES)
