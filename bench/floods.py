"""What a flood costs an honest agent: its calls beside each flood of ``bench.flooding``.

``python -m bench.floods [SECONDS] [NAME:CONNECTIONS ...]``. For each flood a gateway of its own, on
one core; the flood and the honest agent share the other. An agent makes one call after the other,
first while there is nobody else, then beside the flood. The most memory that the gateway took is
told as well.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import time
from pathlib import Path
from statistics import quantiles

from bench.__main__ import CORES, server
from bench.flooding import flood
from bench.load import REQUEST, UPGRADE, frame
from bench.servers import TOKEN

SECONDS = 5.0
WARM_S = 1.5
"""How long a flood has before it is measured."""

ROUNDS = (
    "strangers:16",
    "http:16",
    "http:100",
    "http-unread:100",
    "mcp:16",
    "mcp:100",
    "mcp-unread:16",
    "mcp-unread:100",
    "small:16",
    "large:16",
    "unread:20",
)


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
        took: list[float] = []
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until or not took:
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
    cuts = quantiles(took, n=100) if len(took) > 1 else took * 99
    return (
        f"p50 {cuts[49] * 1e3:8.2f}  p99 {cuts[98] * 1e3:8.2f}  "
        f"max {max(took) * 1e3:8.2f} ms  {len(took):6,} calls"
    )


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1_024
    return 0.0


def play(name: str, connections: int, seconds: float) -> None:
    """Measure beside one flood, and print it."""
    with server("besieged") as (process, port):
        agent = Honest(port)
        quiet = agent.calls(seconds / 2)
        flooding = multiprocessing.get_context("spawn").Process(
            target=flood, args=(name, port, connections, CORES[-1]), daemon=True
        )
        flooding.start()
        time.sleep(WARM_S)
        loud = agent.calls(seconds)
        flooding.kill()
        print(f"{name} on {connections} connections, {peak_mb(process.pid):.0f} MB at the most")
        print(f"    nobody else: {told(quiet)}")
        print(f"    beside it:   {told(loud)}", flush=True)


def main() -> None:
    """Play what is named, or all."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    os.sched_setaffinity(0, {CORES[-1]})
    for each in sys.argv[2:] or ROUNDS:
        name, _, connections = each.partition(":")
        play(name, int(connections or 16), seconds)


if __name__ == "__main__":
    main()
