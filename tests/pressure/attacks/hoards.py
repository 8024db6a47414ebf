"""Hoards: what an agent takes of a gateway by never giving it back."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

from tests.pressure.attacks.attack import Attack, drained, many
from tests.pressure.attacks.floods import ZERO_WIDTH, mcp
from tests.pressure.gateway import EVIL
from tests.pressure.wire import Target, Wire, http, message, request

SMALL = 4_096
"""What the system may take while nobody reads."""


class Hoard(Attack):
    """An agent who never reads."""

    def pipeline(self, data: bytes, connections: int) -> None:
        """Send the same over HTTP, for ever, on so many connections that nobody reads."""

        def one() -> None:
            with self.target.socket(rcvbuf=SMALL) as sock:
                while True:
                    sock.sendall(data)

        many(connections, one)


class ThousandConnections(Attack):
    """A thousand connections of one agent under ever new names."""

    def run(self) -> None:
        held: list[Wire] = []

        def one() -> None:
            if len(held) < 1_000:
                held.append(self.wire(timeout_s=10))
            else:
                time.sleep(1)

        many(4, one)


class UnreadResults(Hoard):
    """Large results that nobody reads, on 20 connections."""

    connections = 20

    def run(self) -> None:
        def one() -> None:
            wire = self.wire(rcvbuf=SMALL)
            for _ in range(60):
                wire.later("large", size=900_000)
            time.sleep(30)

        many(self.connections, one)


class UnreadResultsOnMany(UnreadResults):
    """The same on 60."""

    connections = 60


class UnreadSmallCalls(Hoard):
    """Small calls back to back, on 16 connections whose answers nobody reads."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire(rcvbuf=SMALL)
            while True:
                wire.later("look", what="x" * 1_000)

        many(16, one)


class UnreadLists(Hoard):
    """Lists of tools that nobody reads, back to back, on 60 connections."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire(rcvbuf=SMALL)
            while True:
                wire.sock.sendall(message("list_tools", {}, 1) * 100)

        many(60, one)


class UnreadApiOn16(Hoard):
    """Tickets asked for over HTTP, back to back, on 16 connections that nobody reads."""

    def run(self) -> None:
        self.pipeline(request("POST", "/api/tickets", EVIL) * 200, 16)


class UnreadApiOn100(Hoard):
    """The same on 100."""

    def run(self) -> None:
        self.pipeline(request("POST", "/api/tickets", EVIL) * 200, 100)


class UnreadMcpOn16(Hoard):
    """MCP's list of tools, back to back, on 16 connections that nobody reads."""

    def run(self) -> None:
        self.pipeline(mcp("tools/list") * 50, 16)


class UnreadMcpOn100(Hoard):
    """The same on 100."""

    def run(self) -> None:
        self.pipeline(mcp("tools/list") * 50, 100)


class UnreadMcpResults(Hoard):
    """Large results over MCP that nobody reads, on 60 connections."""

    def run(self) -> None:
        self.pipeline(mcp("tools/call", {"name": "large", "arguments": {"size": 900_000}}), 60)


class McpSessions(Attack):
    """Sessions of MCP that are begun and never used, as fast as they go, each from a new socket."""

    def run(self) -> None:
        def one() -> None:
            with self.target.socket() as sock:
                for _ in range(50):
                    sock.sendall(initialize())
                    sock.recv(10_000)

        many(16, one)


class McpStreams(Hoard):
    """Streams of MCP's sessions, 200 of which are opened and nobody reads."""

    def run(self) -> None:
        def one() -> None:
            with self.target.socket(rcvbuf=SMALL) as sock, sock.makefile("rb") as file:
                sock.sendall(initialize())
                name = b""
                while line := file.readline().strip():
                    if line.lower().startswith(b"mcp-session-id:"):
                        name = line.partition(b":")[2].strip()
                lines = f"Mcp-Session-Id: {name.decode()}\r\nAccept: text/event-stream\r\n"
                with self.target.socket(rcvbuf=SMALL) as stream:
                    stream.sendall(request("GET", "/mcp", EVIL, headers=lines))
                    time.sleep(20)

        many(200, one)


class UnreadCompletions(Hoard):
    """Streams of a model's answers, on 100 connections that nobody reads."""

    config: ClassVar[dict[str, Any]] = {"faces": {"completions": {}}}

    def run(self) -> None:
        said = [{"role": "user", "content": "x" * 10_000}]
        body = {"model": "rehearsal", "stream": True, "messages": said}
        data = request("POST", "/v1/chat/completions", EVIL, json.dumps(body).encode())
        self.pipeline(data, 100)


