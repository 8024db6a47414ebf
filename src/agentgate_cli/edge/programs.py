"""Programs of a device: started without a shell, with a clean environment, and ended for sure."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
from anyio.abc import Process

from agentgate_client.edge import ChannelError

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Of our own environment; the rest, the token in it, is nobody else's."""

ERROR_BYTES_MAX = 2_000
"""Of what a program writes to its standard error: the end of it says what went wrong."""

CHUNK_BYTES = 65_536


class Collected:
    """What a program has written to one of its outputs, as far as there is room.

    Args:
        bytes_max: the room.
        keeps_end: of what is too long the end is kept.
    """

    def __init__(self, bytes_max: int, *, keeps_end: bool = False) -> None:
        self.data = b""
        self.is_too_long = False
        self._bytes_max = bytes_max
        self._keeps_end = keeps_end

    def add(self, chunk: bytes) -> None:
        """Take more."""
        self.data += chunk
        if len(self.data) > self._bytes_max:
            self.is_too_long = True
            data = self.data
            self.data = data[-self._bytes_max :] if self._keeps_end else data[: self._bytes_max]


async def run_program(
    command: Sequence[str],
    given: bytes,
    *,
    folder: Path,
    environment: Mapping[str, str],
    bytes_max: int,
) -> bytes:
    """Run a program to its end; return what it printed. If it is cancelled, it is killed, and so is
    what it has started.

    Args:
        command: the program and its arguments.
        given: its standard input.
        folder: where it runs.
        environment: what it knows besides ``INHERITED``.
        bytes_max: of its output.

    Raises:
        ChannelError: it can't be started, failed, or printed too much.
    """
    known = {name: os.environ[name] for name in INHERITED if name in os.environ}
    try:
        process = await anyio.open_process(
            list(command),
            stdin=subprocess.PIPE,
            cwd=folder,
            env={**known, **environment},
            start_new_session=True,
        )
    except OSError as error:
        raise ChannelError(f"{command[0]} can't be started: {error.strerror}") from None
    output, errors = Collected(bytes_max), Collected(ERROR_BYTES_MAX, keeps_end=True)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed, process, given)
            tasks.start_soon(collect, process.stderr, errors)
            await collect(process.stdout, output)
            code = await process.wait()
            tasks.cancel_scope.cancel()
    finally:
        end(process)
        with anyio.CancelScope(shield=True):
            await process.aclose()
    if code:
        said = errors.data.decode(errors="replace").strip()
        text = f"{command[0]} ended with {code}"
        raise ChannelError(f"{text}: {said}" if said else text)
    if output.is_too_long:
        raise ChannelError(f"{command[0]} printed more than {bytes_max} bytes")
    return output.data


async def feed(process: Process, given: bytes) -> None:
    """Give a program its input; it need not read it."""
    assert process.stdin is not None, "it has a pipe"
    try:
        await process.stdin.send(given)
        await process.stdin.aclose()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass


async def collect(stream: anyio.abc.ByteReceiveStream | None, into: Collected) -> None:
    """Read an output to its end; what has no room is thrown away."""
    assert stream is not None, "it has a pipe"
    try:
        while True:
            into.add(await stream.receive(CHUNK_BYTES))
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass


def end(process: Process) -> None:
    """Kill a program and all that it has started and not set apart."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing is left of it
        os.killpg(process.pid, signal.SIGKILL)
