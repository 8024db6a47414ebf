"""A server that is a process of ours: messages as lines on its standard input and output.

It is started without a shell, in a session of its own, with an environment that has nothing of ours
but where programs, its own files and texts are. What it writes to its standard error goes into the
log, without secrets. At the end its input is closed; what is still there after a while is ended,
with all that it has started.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import Process

from agentgate_proto.faces.mcp.lines import LineReader, line
from agentgate_proto.faces.mcp_backend.events import Send
from agentgate_server.backends.child_output import ending_of, log_lines
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.mcp.driver import Driver
from agentgate_server.tools.mcp.guardian import Guardian
from agentgate_server.tools.mcp.turns import PIECE_BYTES

log = logging.getLogger(__name__)

PASSED_ON: Final = (
    *("PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ"),
)
"""What a server gets of our environment. The rest may be secrets, and ours."""

WRITE_S: Final = 30.0
"""For one message to be taken. A server that does not read for so long hangs."""

UNREADABLE: Final = "its answer can't be read: it is no JSON, too long, or nested too deeply"

EXIT_S: Final = 0.5
"""From the end of its output to its end: after it the exit code is not waited for."""

INPUT_END_S: Final = 1.0
"""From the end of its input to SIGTERM: servers that are well end in half of it."""

GRACE_S: Final = 2.0
"""From SIGTERM to SIGKILL: for what it wants to write down."""


class StdioLink:
    """See the module, and :class:`agentgate_server.tools.mcp.driver.Link`.

    Args:
        name: what the log calls the server.
        command: the program and its arguments.
        env: variables that it gets besides those in ``PASSED_ON``.
        folder: where it runs; None: where the gateway does.
        masker: hides secrets in what it says.
        guardian: ends it if the gateway is killed.
        environment: ours.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        masker: Masker,
        guardian: Guardian,
        env: Mapping[str, Secret] | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._name = name
        self._command = list(command)
        self._masker = masker
        self._guardian = guardian
        self._folder = folder
        self._environment = {key: environment[key] for key in PASSED_ON if key in environment}
        self._environment |= {key: value.value for key, value in (env or {}).items()}

    async def run(self, driver: Driver) -> None:
        """See ``Link``."""
        process = await self._start()
        try:
            self._guardian.watch(process.pid)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, process, driver)
                tasks.start_soon(self._write, process, driver)
                tasks.start_soon(driver.keep_time)
                driver.open()
                await driver.over.wait()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await end(process)
            self._guardian.leave(process.pid)

    async def _start(self) -> Process:
        reading, writing = os.pipe()
        try:
            process = await anyio.open_process(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=writing,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        said = reading, self._name, self._masker
        threading.Thread(
            target=log_lines, args=said, name=f"stderr of {self._name}", daemon=True
        ).start()
        return process

    async def _read(self, process: Process, driver: Driver) -> None:
        assert process.stdout is not None
        reader = LineReader()
        skipped = 0
        while True:
            try:
                data = await process.stdout.receive(PIECE_BYTES)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                break
            async with driver.turns.turn():
                for message in reader.receive_data(data):
                    driver.talk.take(message, driver.now)
                while reader.unreadable:
                    driver.talk.broken(reader.unreadable.pop(), UNREADABLE, driver.now)
                while skipped < reader.skipped:
                    driver.talk.noted()
                    skipped += 1
                driver.act()
        with anyio.move_on_after(EXIT_S):
            await process.wait()
        driver.close(ending_of(process))

    async def _write(self, process: Process, driver: Driver) -> None:
        assert process.stdin is not None
        while True:
            await driver.wait_outgoing()
            while isinstance(message := driver.talk.next_message(), Send):
                try:
                    with anyio.fail_after(WRITE_S):
                        await process.stdin.send(line(message.body))
                except TimeoutError:
                    driver.close(f"it has read nothing for {WRITE_S:g} s")
                    return
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return  # the end of its output says more


async def end(process: Process) -> None:
    """End a process and all that it has started, and reap it."""
    assert process.stdin is not None
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await process.stdin.aclose()
    for wait_s, number in ((INPUT_END_S, signal.SIGTERM), (GRACE_S, signal.SIGKILL)):
        with anyio.move_on_after(wait_s):
            await process.wait()
        if process.returncode is not None:
            break
        send(process, number)
    await process.wait()
    send(process, signal.SIGKILL)  # what it has left behind
    await process.aclose()


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process and to all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