class PostsInBits(Hoard):
    """Bodies that come a byte at a time, with a good token, on 200 connections."""

    def run(self) -> None:
        head = request("POST", "/mcp", EVIL, b" " * 60_000)[:-60_000]

        def part() -> None:
            socks = [self.target.socket(5.0) for _ in range(20)]
            for sock in socks:
                sock.sendall(head)
            for _ in range(100):
                for sock in socks:
                    sock.sendall(b" ")
                time.sleep(0.1)

        many(10, part)


class UnreadStreams(Hoard):
    """Asks whose streams of events are opened over MCP, on 100 connections that nobody reads."""

    def run(self) -> None:
        arguments = {"key": "stream", "text": ZERO_WIDTH * 10_000}

        def one() -> None:
            with self.target.socket(rcvbuf=SMALL) as sock:
                sock.sendall(mcp("tools/call", {"name": "door", "arguments": arguments}))
                time.sleep(20)

        many(100, one)


class NeverAcked(Attack):
    """Results of 900 kB that nobody acknowledges, under ever new client ids."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire()
            for _ in range(10):
                wire.call("large", size=900_000)
            wire.close()

        many(4, one)


class NobodyFetches(Attack):
    """Results of 900 kB whose client is gone before they come."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire()
            for _ in range(20):
                wire.later("large", size=900_000)
            wire.close()

        many(4, one)


class SlowCalls(Attack):
    """A thousand calls under way on each of 16 connections, with 60 kB of arguments each."""

    def run(self) -> None:
        def one() -> None:
            wire = drained(self.wire())
            for _ in range(1_000):
                wire.later("hold", text="x" * 60_000)
            time.sleep(5)

        many(16, one)


class HangingTools(Attack):
    """Five tools that hang far beyond their time, on all threads that they get."""

    def run(self) -> None:
        def part() -> None:
            wire = drained(self.wire())
            for number in range(5):
                for turn in range(8):
                    wire.later(f"hang{number}", n=turn)
                time.sleep(1.2)

        many(1, part)


class ProvidedThatNeverAnswer(Attack):
    """Tools that evil provides itself, asks for, and never answers."""

    def run(self) -> None:
        shape = {"type": "object"}
        offer = [
            {"name": f"t{n}", "description": "x" * 400, "effects": "read", "args": shape}
            for n in range(60)
        ]
        provider = self.wire(client_id="provider", rcvbuf=SMALL)
        provider.send("tools.provide", tools=offer)
        time.sleep(0.5)

        def one() -> None:
            wire = drained(self.wire())
            while True:
                for number in range(60):
                    wire.later(f"evil.t{number}", text="x" * 10_000)
                time.sleep(0.1)

        many(8, one)


class SessionsThatWrite(Attack):
    """Sessions with the rehearsal model, which is told long texts, all at once."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire()
            sessions = [session(wire) for _ in range(20)]
            for each in sessions:
                wire.ask("attach_session", session=each)
            while True:
                for each in sessions:
                    wire.send("send_message", session=each, text="x" * 50_000, message_id=unique())
                time.sleep(0.05)
                drain_now(wire)

        many(4, one)


class SessionsUnread(Hoard):
    """Sessions that are watched on 20 connections, and nobody reads."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire(rcvbuf=SMALL)
            each = session(wire)
            wire.ask("attach_session", session=each)
            while True:
                wire.send(
                    "send_message",
                    session=each,
                    text="x" * 100_000,
                    message_id=unique(),
                    queue=True,
                )

        many(20, one)


class Tickets(Attack):
    """Tickets that nobody uses, as fast as they go."""

    def run(self) -> None:
        many(8, lambda: fetch(self.target, "/api/tickets"))


def initialize() -> bytes:
    """The beginning of a session of MCP."""
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "evil", "version": "1"},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    lines = "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
    return request("POST", "/mcp", EVIL, json.dumps(body).encode(), lines)


def fetch(target: Target, path: str) -> Any:
    """One request with evil's token."""
    return http(target, "POST", path, EVIL, timeout_s=5)


def session(wire: Wire) -> str:
    """Begin a session; return its id."""
    made: str = wire.ask("create_session")["result"]["id"]
    return made


def unique() -> str:
    """A name for a message."""
    return f"m{time.perf_counter_ns()}"


def drain_now(wire: Wire) -> None:
    """Drop what has come, without waiting."""
    wire.sock.setblocking(False)
    try:
        while wire.sock.recv(1 << 20):
            pass
    except BlockingIOError:
        pass
    finally:
        wire.sock.settimeout(30.0)
