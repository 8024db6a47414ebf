"""``agent-gate edge`` as a process, which is asked by its standard input and killed at will."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import yaml

BOUND_S = 20.0


class EdgeProcess:
    """One device over several lives: its file and its spool stay.

    Args:
        folder: where these are.
        url: of the gateway.
        token: of the device.
        more: further keys of the file.

    Attributes:
        rows: what it has said, in all its lives.
    """

    def __init__(self, folder: Path, url: str, token: str, **more: Any) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread()
        self._changed = threading.Condition()
        gateway = {"url": url, "token": token}
        file = {"gateway": gateway, "spool": "prompts.spool", **more}
        (folder / "edge.yaml").write_text(yaml.safe_dump(file))
        (folder / "edge.yaml").chmod(0o600)

    def start(self, *options: str) -> EdgeProcess:
        program = str(Path(sys.executable).with_name("agent-gate"))
        command = [program, "edge", "--json", "--log-level", "error", *options]
        command += ["--config", str(self.folder / "edge.yaml")]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        return self

    def ask(self, name: str, text: str) -> bool:
        """Write a prompt; False: it is dead."""
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"id": name, "text": text}) + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return False
        return True

    def kill(self) -> None:
        """kill -9, now."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait for its end; what it has said is there then."""
        assert self.process is not None
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        code = self.process.wait(BOUND_S)
        self._reader.join(BOUND_S)
        return code

    def told(self, event: str) -> list[dict[str, Any]]:
        """All rows of a kind."""
        with self._changed:
            return [row for row in self.rows if row["event"] == event]

    def until(self, condition: Any) -> None:
        """Wait until something holds of what it has said."""
        with self._changed:
            assert self._changed.wait_for(condition, BOUND_S), self.rows[-5:]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.endswith("\n"):  # the last may be half of one
                    with self._changed:
                        self.rows.append(json.loads(line))
                        self._changed.notify_all()
