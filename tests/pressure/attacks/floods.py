"""Floods of an agent: more work than it may have, on connections that it reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from itertools import count, cycle
from typing import Any, ClassVar

from tests.pressure.attacks.attack import Attack, drained, many
from tests.pressure.gateway import EVIL, GUESTS
from tests.pressure.wire import IDS, frame, message, request

ZERO_WIDTH = "\u200b"


class Flood(Attack):
    """An agent who sends as fast as the gateway takes it."""

    def send(self, connections: int, make: Callable[[], bytes], token: str = EVIL) -> None:
        """Send what is made, for ever, on so many connections; all answers are read."""

        def one() -> None:
            wire = drained(self.wire(token))
            while True:
                wire.sock.sendall(make())

        many(connections, one)

    def calls(self, connections: int, tool: str, **args: Any) -> None:
        """Make the same call one after the other, each when the one before is answered."""

        def one() -> None:
            wire = self.wire()
            while True:
                wire.call(tool, **args)

        many(connections, one)


def calls(number: int, tool: str, **args: Any) -> bytes:
    """So many calls as bytes, each with an id of its own."""
    params = {"tool": tool, "args": args}
    return b"".join(message("tool_request", params, next(IDS)) for _ in range(number))


class SmallCallsOnOne(Flood):
    """Small calls back to back, on one connection."""

    def run(self) -> None:
        self.send(1, lambda: calls(200, "look", what="x"))


class SmallCallsOn16(Flood):
    """The same on 16."""

    def run(self) -> None:
        self.send(16, lambda: calls(100, "look", what="x"))


class SmallCallsOn64(Flood):
    """The same on 64."""

    def run(self) -> None:
        self.send(64, lambda: calls(50, "look", what="x"))


class SmallCallsOfMany(Flood):
    """The same of four agents, on eight connections each."""

    def run(self) -> None:
        tokens = cycle((EVIL, *GUESTS))

        def one() -> None:
            wire = drained(self.wire(next(tokens)))
            while True:
                wire.sock.sendall(calls(50, "look", what="x"))

        many(32, one)


class ZeroWidthText(Flood):
    """A megabyte of text that nobody sees, on 16 connections."""

    def run(self) -> None:
        self.calls(16, "echo", text=ZERO_WIDTH * 340_000)


class ZeroWidthWithinTheCap(Flood):
    """60 kB of it, on 16 connections: as large as a request may be."""

    def run(self) -> None:
        self.calls(16, "echo", text=ZERO_WIDTH * 20_000)


class ManyKeys(Flood):
    """Arguments of 60,000 names, on 16 connections."""

    def run(self) -> None:
        self.calls(16, "denied", **{f"k{n}": n for n in range(60_000)})


class ManyKeysWithinTheCap(Flood):
    """Arguments of 4,900 names, on 16 connections."""

    def run(self) -> None:
        self.calls(16, "denied", **{f"k{n}": n for n in range(4_900)})


class DeepJson(Flood):
    """A megabyte of brackets, on 16 connections."""

    def run(self) -> None:
        text = b'{"jsonrpc":"2.0","method":"tool_request","id":1,"params":' + b"[" * 1_000_000
        self.send(16, lambda: frame(text))


class LargeArguments(Flood):
    """60 kB of arguments that fit, on 16 connections."""

    def run(self) -> None:
        self.calls(16, "echo", text="x" * 60_000)


class DeniedLarge(Flood):
    """Requests of 900 kB that policy denies, on 4 connections."""

    def run(self) -> None:
        self.calls(4, "denied", x="A" * 900_000)


class DeniedOfNobodyAcked(Flood):
    """Denied requests under ever new client ids, which nobody acknowledges."""

    config: ClassVar[dict[str, Any]] = {
        "storage": {"keep_rows_max": 2_000},
        "rate_limit": {"max_requests_per_minute": 6_000},
    }

    def run(self) -> None:
        def one() -> None:
            wire = self.wire()
            for _ in range(100):
                wire.call("denied", x="A" * 500)
            wire.close()

        many(4, one)


class Batches(Flood):
    """Batches of a hundred, on 16 connections."""

    def run(self) -> None:
        def batch() -> bytes:
            params = {"tool": "look", "args": {"what": "x"}}
            rows = [
                {"jsonrpc": "2.0", "method": "tool_request", "params": params, "id": next(IDS)}
                for _ in range(100)
            ]
            return frame(json.dumps(rows).encode())

        self.send(16, batch)


class DuplicateIds(Flood):
    """The same id again and again, on 8 connections."""

    def run(self) -> None:
        params = {"tool": "echo", "args": {"text": "x"}}
        self.send(8, lambda: message("tool_request", params, 7) * 100)


class IdempotencyKeys(Flood):
    """Writes with ever new keys, on 8 connections."""

    def run(self) -> None:
        numbers = count()

        def make() -> bytes:
            key = f"key-{next(numbers)}" + "x" * 200
            params = {"tool": "note", "args": {"key": "evil"}, "idempotency_key": key}
            return message("tool_request", params, next(IDS))

        self.send(8, make)


class Nonsense(Flood):
    """Methods that are none, parameters that do not fit, texts that are no JSON."""

    def run(self) -> None:
        each = message("nonsense", {}, 1) + message("tool_request", {"tool": 1}, 2) + frame(b"{")
        self.send(16, lambda: each * 100)


class Acks(Flood):
    """Acknowledgements of nothing, on 16 connections."""

    def run(self) -> None:
        self.send(16, lambda: message("ack", {"seq": 1}) * 500)


class Pings(Flood):
    """Pings, and fragments without a byte, on 16 connections."""

    def run(self) -> None:
        def one() -> None:
            wire = drained(self.wire())
            wire.sock.sendall(frame(b"", 0x01))
            while True:
                wire.sock.sendall((frame(b"x" * 100, 0x89) + frame(b"", 0x00)) * 200)

        many(16, one)


class Listings(Flood):
    """What lists requests, tools and outcomes, on 16 connections."""

    def run(self) -> None:
        methods = ("list_requests", "list_tools", "get_pending_results", "list_sessions")
        each = b"".join(message(method, {}, n) for n, method in enumerate(methods))
        self.send(16, lambda: each * 25)


class ListingsOfLarge(Attack):
    """A hundred requests of 900 kB, then eight lists of them at once, again and again."""

    def run(self) -> None:
        wire = self.wire()
        for _ in range(100):
            wire.call("denied", x="A" * 900_000)

        def one() -> None:
            wire = self.wire()
            for _ in range(8):
                wire.send("list_requests", limit=1_000)
            wire.drain()

        many(8, one)


class Logins(Attack):
    """One agent that logs in anew all the time, under ever new names."""

    def run(self) -> None:
        many(8, lambda: self.wire(timeout_s=5).close())


class TakeOvers(Attack):
    """Two programs of one name, each of which takes the other's place."""

    def run(self) -> None:
        def one() -> None:
            wire = self.wire(client_id="twin")
            wire.later("wait", seconds=0.5)
            wire.drain()

        many(8, one)


class McpListings(Attack):
    """What MCP's face lists, back to back, on 16 connections."""

    def run(self) -> None:
        data = mcp("tools/list") * 200

        def one() -> None:
            with self.target.socket() as sock:
                threading.Thread(
                    target=lambda: [None for _ in iter(lambda: sock.recv(1 << 20), b"")],
                    daemon=True,
                ).start()
                while True:
                    sock.sendall(data)

        many(16, one)


def mcp(method: str, params: dict[str, Any] | None = None, token: str = EVIL) -> bytes:
    """A request of MCP's modern era."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "evil", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {**(params or {}), "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    lines = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
    }
    if "name" in params:
        lines["Mcp-Name"] = params["name"]
    headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return request("POST", "/mcp", token, json.dumps(body).encode(), headers)
