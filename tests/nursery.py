"""A nursery of processes, which are born with all that they import.

Python takes up to a second to import a gateway, and the suites start some thousands of them. One
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
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

IMPORTED = (
    "agentgate_cli.answering",
    "agentgate_cli.approvals",
    "agentgate_cli.call",
    "agentgate_cli.check",
    "agentgate_cli.remote",
    "agentgate_cli.serve",
    "agentgate_relay",
    "agentgate_server.config",
    "agentgate_server.gateway",
)
ORDER_BYTES = 1_048_576
AT_BIRTH = ("PYTHON", "LC_", "LANG")
"""How variables begin that Python reads as it starts: for a child of ours that is over."""


class Born:
    """A process of the nursery, in the words of :class:`subprocess.Popen`.

    Args:
        name: what it runs.
        status: where the nursery writes its number, and later how it ended.
        stdout: what it prints, if it goes to us.
        stderr: its errors, if they go to us.

    Attributes:
        pid: its number.
        returncode: how it ended, the negative number of a signal; None: it lives.
    """

    def __init__(
        self, name: str, status: int, stdout: IO[str] | None, stderr: IO[str] | None
    ) -> None:
        self.name = name
        self.stdout = stdout
        self.stderr = stderr
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
            raise subprocess.TimeoutExpired(self.name, timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all that it prints, and wait for its end.

        Raises:
            subprocess.TimeoutExpired: it did not come, in so many seconds.
        """
        read = {"out": "", "err": ""}

        def drain(name: str, stream: IO[str]) -> None:
            with stream:
                read[name] = stream.read()

        streams = (("out", self.stdout), ("err", self.stderr))
        readers = [
            threading.Thread(target=drain, args=(name, stream), daemon=True)
            for name, stream in streams
            if stream is not None and not stream.closed
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        return read["out"], read["err"]

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
            command = [sys.executable, "-m", "tests.nursery", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )

    def bear(
        self,
        program: str,
        *arguments: str,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: int | IO[Any] = subprocess.DEVNULL,
        stdout: int | IO[Any] = subprocess.PIPE,
        stderr: int | IO[Any] = 2,
        new_session: bool = False,
    ) -> Born:
        """Start a process.

        Args:
            program: what it runs: a module, as with ``python -m``, or the path of a script.
            *arguments: of it.
            env: all of its environment.
            cwd: where it runs.
            stdin: what it reads: a file, or its number.
            stdout: where it prints: the same, or ``PIPE``.
            stderr: the same for its errors.
            new_session: no terminal of ours is its own.
        """
        assert same_at_birth(env), "too late for what Python reads as it starts"
        order = {
            "program": program,
            "arguments": arguments,
            "env": dict(env),
            "cwd": str(cwd or Path.cwd()),
            "new_session": new_session,
        }
        with ExitStack() as ours:
            theirs, read = [], []
            for end, flags in ((stdin, os.O_RDONLY), (stdout, os.O_WRONLY), (stderr, os.O_WRONLY)):
                if end == subprocess.PIPE:
                    from_them, number = os.pipe()
                    read.append(os.fdopen(from_them))
                    ours.callback(os.close, number)
                elif end == subprocess.DEVNULL:
                    number = os.open(os.devnull, flags)
                    read.append(None)
                    ours.callback(os.close, number)
                else:
                    number = end if isinstance(end, int) else end.fileno()
                    read.append(None)
                theirs.append(number)
            told, status = os.pipe()
            ours.callback(os.close, status)
            with self._lock:
                text = json.dumps(order).encode() + b"\n"
                socket.send_fds(self._control, [text], [*theirs, status])
        return Born(f"{program} {' '.join(arguments)}", told, read[1], read[2])

    def run(
        self,
        program: str,
        *arguments: str,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: str = "",
        bound_s: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run a process to its end, as :func:`subprocess.run` does.

        Raises:
            subprocess.TimeoutExpired: its end did not come in time; it is killed.
        """
        with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            given.write(stdin)
            given.seek(0)
            ends = {"stdin": given, "stdout": out, "stderr": err}
            process = self.bear(program, *arguments, env=env, cwd=cwd, **ends)
            try:
                code = process.wait(bound_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess([program, *arguments], code, out.read(), err.read())

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


def same_at_birth(env: Mapping[str, str]) -> bool:
    """Whether Python starts with an environment as it did with ours."""
    theirs = {name: value for name, value in env.items() if name.startswith(AT_BIRTH)}
    return theirs == {n: value for n, value in os.environ.items() if n.startswith(AT_BIRTH)}


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
                        signal.signal(signal.SIGINT, signal.default_int_handler)
                        for end in (woken, wake, *self.told.values()):
                            os.close(end)
                        self._settle(ends, new_session=order["new_session"])
                        return order
                    self.told[pid] = ends.pop()
                    os.write(self.told[pid], b"%d\n" % pid)
                    for end in ends:
                        os.close(end)

    def _order(self) -> tuple[dict[str, Any] | None, list[int]]:
        text, ends, _, _ = socket.recv_fds(self.control, ORDER_BYTES, 4)
        while text and not text.endswith(b"\n"):
            text += self.control.recv(ORDER_BYTES)
        return (json.loads(text) if text else None), ends

    def _settle(self, ends: list[int], *, new_session: bool) -> None:
        self.control.close()
        if new_session:
            os.setsid()
        for number, end in enumerate(ends[:3]):
            os.dup2(end, number)
        for end in ends:
            os.close(end)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)

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
    program = order["program"]
    sys.argv = [program, *order["arguments"]]
    if os.sep in program:
        sys.path[0] = str(Path(program).parent)
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
