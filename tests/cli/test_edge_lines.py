"""Prompts on standard input, a line each."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from agentgate_cli.edge.lines import LINE_BYTES_MAX, Line, lines_of, read_line

pytestmark = pytest.mark.anyio


async def test_a_line_is_a_text_or_an_object() -> None:
    assert read_line(b" Is it raining? \r") == Line("Is it raining?")
    assert read_line(b'{"id":"1","text":"hi"}') == Line("hi", "1")
    assert read_line(b" ") is None
    for raw in (b"{", b'{"id":5,"text":"x"}', b"{" * 100_000):
        with pytest.raises(ValueError, match="a line that is no prompt"):
            read_line(raw)


async def test_lines_of_a_pipe_come_as_they_are_written() -> None:
    reading, writing = os.pipe()
    found: list[bytes] = []
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                found.extend([line async for line in lines_of(reading)])

            tasks.start_soon(read)
            for part in (b"on", b"e\ntwo\nth", b"ree"):
                os.write(writing, part)
                await anyio.lowlevel.checkpoint()
            os.close(writing)
    os.close(reading)
    assert found == [b"one", b"two", b"three"]


async def test_lines_of_a_file_end_with_it_and_a_huge_one_is_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n" + b"x" * (LINE_BYTES_MAX + 100_000) + b"\ntwo\n")
    with path.open("rb") as file:
        assert [line async for line in lines_of(file.fileno())] == [b"one", b"two"]
    path.write_bytes(b"y" * (LINE_BYTES_MAX + 1))
    with path.open("rb") as file:
        assert [line async for line in lines_of(file.fileno())] == []
