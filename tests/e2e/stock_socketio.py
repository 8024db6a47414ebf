"""Stock clients of Socket.IO: the JavaScript one from npm, and python-socketio.

The first is fetched once, into a cache outside this repository; where npm or its registry is not to
be had, its tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import socketio
from tests.e2e.console import take_in_order
from tests.ports.node import node

VERSION = "4.8.4"
SCRIPT = Path(__file__).parent / "stock_socketio.cjs"
BOUND_S = 60.0

WAYS: dict[str, list[str] | None] = {
    "default": None,
    "polling": ["polling"],
    "websocket": ["websocket"],
}
"""The transports that a client is told to use."""


@cache
def client_folder() -> Path:
    """Where the JavaScript client is; skips the test if it can't be had."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "agent-gate" / f"socket.io-client-{VERSION}"
    if not folder.is_dir():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is needed for the stock JavaScript client")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            what = f"socket.io-client@{VERSION}"
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", made]
            run = subprocess.run(
                [npm, "install", *options, what], capture_output=True, text=True, check=False
            )
            if run.returncode:
                pytest.skip(f"{what} can't be had here: {run.stderr[-300:]}")
            with suppress(OSError):  # somebody else was as fast
                Path(made).rename(folder)
                Path(made).mkdir()
    return folder


def javascript(plan: dict[str, Any]) -> Any:
    """Let the JavaScript client do what a plan says; return what came of it."""
    run = subprocess.run(
        [node(), str(SCRIPT), json.dumps(plan)],
        env={**os.environ, "NODE_PATH": str(client_folder() / "node_modules")},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def python(plan: dict[str, Any]) -> Any:
    """The same for the Python client. A process of its own: it leaves sockets about."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.e2e.stock_socketio", json.dumps(plan)],
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


# In that process


def echoes(plan: dict[str, Any]) -> dict[str, Any]:
    """Send events and hear them come back, then ask with bytes."""
    client = socketio.Client(reconnection=False)
    take_in_order(client)
    heard: list[int] = []
    client.on("message-back", heard.append, namespace="/custom")
    connect(client, plan, namespaces="/custom")
    for number in range(plan["count"]):
        client.emit("message", number, namespace="/custom")
    answer = client.call("message-with-ack", (b"\x00\xff", "€"), namespace="/custom", timeout=20)
    transport = client.transport()
    client.disconnect()
    return {"heard": heard, "bytes": [list(answer[0])], "transport": transport}


def simple_echoes(plan: dict[str, Any]) -> dict[str, Any]:
    """The same by the simple client."""
    with socketio.SimpleClient(reconnection=False) as client:
        connect(client, plan, namespace="/custom")
        for number in range(plan["count"]):
            client.emit("message", number)
        heard: list[int] = []
        while len(heard) < plan["count"]:
            name, *args = client.receive(timeout=20)
            heard += args if name == "message-back" else []
        answer = client.call("message-with-ack", (b"\x00\xff", "€"), timeout=20)
        return {"heard": heard, "bytes": [list(answer[0])], "transport": client.transport}


def asks(plan: dict[str, Any]) -> dict[str, int]:
    """Ask so often, each time until it is answered, over all reconnects."""
    client = socketio.Client(reconnection_delay=0.02, reconnection_delay_max=0.1)
    connects: list[None] = []
    client.on("connect", lambda: connects.append(None), namespace="/custom")
    connect(client, plan, namespaces="/custom", retry=True)
    number = 0
    while number < plan["asks"]:
        try:
            wait_s = plan["retry_ms"] / 1000
            answer = client.call("message-with-ack", number, namespace="/custom", timeout=wait_s)
        except (socketio.exceptions.SocketIOError, ConnectionError):
            client.sleep(0.02)
            continue
        assert answer == number
        number += 1
        client.sleep(plan["gap_ms"] / 1000)
    client.disconnect()
    return {"connects": len(connects)}


def refused(plan: dict[str, Any]) -> dict[str, Any]:
    """Connect, and say what came of it."""
    client = socketio.Client()
    told: list[Any] = []
    client.on("connect_error", told.append, namespace="/custom")
    try:
        connect(client, plan, namespaces="/custom")
    except socketio.exceptions.ConnectionError:
        return {"error": told[0]["message"], "active": client.connected}
    return {"error": None, "active": client.connected}


def connect(client: Any, plan: dict[str, Any], **more: Any) -> None:
    """Connect as a plan says."""
    auth = {"token": plan["token"]}
    client.connect(plan["url"], auth=auth, transports=plan["transports"], wait_timeout=5, **more)


def main(plan: dict[str, Any]) -> Any:
    """Do what a plan says: as the JavaScript client does, with ``simple`` for the simple one."""
    if plan.get("refused"):
        return refused(plan)
    if plan.get("asks"):
        return asks(plan)
    one = simple_echoes if plan.get("simple") else echoes
    return [one(plan) for _ in range(plan["rounds"])]


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
