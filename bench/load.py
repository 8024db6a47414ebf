"""The load generator: raw sockets and prebuilt WebSocket frames, so that it outruns the server.

Runs in a process and on a core of its own. Every frame is masked with zeros, so that the payload
is the text itself; only the digits of the request id change from call to call.

``python -m bench.load HOST PORT CONNECTIONS IN_FLIGHT SECONDS gate|echo`` prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from functools import partial

ID_DIGITS = 10
ACK_EVERY = 64
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
REQUEST = (
    b'{"jsonrpc":"2.0","method":"tool_request","params":{"tool":"bench_read","args":'
    b'{"entity_id":"sensor.living_room_temperature","note":"two hundred bytes in all"}},'
    b'"id":%010d}'
)


def frame(text: bytes, opcode: int = 1) -> bytes:
    """One client frame with a mask of zeros."""
    size = len(text)
    head = bytes([0x80 | opcode])
    if size < 126:
        return head + bytes([0x80 | size]) + b"\0\0\0\0" + text
    return head + bytes([0xFE]) + size.to_bytes(2, "big") + b"\0\0\0\0" + text


class Caller(asyncio.Protocol):
    """One connection with a fixed number of calls in flight."""

    def __init__(self, number: int, in_flight: int, done: asyncio.Future[None], auth: str) -> None:
        self.number = number
        self.in_flight = in_flight
        self.ready = done
        self.auth = auth
        self.buffer = bytearray()
        self.upgraded = False
        self.running = False
        self.next_id = 1_000_000_000
        self.answered = 0
        self.unacked = 0
        self.latencies: list[float] = []
        self.sent_at: dict[int, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.write(UPGRADE)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            if b"\r\n\r\n" not in self.buffer:
                return
            del self.buffer[: self.buffer.index(b"\r\n\r\n") + 4]
            self.upgraded = True
            if not self.auth:
                self.ready.set_result(None)
                return
            text = f'{{"jsonrpc":"2.0","method":"auth","params":{{"token":"{self.auth}",'
            text += f'"client_id":"bench-{os.getpid()}-{self.number}"}},"id":"auth-1"}}'
            self.transport.write(frame(text.encode()))
        replies = self.take_frames()
        if not replies:
            return
        if not self.ready.done():
            self.ready.set_result(None)
            replies -= 1
        if self.running and replies:
            self.account(replies)

    def take_frames(self) -> int:
        """Count and drop the whole text frames in the buffer; answer pings."""
        count = 0
        buffer = self.buffer
        at = 0
        while len(buffer) - at >= 2:
            size = buffer[at + 1]
            head = 2
            if size == 126:
                if len(buffer) - at < 4:
                    break
                size = int.from_bytes(buffer[at + 2 : at + 4], "big")
                head = 4
            if len(buffer) - at < head + size:
                break
            opcode = buffer[at] & 0x0F
            if opcode == 9:
                self.transport.write(frame(bytes(buffer[at + head : at + head + size]), 10))
            elif opcode == 1:
                count += 1
                if count == 1 and b'"error"' in buffer[at : at + head + size]:
                    raise SystemExit(bytes(buffer[at : at + head + size]).decode("latin-1"))
            at += head + size
        del buffer[:at]
        return count

    def account(self, replies: int) -> None:
        """Replies come in order of sending for a tool that returns at once."""
        now = time.perf_counter()
        first = self.next_id - self.in_flight
        for request_id in range(first, first + replies):
            self.latencies.append(now - self.sent_at.pop(request_id))
        self.answered += replies
        self.send(replies)

    def send(self, count: int) -> None:
        out = bytearray()
        now = time.perf_counter()
        for _ in range(count):
            self.sent_at[self.next_id] = now
            out += frame(REQUEST % self.next_id)
            self.next_id += 1
        self.unacked += count
        if self.auth and self.unacked >= ACK_EVERY:
            self.unacked = 0
            seq = self.answered
            out += frame(b'{"jsonrpc":"2.0","method":"ack","params":{"seq":%d}}' % seq)
        self.transport.write(bytes(out))


async def connect(
    host: str, port: int, connections: int, in_flight: int, auth: str
) -> list[Caller]:
    """Open connections one after another, authenticated unless ``auth`` is empty."""
    loop = asyncio.get_running_loop()
    callers = []
    for number in range(connections):
        ready: asyncio.Future[None] = loop.create_future()
        _, caller = await loop.create_connection(
            partial(Caller, number, in_flight, ready, auth), host, port
        )
        await ready
        callers.append(caller)
    return callers


async def run(
    host: str, port: int, connections: int, in_flight: int, seconds: float, auth: str
) -> dict[str, float]:
    callers = await connect(host, port, connections, in_flight, auth)
    for caller in callers:
        caller.running = True
        caller.send(in_flight)
    await asyncio.sleep(0.5)
    before = sum(caller.answered for caller in callers)
    for caller in callers:
        caller.latencies.clear()
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    busy = (time.process_time() - cpu) / took
    answered = sum(caller.answered for caller in callers) - before
    latencies = sorted(latency for caller in callers for latency in caller.latencies)
    for caller in callers:
        caller.transport.abort()
    return {
        "answered": float(sum(caller.answered for caller in callers)),
        "calls_per_s": answered / took,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
        "generator_busy": busy,
    }


def main() -> None:
    host, port, connections, in_flight, seconds, auth = sys.argv[1:7]
    token = auth if auth != "echo" else ""
    result = asyncio.run(
        run(host, int(port), int(connections), int(in_flight), float(seconds), token)
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
