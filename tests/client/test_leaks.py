"""Nothing is left behind: each program ends by itself, with an empty standard error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import asyncio, gc, logging, sys
import anyio
from agent_gate import AgentGateClient, AgentGateError
from tests.client.gateway import gateway, hang_up, http_reply, obliging, say_nothing
from tests.client.helpers import Asleep

backend = sys.argv[1]
logging.getLogger("asyncio").setLevel(logging.ERROR)  # not: this took 0.1 s

"""

PROGRAMS = {
    "closed": """
async def main():
    async with gateway(obliging) as gate, AgentGateClient(gate.url, "t") as client:
        await client.tool_request("x")
""",
    "never closed": """
async def main():
    async with gateway(obliging) as gate:
        client = AgentGateClient(gate.url, "t")
        await client.connect()
        await client.tool_request("x")
""",
    "connect fails": """
async def main():
    for script in (http_reply("404 Not Found"), hang_up):
        async with gateway(raw=script) as gate:
            try:
                await AgentGateClient(gate.url, "t", 0).connect()
            except AgentGateError:
                pass
""",
    "ended while calls wait": """
async def main():
    async with gateway() as gate:
        client = AgentGateClient(gate.url, "t")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.connect)
            peer = await gate.accept_authenticated()
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(client.tool_request, "x")
                await peer.receive()
            tasks.cancel_scope.cancel()
""",
    "connect cancelled in the dial": """
async def main():
    async with gateway(raw=say_nothing) as gate:
        for scheme in ("ws://", "wss://"):
            client = AgentGateClient(gate.url.replace("ws://", scheme), "t")
            with anyio.move_on_after(0.05):
                await client.connect()
""",
    "ended in the dial": """
async def main():
    async with gateway(raw=say_nothing) as gate:
        async with anyio.create_task_group() as tasks:
            client = AgentGateClient(gate.url.replace("ws://", "wss://"), "t")
            tasks.start_soon(client.connect)
            while not gate.connections:
                await anyio.sleep(0)
            tasks.cancel_scope.cancel()
""",
    "ended in the backoff": """
async def main():
    async with gateway() as gate:
        client = AgentGateClient(gate.url, "t", backoff=Asleep())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.connect)
            peer = await gate.accept_authenticated()
        peer.cut()
        while client.state.value != "reconnecting":
            await anyio.sleep(0)
""",
    "close cancelled natively": """
async def main():
    async with gateway() as gate:
        client = AgentGateClient(gate.url, "t")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.connect)
            peer = await gate.accept_authenticated()
        if backend == "asyncio":
            try:
                await asyncio.wait_for(client.close(), 0.05)
            except TimeoutError:
                pass
        else:
            with anyio.move_on_after(0.05):
                await client.close()
""",
}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_leaves_nothing_behind(program: str, backend: str) -> None:
    code = PRELUDE + PROGRAMS[program] + "\nanyio.run(main, backend=backend)\ngc.collect()\n"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code, backend],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    warned = ("cannot reach gateway", "lost gateway")
    stderr = [line for line in done.stderr.splitlines() if not line.startswith(warned)]
    assert (done.returncode, stderr) == (0, [])
