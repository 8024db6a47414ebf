"""What is measured, each in a process of its own: the gateway, and a bare ``websockets`` echo.

``python -m bench.servers gate|besieged|echo DIR`` prints the port, then serves until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import anyio

TOKEN = "bench-token-of-the-agent"
EVIL_TOKEN = "bench-token-of-another-agent"
APPROVER_TOKEN = "bench-token-of-the-approver"
POLICY = """
defaults:
  - {pattern: "*", action: ask}
rules:
  - {pattern: "bench_read*", action: allow}
  - {pattern: "bench_write*", action: allow}
"""


BESIEGED = {"faces": {"mcp": {}}}
"""What a gateway under a flood has besides: another door, that floods come by."""


def config(folder: Path) -> dict[str, Any]:
    """A gateway without limits that would hide its speed."""
    return {
        "gateway": {"port": 0, "connections_max": 10_000, "connections_of_principal_max": 10_000},
        "agent": {"token": TOKEN},
        "principals": [
            {"name": "owner", "role": "approver", "token": APPROVER_TOKEN},
            {"name": "evil", "role": "agent", "token": EVIL_TOKEN},
        ],
        "storage": {"path": str(folder / "bench.db")},
        "rate_limit": {
            "max_pending_approvals": 100_000,
            "max_requests_per_minute": 10_000_000,
        },
    }


def write_config(folder: Path) -> Path:
    """Write that configuration with its policy; ``agent-gate serve`` can be started with it."""
    (folder / "permissions.yaml").write_text(POLICY)
    file = folder / "config.yaml"
    file.write_text(json.dumps(config(folder)))  # JSON is YAML
    return file


async def serve_gate(folder: Path, further: dict[str, Any]) -> None:
    from agentgate_server import tool
    from agentgate_server.config import config_from_dict
    from agentgate_server.gateway import Gateway
    from agentgate_server.policy import Policy

    @tool(effects="read", inline=True)
    def bench_read(entity_id: str, note: str = "") -> dict[str, str]:
        return {"entity_id": entity_id, "state": "21.3", "unit": "°C", "note": note}

    @tool(effects="read", inline=True)
    def bench_read_big(number: int) -> str:
        return f"{number:09}" * 10_000

    @tool(effects="write", inline=True)
    def bench_write(value: int) -> int:
        return value

    @tool(effects="write")
    def bench_ask(value: int) -> int:
        return value

    gateway = Gateway(
        config_from_dict({**config(folder), **further}),
        tools=[bench_read, bench_read_big, bench_write, bench_ask],
        policy=Policy.parse(POLICY),
    )
    async with gateway:
        print(gateway.port, flush=True)
        await anyio.sleep_forever()


async def serve_echo() -> None:
    from websockets.asyncio.server import ServerConnection, serve

    async def handle(socket: ServerConnection) -> None:
        async for text in socket:
            call = json.loads(text)
            answer = {"jsonrpc": "2.0", "result": call["params"]["args"], "id": call["id"]}
            await socket.send(json.dumps(answer))

    async with serve(handle, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    further = BESIEGED if kind == "besieged" else {}
    asyncio.run(serve_echo() if kind == "echo" else serve_gate(folder, further))


if __name__ == "__main__":
    main()
