"""A nursery of processes, which are born with all that they import.

Python takes most of a second to import a gateway, and the suites start a thousand of them. One
process does it once, and forks each that is asked for: a process with sockets, files, signals and a
death of its own, which runs its module as ``python -m`` does and imports what it does not find.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

IMPORTED = ("agentgate_server.gateway", "agentgate_server.config", "agentgate_relay")
ORDER_BYTES = 1_048_576


class Born:
    """A process of the nursery, in the words of :class:`subprocess.Popen`.

    Args:
        stdout: what it prints.
        status: where the nursery writes its number, and later how it ended.

    Attributes:
        pid: its number.
        returncode: how it ended, the negative number of a signal; None: it lives.
    """

    def __init__(self, stdout: IO[str], status: int) -> None:
        self.stdout: IO[str] | None = stdout
        self.returncode: int | None = None
        self._status = status
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, status)
        self.pid = self._read()

    def poll(self) -> int | None:
        """How it ended, if it has."""
        with self._lock:
            if self.returncode is None and self._is_told(0):
                self.returncode = self._read()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it did not come, in so many seconds.
        """
        self._is_told(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("a process of the nursery", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _is_told(self, timeout: float | None) -> bool:
        status = select.poll()
        status.register(self._status, select.POLLIN)
        return bool(status.poll(None if timeout is None else timeout * 1_000))

    def _read(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            more = os.read(self._status, 1)
            if not more:
                raise AssertionError("the nursery has ended")
            line += more
        return int(line)


class Nursery:
    """The nursery, seen from a test."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            command = [sys.executable, "-m", "tests.e2e.nursery", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )

    def bear(
        self, module: str, *arguments: str, env: Mapping[str, str], stderr: IO[str] | None = None
    ) -> Born:
        """Start a process.

        Args:
            module: what it runs, as with ``python -m``.
            *arguments: of it.
            env: all of its environment.
            stderr: where it writes its errors; None: where we do.
        """
        order = {"module": module, "arguments": arguments, "env": dict(env), "cwd": str(Path.cwd())}
        printed, out = os.pipe()
        told, status = os.pipe()
        try:
            with self._lock:
                socket.send_fds(
                    self._control,
                    [json.dumps(order).encode() + b"\n"],
                    [out, 2 if stderr is None else stderr.fileno(), status],
                )
        finally:
            os.close(out)
            os.close(status)
        return Born(os.fdopen(printed), told)

    def close(self) -> None:
        """End it; what was born there lives on."""
        self._control.close()
        self._process.wait()


@cache
def nursery() -> Nursery:
    """The one of this process, which ends with it."""
    found = Nursery()
    atexit.register(found.close)
    return found


class Orders:
    """Takes orders and tells of deaths, until nobody can order any more.

    Args:
        control: where orders come.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.told: dict[int, int] = {}

    def take(self) -> dict[str, Any] | None:
        """Serve; returns in each child, with its order, and at the end, with None."""
        woken, wake = os.pipe()
        for end in (woken, wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wake)
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj == woken:
                        os.read(woken, 4_096)
                        self._tell_of_deaths()
                        continue
                    order, ends = self._order()
                    if order is None:
                        return None
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for end in (woken, wake, *self.told.values()):
                            os.close(end)
                        self._settle(ends)
                        return order
                    self.told[pid] = ends.pop()
                    os.write(self.told[pid], b"%d\n" % pid)
                    for end in ends:
                        os.close(end)

    def _order(self) -> tuple[dict[str, Any] | None, list[int]]:
        text, ends, _, _ = socket.recv_fds(self.control, ORDER_BYTES, 3)
        while text and not text.endswith(b"\n"):
            text += self.control.recv(ORDER_BYTES)
        return (json.loads(text) if text else None), ends

    def _settle(self, ends: list[int]) -> None:
        self.control.close()
        out, err, status = ends
        os.dup2(out, 1)
        os.dup2(err, 2)
        for end in (out, err, status):
            os.close(end)

    def _tell_of_deaths(self) -> None:
        while self.told:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            told = self.told.pop(pid)
            with suppress(BrokenPipeError):  # nobody asks any more
                os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
            os.close(told)


def main() -> None:
    """Be the nursery; and then, in a child, what was ordered."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    order = Orders(socket.socket(fileno=int(sys.argv[1]))).take()
    if order is None:
        return
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv[1:] = order["arguments"]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
