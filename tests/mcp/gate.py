"""A gate between the fixture server and whoever comes: real processes, a real database."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until
from tests.held_ports import port_for
from tests.mcp.proxy import TokenProxy

ALLOW_ALL = {"defaults": [{"pattern": "*", "action": "allow"}], "rules": []}


class Holder:
    """Keeps a port as long as it is there."""


@contextmanager
def fixture_server() -> Iterator[str]:
    """Start the fixture server; yield its URL."""
    holder = Holder()
    port = port_for(holder)
    command = [sys.executable, "-m", "tests.mcp.fixtures", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port), "the fixture server", 60.0)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


@contextmanager
def gate_before(folder: Path, servers: dict[str, Any], **face: Any) -> Iterator[GatewayProcess]:
    """Start a gate in front of these servers, which allows everything."""
    config = {"faces": {"mcp": face}, "tools": {"mcp": servers}}
    with GatewayProcess(folder, config, ALLOW_ALL) as gateway:
        yield gateway


@contextmanager
def with_token(gateway: GatewayProcess) -> Iterator[str]:
    """Let clients in that have no token; yield the URL for them."""
    proxy = TokenProxy(gateway.port, AGENT_TOKEN)
    try:
        yield f"http://127.0.0.1:{proxy.port}/mcp"
    finally:
        proxy.close()
