"""What a gateway in between adds to a call: as a ratio to a direct one, in the same run.

``python -m bench.relay [SECONDS]``: three gateways in a row, each in a process of its own, and one
client. The same tool is called at the last, through one, and through two others, in turn: one call
after the other, and 64 at once.

Noted on 29 November 2026, on two cores that all four processes and others shared: a call through
one gateway takes 4.0 to 4.2 times as long as a direct one (p50 0.43 to 0.50 ms), each hop adds 1.4
to 2.5 ms; 64 at once get 0.25 to 0.37 of the direct rate. Of a hop's processor two thirds are
sockets. A write adds what its key costs to look up in the store (1.3 ms).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import anyio

from agentgate_client import AgentGateClient

TOKEN, RELAY_TOKEN = "bench-token-of-the-agent", "bench-token-of-the-relay"
AT_ONCE = 64
ROUNDS = 5
WARM_CALLS = 50

ROW = (("house", ""), ("hall", "house"), ("office", "hall"))
"""Each gateway, and the one behind it."""

TOOLS = {"house": "bench_read", "hall": "house.bench_read", "office": "hall.house.bench_read"}
"""What the tool is called at each."""


def config(folder: Path, name: str, behind: str, url: str) -> dict[str, Any]:
    """One of the gateways, without limits that would hide its speed."""
    upstream = {"url": url, "token": RELAY_TOKEN, "tools": ["*"]}
    return {
        "gateway": {"port": 0},
        "principals": [
            {"name": "agent", "role": "agent", "token": TOKEN},
            {"name": "front", "role": "relay", "token": RELAY_TOKEN},
        ],
        "storage": {"path": str(folder / f"{name}.db")},
        "rate_limit": {"max_requests_per_minute": 10_000_000},
        "upstreams": {behind: upstream} if behind else {},
    }


async def serve(folder: Path, name: str, behind: str, url: str) -> None:
    """Be one of the gateways."""
    from agentgate_relay import Links
    from agentgate_server import tool
    from agentgate_server.config import config_from_dict
    from agentgate_server.gateway import Gateway
    from agentgate_server.policy import Policy

    @tool(effects="read", inline=True)
    def bench_read(entity_id: str) -> dict[str, str]:
        return {"entity_id": entity_id, "state": "21.3", "unit": "°C"}

    gateway = Gateway(
        config_from_dict(config(folder, name, behind, url)),
        tools=[] if behind else [bench_read],
        policy=Policy.parse("defaults: [{pattern: '*', action: allow}]"),
        upstreams=Links,
    )
    async with gateway:
        print(gateway.url, flush=True)
        await anyio.sleep_forever()


async def one_by_one(client: AgentGateClient, tool: str, seconds: float) -> list[float]:
    """Call again and again; return how long each took, in seconds."""
    taken = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await client.call(tool, {"entity_id": "sensor.temp"})
        taken.append(time.perf_counter() - began)
    return taken


async def at_once(client: AgentGateClient, tool: str, seconds: float) -> float:
    """Keep so many calls under way; return calls a second."""
    calls = 0
    began = time.perf_counter()

    async def go_on() -> None:
        nonlocal calls
        while time.perf_counter() < began + seconds:
            await client.call(tool, {"entity_id": "sensor.temp"})
            calls += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(go_on)
    return calls / (time.perf_counter() - began)


@asynccontextmanager
async def clients(urls: dict[str, str]) -> AsyncIterator[dict[str, AgentGateClient]]:
    """A client at each gateway."""
    found = {name: AgentGateClient(url, TOKEN) for name, url in urls.items()}
    for name, client in found.items():
        await client.connect()
        for _ in range(WARM_CALLS):
            await client.call(TOOLS[name], {"entity_id": "sensor.temp"})
    yield found
    for client in found.values():
        await client.close()


async def measure(urls: dict[str, str], seconds: float) -> None:
    """Measure in turn, and print what came of it."""
    taken: dict[str, list[float]] = {name: [] for name in urls}
    rates: dict[str, list[float]] = {name: [] for name in urls}
    async with clients(urls) as at:
        for _ in range(ROUNDS):
            for name, client in at.items():
                taken[name] += await one_by_one(client, TOOLS[name], seconds / ROUNDS)
                rates[name].append(await at_once(client, TOOLS[name], seconds / ROUNDS))
    direct, rate = median(taken["house"]), median(rates["house"])
    for hops, name in enumerate(urls):
        p50, p99 = median(taken[name]), quantiles(taken[name], n=100)[98]
        added = f"+{(p50 - direct) / hops * 1e6:.0f} us a hop" if hops else "direct"
        print(
            f"{hops} hops: p50 {p50 * 1e6:6.0f} us ({p50 / direct:.2f} x direct, {added}), "
            f"p99 {p99 * 1e6:6.0f} us; {AT_ONCE} at once: {median(rates[name]):6.0f} calls/s "
            f"({median(rates[name]) / rate:.2f} x)"
        )


def main() -> None:
    """Start the row, and measure."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    urls: dict[str, str] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for name, behind in ROW:
            command = [sys.executable, "-m", "bench.relay", "--serve", folder, name, behind]
            process = subprocess.Popen(
                [*command, urls.get(behind, "")], stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            urls[name] = process.stdout.readline().strip()
        print(json.dumps({"seconds": seconds, "rounds": ROUNDS}))
        anyio.run(measure, urls, seconds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        anyio.run(serve, Path(sys.argv[2]), *sys.argv[3:6])
    else:
        main()
