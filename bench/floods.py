"""What a flood costs an honest agent: its calls beside strangers' pipelined HTTP, and without.

``python -m bench.floods [SECONDS] [CONNECTIONS]``. Two gateways in the same run, on one core; the
flood and the honest agent share the other. An agent makes one call after the other, first at the
gateway that nobody floods, then at the one under the flood, by turns.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import threading
import time
from statistics import quantiles

from bench.__main__ import CORES, server
from bench.load import REQUEST, UPGRADE, frame
from bench.servers import TOKEN

SECONDS = 10.0
CONNECTIONS = 16
TURNS = 5
PIPELINED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2_000


def flood(port: int, connections: int) -> None:
    """Send requests back to back on so many connections, until killed; each reads its answers."""
    os.sched_setaffinity(0, {CORES[-1]})

    def one() -> None:
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as sock:
                    drain = threading.Thread(target=read_all, args=(sock,), daemon=True)
                    drain.start()
                    while True:
                        sock.sendall(PIPELINED)
            except OSError:
                continue  # cut off: come again

    for _ in range(connections):
        threading.Thread(target=one, daemon=True).start()
    threading.Event().wait()


def read_all(sock: socket.socket) -> None:
    """Read until the other end has had enough."""
    try:
        while sock.recv(1 << 20):
            pass
    except OSError:
        pass


class Honest:
    """An agent that makes one call after the other."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.sock.sendall(UPGRADE)
        while self.file.readline().strip():
            pass
        auth = {"token": TOKEN, "client_id": f"honest-{port}"}
        hello = {"jsonrpc": "2.0", "method": "auth", "params": auth, "id": "auth-1"}
        self.sock.sendall(frame(json.dumps(hello).encode()))
        self.read()
        self.next_id = 1_000_000_000

    def read(self) -> bytes:
        """Read one text, and answer pings before it."""
        while True:
            first, size = self.file.read(2)
            if size == 126:
                size = int.from_bytes(self.file.read(2))
            payload = self.file.read(size)
            if first == 0x81:
                return payload
            self.sock.sendall(frame(payload, 0xA))

    def calls(self, seconds: float) -> list[float]:
        """Make calls for so long; return how many seconds each took."""
        took = []
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            self.next_id += 1
            self.sock.sendall(frame(REQUEST % self.next_id))
            answer = self.read()
            assert b'"executed"' in answer, answer
            took.append(time.perf_counter() - began)
            if self.next_id % 64 == 0:
                seq = json.loads(answer)["result"]["seq"]
                ack = {"jsonrpc": "2.0", "method": "ack", "params": {"seq": seq}}
                self.sock.sendall(frame(json.dumps(ack).encode()))
        return took


def told(took: list[float]) -> str:
    """The middle and the end of the times, in milliseconds."""
    cuts = quantiles(took, n=100)
    return (
        f"p50 {cuts[49] * 1e3:6.2f} ms, p99 {cuts[98] * 1e3:6.2f} ms, "
        f"max {max(took) * 1e3:6.2f} ms, {len(took):,} calls"
    )


def main() -> None:
    """Measure by turns, and print both."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else CONNECTIONS
    os.sched_setaffinity(0, {CORES[-1]})
    with server("gate") as (_, calm), server("gate") as (_, flooded):
        calm_agent, other = Honest(calm), Honest(flooded)
        process = multiprocessing.get_context("spawn").Process(
            target=flood, args=(flooded, connections), daemon=True
        )
        quiet: list[float] = []
        loud: list[float] = []
        for _ in range(TURNS):
            quiet += calm_agent.calls(seconds / TURNS)
        process.start()
        time.sleep(1.0)
        for _ in range(TURNS):
            loud += other.calls(seconds / TURNS)
        process.kill()
        print(f"nobody else:          {told(quiet)}")
        print(f"{connections:2} flooding strangers: {told(loud)}")


if __name__ == "__main__":
    main()
