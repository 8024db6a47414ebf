"""The load of ``bench.mcp_face``: one MCP call after the other on keep-alive connections.

Prebuilt requests over plain sockets, so that it outruns the server. Each call has an argument of
its own, so that none is a repeat. ``python -m bench.mcp_load PORT CONNECTIONS SECONDS TOKEN TOOL``
prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
LAST_CHUNK = b"\r\n0\r\n\r\n"


def request(port: int, token: str, tool: str, number: int) -> bytes:
    """One call, in the era that needs no session."""
    note = f"call {number:010}"
    args = {"entity_id": "sensor.living_room_temperature", "note": note}
    params = {"name": tool, "arguments": args, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Accept: application/json, text/event-stream",
        "Content-Type: application/json",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Method: tools/call",
        f"Mcp-Name: {tool}",
        f"Authorization: Bearer {token}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", body]).encode()


class Caller(asyncio.Protocol):
    """One connection, one call at a time.

    Attributes:
        latencies: seconds of each call.
    """

    def __init__(self, port: int, token: str, tool: str, first: int) -> None:
        self.make = partial(request, port, token, tool)
        self.next = first
        self.buffer = bytearray()
        self.latencies: list[float] = []
        self.answered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.call()

    def call(self) -> None:
        """Make the next call."""
        out = self.make(self.next)
        self.next += 1
        self.began = time.perf_counter()
        self.transport.write(out)

    def data_received(self, data: bytes) -> None:
        """Take the answer, whole or in chunks."""
        self.buffer += data
        if not is_whole(self.buffer):
            return
        if b'"isError":true' in self.buffer or b" 200 " not in self.buffer[:40]:
            print(bytes(self.buffer[-600:]).decode("latin-1"), file=sys.stderr, flush=True)
            raise SystemExit(1)
        self.latencies.append(time.perf_counter() - self.began)
        if not self.answered.done():
            self.answered.set_result(None)
        self.buffer.clear()
        self.call()


def is_whole(buffer: bytearray) -> bool:
    """Whether an answer has come to its end."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(buffer[:end]).lower()
    place = head.find(b"content-length:")
    if place < 0:
        return buffer.endswith(LAST_CHUNK)
    length = int(head[place + 15 :].split(b"\r\n")[0])
    return len(buffer) >= end + 4 + length


async def run(port: int, connections: int, seconds: float, token: str, tool: str) -> None:
    """Load it, and print what it did."""
    loop = asyncio.get_running_loop()
    callers = []
    for number in range(connections):
        make = partial(Caller, port, token, tool, number * 100_000_000)
        _, caller = await loop.create_connection(make, "127.0.0.1", port)
        callers.append(caller)
    await asyncio.gather(*(caller.answered for caller in callers))  # what is behind has started
    await asyncio.sleep(1.0)
    for caller in callers:
        caller.latencies.clear()
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    busy = (time.process_time() - cpu) / took
    latencies = sorted(each for caller in callers for each in caller.latencies)
    count = len(latencies)
    told = {
        "calls_per_s": count / took,
        "p50_ms": latencies[count // 2] * 1e3,
        "p99_ms": latencies[count * 99 // 100] * 1e3,
        "generator_busy": busy,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    port, connections, seconds, token, tool = sys.argv[1:]
    asyncio.run(run(int(port), int(connections), float(seconds), token, tool))
