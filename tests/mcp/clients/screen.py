"""A program at a screen: in a pseudo-terminal, with somebody who types."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROWS, COLUMNS = 50, 160
READ_BYTES = 65_536
ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")
"""What moves the cursor, sets colours and titles."""


class Screen:
    """See the module.

    Args:
        command, environment, folder: of the program.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._said = bytearray()
        self.process = subprocess.Popen(
            command,
            env={**environment, "TERM": "xterm-256color"},
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join()
        os.close(self._ours)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def said(self) -> str:
        """All that it ever showed, without what moves and colours it, and without blanks: a program
        may move the cursor instead of printing them."""
        return "".join(ESCAPE.sub("", self._said.decode(errors="replace")).split())

    def _read(self) -> None:
        with suppress(OSError):  # of a terminal that nobody has open any more
            while data := os.read(self._ours, READ_BYTES):
                self._said += data
