"""The gate with foreign servers behind it, and a person who says yes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.e2e.process import GatewayProcess, until

READY_S = 30.0
LOOK_S = 0.05


def free_port() -> int:
    """A port that nobody has at present."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether anything speaks HTTP there."""
    try:
        with urllib.request.urlopen(url, timeout=READY_S):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


@contextmanager
def fixture_server() -> Iterator[str]:
    """The fixture server in a process of its own; yields its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mcp.fixture_server", "--port", str(port)]
    )
    try:
        until(lambda: answers(url), "the fixture server", READY_S)
        yield url
    finally:
        process.kill()
        process.wait()


class Person:
    """Says yes to whatever the gate asks, as soon as it asks. ``with`` it, it looks."""

    def __init__(self, gate: GatewayProcess) -> None:
        self._gate = gate
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.asked: list[str] = []

    def __enter__(self) -> Person:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            with suppress(OSError):
                for approval in self._gate.approvals():
                    self.asked.append(approval["tool"])
                    self._gate.decide(approval["id"], "approve")


def gate(
    folder: Path, servers: dict[str, Any], *, ask: tuple[str, ...] = (), **mcp: Any
) -> GatewayProcess:
    """A gateway, which is to be started.

    Args:
        folder: an empty one.
        servers: ``tools.mcp`` of its configuration.
        ask: patterns of what a person is asked about; all else is allowed.
        mcp: members of ``faces.mcp``.
    """
    permissions = {
        "defaults": [{"pattern": "*", "action": "allow"}],
        "rules": [{"pattern": pattern, "action": "ask"} for pattern in ask],
    }
    tools = {"python": ["tests.e2e.tools"], "mcp": servers}
    return GatewayProcess(folder, {"faces": {"mcp": mcp}, "tools": tools}, permissions)


def wait_for_tools(running: GatewayProcess, name: str, token: str) -> None:
    """Wait until a tool of a server behind the gate is offered."""

    def is_there() -> bool:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{running.port}/mcp",
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
            },
        )
        with urllib.request.urlopen(request, timeout=READY_S) as response:
            return f'"{name}"'.encode() in response.read()

    until(is_there, f"the tool {name}", READY_S)
