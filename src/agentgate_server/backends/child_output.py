"""What child processes say besides answers: how much of it is noted, and how they ended."""

from __future__ import annotations

import logging
import os
import time
from typing import Final

from anyio.abc import Process

from agentgate_server.secrets.masking import Masker

LOG_LINE_BYTES_MAX: Final = 2_000
"""Of a line on standard error."""

LOG_LINES_MAX: Final = 10_000
"""Lines of one run that are noted, of each output; the rest is thrown away, or a loop would fill
the disk."""

LOG_LINES_PER_S: Final = 200
"""Of these in a second: a long traceback. Whoever writes more would keep all others from the log,
and the event loop notes something with each request."""

log = logging.getLogger(__name__)


def log_lines(reading: int, name: str, masker: Masker) -> None:
    """Put into the log what a command writes to its standard error, until it ends; it blocks.

    Args:
        reading: the end of a pipe; closed here.
        name: what the log calls the command.
        masker: hides secrets in it.
    """
    notes = Notes()
    with os.fdopen(reading, "rb") as errors:
        while line := errors.readline(LOG_LINE_BYTES_MAX):
            if not notes.takes(time.monotonic()):
                continue
            text = " ".join(line.decode("utf-8", "replace").split())
            if text:
                log.info("%s: %s", name, masker.text(text))
            if notes.are_over:
                log.warning("%s: no more of its standard error is noted", name)


def ending_of(process: Process) -> str:
    """Say how a process ended, in words."""
    code = process.returncode
    if code is None:
        return "it closed its output"
    return f"it exited with code {code}" if code >= 0 else f"signal {-code} ended it"


class Notes:
    """How much of what a command writes for people is noted.

    Attributes:
        are_over: the line that was taken just now is the last.
    """

    def __init__(self) -> None:
        self.are_over = False
        self._taken = 0
        self._second = float("-inf")
        self._in_second = 0

    def takes(self, now: float) -> bool:
        """Whether one more line is noted, at this moment of a monotonic clock."""
        self.are_over = False
        if now >= self._second + 1:
            self._second, self._in_second = now, 0
        if self._taken >= LOG_LINES_MAX or self._in_second >= LOG_LINES_PER_S:
            return False
        self._taken += 1
        self._in_second += 1
        self.are_over = self._taken == LOG_LINES_MAX
        return True
