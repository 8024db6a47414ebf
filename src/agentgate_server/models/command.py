"""One run of a command that answers requests in JSON lines: its pipes, and its end.

Nobody reads its output but those who wait for an answer, so nothing runs while nobody asks. One of
them reads for all: whoever waits first. It stops when it has something of its own, and wakes
another that waits. What the command writes to its standard error a thread puts into the log.

The command is started without a shell, in a session of its own, so that it and all that it starts
can be ended together, and Ctrl-C of a terminal is not for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import Process

from agentgate_proto.models.events import ModelEvent
from agentgate_proto.models.process import Noise, ProcessTalk, Said
from agentgate_server.backends.child_output import Notes, ending_of, log_lines
from agentgate_server.models.pace import Pace
from agentgate_server.secrets.masking import Masker

READ_BYTES: Final = 16_384
"""At a time: thousands of short lines, which are all looked at before others have their turn."""

WRITE_S: Final = 10.0
"""For one line to be taken. A command that does not read for so long hangs."""

EXIT_S: Final = 0.5
"""From the end of its output to its end: after it the exit code is not waited for."""

GRACE_S: Final = 3.0
"""From SIGTERM to SIGKILL: for what it wants to write down."""

CAN_LIMIT_MEMORY: Final = hasattr(resource, "prlimit")
"""Linux has it, and others do not."""

log = logging.getLogger(__name__)


class Call:
    """An answer that somebody waits for.

    Attributes:
        id: of the request.
        events: what has come and was not taken.
    """

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.events: deque[ModelEvent] = deque()
        self.wake: anyio.Event | None = None


class Command:
    """One run of a command. Use it from one event loop; end it with ``aclose``.

    Attributes:
        ending: how it ended, in words, or "".
        has_answered: an answer has come to its end.
    """

    def __init__(self, process: Process, name: str, masker: Masker) -> None:
        """Take over a process that was started by :func:`start`."""
        self._process = process
        self._name = name
        self._masker = masker
        self._talk = ProcessTalk()
        self._calls: dict[str, Call] = {}
        self._writing = anyio.Lock()
        self._has_reader = False
        self._asked = 0
        self._notes = Notes()
        self._pace = Pace()
        self.ending = ""
        self.has_answered = False

    @property
    def is_over(self) -> bool:
        """It answers nothing more."""
        if not self.ending and not self._calls and self._process.returncode is not None:
            self._over(ending_of(self._process))
        return bool(self.ending)

    @property
    def under_way(self) -> int:
        """How many answers are waited for."""
        return len(self._calls)

    async def ask(self, body: bytes) -> Call:
        """Begin an answer. Give it back by ``close``, whatever happens."""
        self._asked += 1
        call = Call(str(self._asked))
        self._calls[call.id] = call
        await self._write(self._talk.ask(call.id, body))
        return call

    async def close(self, call: Call) -> None:
        """Want no more of an answer; the command is told, if it is not over."""
        del self._calls[call.id]
        if (line := self._talk.cancel(call.id)) and not self.ending:
            await self._write(line)

    async def next_events(self, call: Call) -> list[ModelEvent]:
        """Wait for something of an answer; there is always something in the end."""
        try:
            while not call.events:
                if self._has_reader:
                    await self._wait(call)
                else:
                    await self._read_for_all(call)
        finally:
            # Also where this one was about to read, and is cancelled.
            if not self._has_reader:
                self._wake_another()
        events = list(call.events)
        call.events.clear()
        return events

    async def aclose(self) -> None:
        """End it: SIGTERM, a grace, SIGKILL. Whoever waits for an answer is told."""
        with anyio.CancelScope(shield=True):
            self.signal(signal.SIGTERM)
            with anyio.move_on_after(GRACE_S):
                await self._process.wait()
            self.signal(signal.SIGKILL)
            await self._process.wait()
            self._over("it was ended")
            await self._process.aclose()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _wait(self, call: Call) -> None:
        """Wait until there is something, or nobody reads."""
        call.wake = anyio.Event()
        try:
            await call.wake.wait()
        finally:
            call.wake = None

    async def _read_for_all(self, call: Call) -> None:
        self._has_reader = True
        try:
            while not call.events:
                await self._read()
                await self._pace.keep()  # what has come already is read without a wait
        finally:
            self._has_reader = False

    async def _read(self) -> None:
        """Take what it writes, and hand it out."""
        assert self._process.stdout is not None
        try:
            data = await self._process.stdout.receive(READ_BYTES)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._over(await self._exit())
            return
        self._hand_out(self._talk.receive_data(data))
        if self._talk.problem:
            self._over(self._talk.problem)

    async def _write(self, line: bytes) -> None:
        """Write a line whole, or end the command: half a line would garble all that follow."""
        assert self._process.stdin is not None
        try:
            with anyio.CancelScope(shield=True), anyio.fail_after(WRITE_S):
                async with self._writing:
                    await self._process.stdin.send(line)
        except TimeoutError:
            self._over(f"it has read nothing for {WRITE_S:g} s")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._over(await self._exit())

    async def _exit(self) -> str:
        """Say how it ended, in words."""
        with anyio.move_on_after(EXIT_S):
            await self._process.wait()
        return ending_of(self._process)

    def _over(self, reason: str) -> None:
        """Tell all who wait; what is left of it is ended at once."""
        if not self.ending:
            self.ending = self._masker.text(reason)
            self.signal(signal.SIGKILL)
        self._hand_out(self._talk.receive_eof(self.ending))

    def _hand_out(self, said: Sequence[Said | Noise]) -> None:
        for each in said:
            if isinstance(each, Noise):
                if self._notes.takes(time.monotonic()):
                    text = self._masker.text(each.text)
                    log.warning("the command of model %s wrote no message: %s", self._name, text)
                if self._notes.are_over:
                    log.warning("model %s: no more of what is no message is noted", self._name)
            elif (call := self._calls.get(each.id)) is not None:
                call.events.append(each.event)
                if call.wake is not None:
                    call.wake.set()

    def _wake_another(self) -> None:
        for call in self._calls.values():
            if call.wake is not None:
                call.wake.set()
                return


async def start(
    command: Sequence[str],
    *,
    name: str,
    masker: Masker,
    environment: Mapping[str, str],
    folder: Path | None,
    memory_mb: int | None = None,
) -> Command:
    """Start a command.

    Args:
        command: the program and its arguments.
        name: of the model, for the log.
        masker: hides secrets in what it says of itself.
        environment: all that it gets.
        folder: where it runs; None: here.
        memory_mb: see ``limit_memory``.

    Raises:
        OSError: it can't be started, or not be limited here.
    """
    if memory_mb is not None and not CAN_LIMIT_MEMORY:
        raise OSError("its memory can't be limited on this system")
    reading, writing = os.pipe()
    try:
        process = await anyio.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=writing,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    if memory_mb is not None:
        limit_memory(process.pid, memory_mb)
    thread = threading.Thread(
        target=log_lines,
        args=(reading, f"model {name}", masker),
        name=f"stderr of {name}",
        daemon=True,
    )
    thread.start()
    return Command(process, name, masker)


def limit_memory(pid: int, memory_mb: int) -> None:
    """Limit the address space of a process that was started just now, and of each that it starts.

    From outside: code of ours between fork and exec could hang in a process with threads. It has
    hardly begun, and what it has got by then counts.
    """
    if sys.platform == "linux":
        room = memory_mb * 1_048_576
        with contextlib.suppress(ProcessLookupError):  # it is over already, which is seen elsewhere
            resource.prlimit(pid, resource.RLIMIT_AS, (room, room))
