"""Standard input as it comes: of a pipe, of a file, to the end."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from agentgate_cli.mcp.input import next_chunk

pytestmark = pytest.mark.anyio


async def test_what_comes_through_a_pipe_is_read_as_it_comes() -> None:
    reading, writing = os.pipe()
    try:
        async with anyio.create_task_group() as tasks:
            chunks: list[bytes] = []

            async def read() -> None:
                while data := await next_chunk(reading):
                    chunks.append(data)

            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            os.write(writing, b"one")
            await anyio.wait_all_tasks_blocked()
            os.write(writing, b"two")
            os.close(writing)
    finally:
        os.close(reading)
    assert b"".join(chunks) == b"onetwo"


async def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(b"all")
    descriptor = os.open(tmp_path / "said", os.O_RDONLY)
    try:
        assert [await next_chunk(descriptor) for _ in range(2)] == [b"all", b""]
    finally:
        os.close(descriptor)


async def test_what_can_not_be_read_is_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        await next_chunk(reading)
