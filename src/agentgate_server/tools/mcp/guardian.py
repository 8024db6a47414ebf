"""The guardian: a small process that ends the servers' processes if the gateway itself is killed.

A server that is well ends when its standard input does. One that hangs does not, and whatever it
has started need not either; and a gateway that was killed can end nobody. So a process of its own
waits for the end of a pipe from the gateway, and then ends every process group that it was told of.
It is a few lines of Python without imports of ours, started with the first server.

(The kernel could do it, by ``PR_SET_PDEATHSIG``; but only for the child and not for what that has
started, only on Linux, and only by code of ours between fork and exec, in a process with threads.)
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Final

import anyio.to_thread

CLOSE_S: Final = 5.0
"""How long it may take to end, with all that it ends."""

SCRIPT: Final = r"""
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
groups = set()
for line in sys.stdin.buffer:
    group = int(line[1:])
    (groups.add if line[:1] == b"+" else groups.discard)(group)
def end(number):
    for group in list(groups):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            groups.discard(group)
        except PermissionError:
            pass
end(signal.SIGTERM)
for _ in range(20):
    time.sleep(0.1)
    end(0)
    if not groups:
        break
end(signal.SIGKILL)
"""


class Guardian:
    """See the module. May be used again after it was closed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        return None if self._process is None else self._process.pid

    def watch(self, group: int) -> None:
        """End this process group if the gateway is killed.

        Raises:
            OSError: there can be no guardian.
        """
        if self._process is None or self._process.poll() is not None:
            self._let_go()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and text
                [sys.executable, "-I", "-S", "-c", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                bufsize=0,
                start_new_session=True,
            )
        self._tell(f"+{group}\n")

    def leave(self, group: int) -> None:
        """The process group has been ended."""
        self._tell(f"-{group}\n")

    async def aclose(self) -> None:
        """End it; groups that it still watches are ended."""
        process, self._process = self._process, None
        if process is not None:
            with anyio.CancelScope(shield=True):
                self._let_go(process)
                await anyio.to_thread.run_sync(self._reap, process)

    def _let_go(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """Close the pipe to a guardian."""
        process = process or self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            # It is dead then, and the next server gets another one.
            with contextlib.suppress(OSError):
                self._process.stdin.write(line.encode())

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
