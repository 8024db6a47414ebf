"""A gateway under test that is started here, so that it can be killed and started again.

What a gateway must have kept shows only after its process was killed in the midst of something.
The command is whatever starts it; it is a process group of its own, so that a shell or a wrapper
around the gateway dies with it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agentgate_cli.conformance import frames

START_S = 60.0
"""How long a gateway may take until it answers: some have much to read first."""

LOOK_S = 0.05
"""How often it is tried whether it does."""

STOP_S = 10.0
"""How long it may take to shut down when the tests are over, before it is killed."""

SHELL = "what only a shell knows is run by sh -c '…'"

OTHERS_S = 3.0
"""How long the rest of its process group may take when the first of them has ended."""

LAST_BYTES = 2_000
"""Of what it said: enough for the reason why it did not start."""


class ServeError(Exception):
    """The gateway can't be started; the text says why."""


class Serving:
    """One gateway, over several lives of its process.

    Args:
        command: that starts it, in the foreground; words as in a shell.
        url: where it answers then.
    """

    def __init__(self, command: str, url: str) -> None:
        self.url = url
        self._words = words(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this does

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            ServeError: it does not, or something else answers already.
        """
        if answers(self.url):
            raise ServeError(f"something answers at {self.url} already: stop it first")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running it is what was asked for
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ServeError(f"{self._words[0]} can't be run: {error.strerror}; {SHELL}") from None
        until = time.monotonic() + START_S
        while not answers(self.url):
            code = self._process.poll()
            if code is not None:
                raise ServeError(f"the gateway ended with {code}: {self._last_words()}")
            if time.monotonic() > until:
                raise ServeError(f"no gateway at {self.url} within {START_S:g} s")
            time.sleep(LOOK_S)

    def shut_down(self) -> None:
        """Tell it to end, in order, and do not wait for that; ``restart`` starts it again."""
        assert self._process is not None, "it was started"
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)

    def restart(self) -> None:
        """Kill it without a warning if it still runs, and start it again. Raises as ``start``."""
        self._signal(signal.SIGKILL)
        self.start()

    def stop(self) -> None:
        """End it, by force if it takes its time."""
        try:
            self._signal(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
        self._said.close()

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, and wait until the gateway is gone."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            self._process.wait(STOP_S)
            self._end_others()

    def _end_others(self) -> None:
        """A shell ends before the gateway that it has started: wait for that, then kill it."""
        assert self._process is not None, "it was started"
        until = time.monotonic() + OTHERS_S
        with suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.killpg(self._process.pid, 0)
                time.sleep(LOOK_S)
            os.killpg(self._process.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        end = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, end - LAST_BYTES))
        return self._said.read().decode(errors="replace").strip() or "it said nothing"


@contextmanager
def serving(command: str, url: str) -> Iterator[Serving]:
    """Start a gateway, and end it afterwards. Raises as ``Serving.start``."""
    gateway = Serving(command, url)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()


def words(command: str) -> list[str]:
    """Its words, as a shell has them.

    Raises:
        ServeError: there are none, or a quotation has no end.
    """
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise ServeError(f"--serve {command!r} can't be read: {error}") from None
    if not found:
        raise ServeError("--serve names no command")
    return found


def answers(url: str) -> bool:
    """Whether a gateway takes WebSockets there."""
    try:
        frames.connect(url).drop()
    except (OSError, frames.HandshakeError):
        return False
    return True
