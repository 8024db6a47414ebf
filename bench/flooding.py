"""The floods of ``bench.floods``: what strangers and an agent send without end, by name.

Each runs in a process of its own, on many connections with a thread for each, until it is killed.
A connection that is cut comes again at once.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from itertools import count

from bench.load import REQUEST, UPGRADE
from bench.mcp_load import META
from bench.servers import EVIL_TOKEN

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2_000
APPROVALS = (
    b"GET /api/approvals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"
    % EVIL_TOKEN.encode()
) * 1_000
"""Refused by the role, after the token was looked at."""

NUMBERS = count(1)

Blocks = Callable[[], bytes]
"""Makes the next piece of a flood."""


def flood(name: str, port: int, connections: int, core: int) -> None:
    """Send a flood on so many connections, until killed."""
    os.sched_setaffinity(0, {core})
    blocks, opening, reads = FLOODS[name]
    for number in range(connections):
        work = partial(keep_sending, port, blocks, partial(opening, number), reads=reads)
        threading.Thread(target=work, daemon=True).start()
    threading.Event().wait()


def keep_sending(port: int, blocks: Blocks, opening: Blocks, *, reads: bool) -> None:
    """Send on one connection, and on another when it is cut."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 60) as sock:
                sock.sendall(opening())
                if reads:
                    threading.Thread(target=read_all, args=(sock,), daemon=True).start()
                while True:
                    sock.sendall(blocks())
        except OSError:
            continue


def read_all(sock: socket.socket) -> None:
    """Read until the other end has had enough."""
    try:
        while sock.recv(1 << 20):
            pass
    except OSError:
        pass


def long_frame(text: bytes) -> bytes:
    """One client frame of any size, with a mask of zeros."""
    size = len(text)
    if size < 126:
        return bytes([0x81, 0x80 | size]) + bytes(4) + text
    if size < 65_536:
        return b"\x81\xfe" + size.to_bytes(2, "big") + bytes(4) + text
    return b"\x81\xff" + size.to_bytes(8, "big") + bytes(4) + text


def hello(number: int) -> bytes:
    """The upgrade, and ``auth`` behind it."""
    auth = {"token": EVIL_TOKEN, "client_id": f"evil-{number}"}
    said = {"jsonrpc": "2.0", "method": "auth", "params": auth, "id": "auth-1"}
    return UPGRADE + long_frame(json.dumps(said).encode())


def small_calls() -> bytes:
    """A hundred small calls."""
    return b"".join(long_frame(REQUEST % (1_000_000_000 + next(NUMBERS))) for _ in range(100))


def large_call() -> bytes:
    """A call with as much text as one message may have."""
    return native("bench_read", {"entity_id": "x", "note": "n" * 1_000_000})


def calls_for_much() -> bytes:
    """Calls whose results are large."""
    return b"".join(native("bench_read_big", {"number": next(NUMBERS)}) for _ in range(20))


def native(tool: str, args: dict[str, object]) -> bytes:
    """One call on a WebSocket."""
    params = {"tool": tool, "args": args}
    call = {"jsonrpc": "2.0", "method": "tool_request", "params": params, "id": next(NUMBERS)}
    return long_frame(json.dumps(call).encode())


def over_mcp(tool: str, args: Callable[[], dict[str, object]]) -> bytes:
    """Twenty calls by the face of MCP, behind each other."""
    out = b""
    for _ in range(20):
        params = {"name": tool, "arguments": args(), "_meta": META}
        call = {"jsonrpc": "2.0", "id": next(NUMBERS), "method": "tools/call", "params": params}
        body = json.dumps(call).encode()
        lines = [
            "POST /mcp HTTP/1.1",
            "Host: localhost",
            "Accept: application/json, text/event-stream",
            "Content-Type: application/json",
            "MCP-Protocol-Version: 2026-07-28",
            "Mcp-Method: tools/call",
            f"Mcp-Name: {tool}",
            f"Authorization: Bearer {EVIL_TOKEN}",
            f"Content-Length: {len(body)}",
        ]
        out += "\r\n".join([*lines, "", ""]).encode() + body
    return out


def mcp_small() -> bytes:
    """Small calls by MCP."""
    return over_mcp("bench_read", lambda: {"entity_id": f"light.{next(NUMBERS)}"})


def mcp_big() -> bytes:
    """Calls by MCP whose results are large."""
    return over_mcp("bench_read_big", lambda: {"number": next(NUMBERS)})


def nothing(_: int) -> bytes:
    """How HTTP begins."""
    return b""


FLOODS: dict[str, tuple[Blocks, Callable[[int], bytes], bool]] = {
    "strangers": (lambda: HEALTH, nothing, True),
    "http": (lambda: APPROVALS, nothing, True),
    "http-unread": (lambda: APPROVALS, nothing, False),
    "mcp": (mcp_small, nothing, True),
    "mcp-unread": (mcp_big, nothing, False),
    "small": (small_calls, hello, True),
    "large": (large_call, hello, True),
    "unread": (calls_for_much, hello, False),
}
"""By name: what is sent, what comes first on each connection, whether the answers are read."""
