"""Standard output of a server on a pipe: in order, never waited for, and not without end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.cli.support import BOUND_S

from agentgate_cli.mcp.output import BYTES_MAX, Output


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that nobody reads yet."""
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with suppress(OSError):  # a test may have closed it
            os.close(descriptor)


def test_what_is_put_comes_out_in_order_whatever_its_size(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = Output(writer)
    lines = [b"%d" % number * (1 + number * 997 % 5_000) + b"\n" for number in range(500)]
    for line in lines:
        output.put(line)
    output.put(b"")
    came = b""
    while len(came) < sum(map(len, lines)):
        came += os.read(reader, 65_536)
    output.flush()
    assert came == b"".join(lines)
    assert not output.is_broken


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    output = Output(writer)
    output.put(b"x" * 1_000_000)
    size = 0
    while size < 1_000_000:
        size += len(os.read(reader, 65_536))
    assert size == 1_000_000


def test_who_put_it_is_told_once_that_nobody_reads(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    told = threading.Event()
    output = Output(writer)
    output.on_break = told.set
    os.close(reader)
    output.put(b"line\n")
    assert told.wait(BOUND_S)
    assert output.is_broken
    output.put(b"more\n")
    output.flush()


def test_a_reader_that_stands_still_is_taken_for_dead(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    told = threading.Event()
    output = Output(writer)
    output.on_break = told.set
    output.put(b"x" * (BYTES_MAX + 1))
    assert told.is_set()
    assert output.is_broken
    os.close(reader)  # lets go of the thread
