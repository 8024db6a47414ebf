"""What an event of Socket.IO costs the gateway, in and out, beside python-socketio on uvicorn.

``python -m bench.socket_events [SECONDS]``, with ``pip install uvicorn``. The server
is alone on one core, the clients are on the other; each sends an event of a hundred bytes when its
last one came back. Then sessions that poll and hear nothing: what each takes in memory, with its
connection.

Noted on 29 November 2026, beside other work on the machine: 53 to 93 µs an event beside 140 to 310
of python-socketio, ratios from 0.30 to 0.48 over three runs; 14 to 17 KiB a session beside 31.
"""

from __future__ import annotations

import asyncio
import json
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

from bench.__main__ import cpu_s, pinned, rss_bytes
from bench.load import UPGRADE, frame
from bench.servers import POLICY, config

SECONDS = 5.0
IDLE = 100
LOADS = ((64, 1), (8, 8), (1, 1))
"""Connections, and events of each under way."""

KINDS = ("gate", "python-socketio")
EVENT = b'42/custom,["message",{"agentId":"kitchen","text":"' + b"x" * 60 + b'"}]'
PATH = b"/socket.io/?EIO=4&transport="


# The servers


async def serve_gate(folder: Path) -> None:
    from tests.server.faces.saying_back import SayingBack

    from agentgate_server.config import config_from_dict
    from agentgate_server.faces.face import Surroundings
    from agentgate_server.faces.socketio import SocketIoFace
    from agentgate_server.gateway import Gateway
    from agentgate_server.policy import Policy

    def face(around: Surroundings) -> SocketIoFace:
        return SocketIoFace(around, SayingBack, is_open=True)

    settings = config_from_dict(config(folder))
    async with Gateway(settings, policy=Policy.parse(POLICY), faces=[face]) as gateway:
        print(gateway.port, flush=True)
        await anyio.sleep_forever()


async def serve_python_socketio() -> None:
    import socketio
    import uvicorn

    server = socketio.AsyncServer(async_mode="asgi", namespaces="*")

    async def message(sid: str, *args: Any) -> None:
        await server.emit("message-back", *args, to=sid, namespace="/custom")

    async def connect(sid: str, environ: Any, auth: Any) -> None:
        await server.emit("auth", auth or {}, to=sid, namespace="/custom")

    server.on("connect", connect, namespace="/custom")
    server.on("message", message, namespace="/custom")
    sock = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    app = socketio.ASGIApp(server)
    options = uvicorn.Config(app, log_level="warning", ws_per_message_deflate=False)
    print(sock.getsockname()[1], flush=True)
    await uvicorn.Server(options).serve(sockets=[sock])


@contextmanager
def server(kind: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a server; yields the process and its port."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.socket_events", "serve", kind, folder],
            stdout=subprocess.PIPE,
            text=True,
            **pinned(0),
        )
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()
            process.wait()


# The clients


class Client:
    """A client on a WebSocket that has joined the namespace."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(UPGRADE.replace(b"GET / ", b"GET " + PATH + b"websocket "))
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.sock.recv(65_536)
        self.buffer = self.buffer.partition(b"\r\n\r\n")[2]
        assert self.read().startswith(b"0{")
        self.sock.sendall(frame(b"40/custom,"))
        first, second = sorted([self.read(), self.read()])  # python-socketio sends the event first
        assert first.startswith(b"40/custom,")
        assert b'"auth"' in second

    def read(self) -> bytes:
        """Read one message."""
        while True:
            if len(self.buffer) >= 2:
                size, at = self.buffer[1], 2
                if size == 126:
                    size, at = int.from_bytes(self.buffer[2:4]), 4
                if len(self.buffer) >= at + size:
                    text = self.buffer[at : at + size]
                    self.buffer = self.buffer[at + size :]
                    return text
            data = self.sock.recv(65_536)
            assert data, "the server closed the connection"
            self.buffer += data


def load(port: int, connections: int, in_flight: int, seconds: float) -> int:
    """Let clients send and hear; return how many events came back."""
    clients = [Client(port) for _ in range(connections)]
    event = frame(EVENT)
    clients[0].sock.sendall(event)
    answer = clients[0].read()
    assert json.loads(answer[answer.index(b"[") :])[1] == json.loads(EVENT[EVENT.index(b"[") :])[1]
    size = len(answer) + (2 if len(answer) < 126 else 4)
    poll = selectors.DefaultSelector()
    came = {}
    for client in clients:
        client.sock.sendall(event * in_flight)
        client.sock.setblocking(False)
        poll.register(client.sock, selectors.EVENT_READ, client)
        came[client] = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for key, _ in poll.select(0.1):
            client = key.data
            before = came[client] // size
            came[client] += len(client.sock.recv(65_536))
            whole = came[client] // size - before
            if whole:
                client.sock.send(event * whole)
    for client in clients:
        client.sock.close()
    return sum(each // size for each in came.values())


def poll_idly(port: int, count: int) -> list[socket.socket]:
    """Begin sessions that poll, each in the namespace and with a poll that waits."""
    held = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), 10)
        opening = ask(sock, b"GET", b"")
        found = re.search(rb'"sid":"([^"]+)"', opening)
        assert found is not None
        sid = b"&sid=" + found[1]
        assert ask(sock, b"POST", sid, b"40/custom,").lower().endswith(b"ok")
        got = b""
        while b'"auth"' not in got:
            got = ask(sock, b"GET", sid)
            assert got.startswith(b"4"), got
        send(sock, b"GET", sid)
        held.append(sock)
    return held


def send(sock: socket.socket, method: bytes, sid: bytes, body: bytes = b"") -> None:
    head = method + b" " + PATH + b"polling" + sid + b" HTTP/1.1\r\nHost: localhost\r\n"
    sock.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def ask(sock: socket.socket, method: bytes, sid: bytes, body: bytes = b"") -> bytes:
    """Ask, and return the body of the answer."""
    send(sock, method, sid, body)
    got = b""
    while True:
        got += sock.recv(65_536)
        head, _, rest = got.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        if found is not None and len(rest) >= int(found[1]):
            return rest
        if rest.endswith(b"\r\n0\r\n\r\n"):
            return rest.partition(b"\r\n")[2].removesuffix(b"\r\n0\r\n\r\n")


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        kind, folder = sys.argv[2:4]
        if kind == "gate":
            anyio.run(serve_gate, Path(folder))
        else:
            asyncio.run(serve_python_socketio())
        return
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    print(f"{'server CPU per event, in and out':36}{KINDS[0]:>16}{KINDS[1]:>18}{'ratio':>8}")
    for connections, in_flight in LOADS:
        took = []
        for kind in KINDS:
            with server(kind) as (process, port):
                load(port, 1, 1, 0.5)
                before = cpu_s(process)
                events = load(port, connections, in_flight, seconds)
                took.append((cpu_s(process) - before) / events * 1e6)
        name = f"{connections} clients, {in_flight} under way"
        print(f"{name:36}{took[0]:13.1f} µs{took[1]:15.1f} µs{took[0] / took[1]:8.2f}")
    sizes = []
    for kind in KINDS:
        with server(kind) as (process, port):
            held = poll_idly(port, 20)
            before = rss_bytes(process)
            held += poll_idly(port, IDLE)
            sizes.append((rss_bytes(process) - before) / IDLE / 1024)
            del held
    name = "memory per session that polls"
    print(f"{name:36}{sizes[0]:12.1f} KiB{sizes[1]:14.1f} KiB{sizes[0] / sizes[1]:8.2f}")


if __name__ == "__main__":
    main()
