"""Lets ``agent-gate conformance --listen`` test our own client: ``python … URL``."""

from __future__ import annotations

import sys
from typing import Any

import anyio

from agentgate_client import AgentGateClient, AgentGateError

TOKEN = "conformance-token"


async def main(url: str) -> None:
    async with AgentGateClient(url, TOKEN) as gateway:
        while True:
            task = await gateway.call("next", {})
            results: list[Any] = [None] * len(task["calls"])

            async def make(number: int, call: dict[str, Any], into: list[Any]) -> None:
                try:
                    into[number] = {"data": await gateway.call(call["tool"], call["args"])}
                except AgentGateError as error:
                    into[number] = {"error": {"code": error.code, "message": error.message}}

            async with anyio.create_task_group() as tasks:
                for number, call in enumerate(task["calls"]):
                    tasks.start_soon(make, number, call, results)
            await gateway.call("report", {"task": task["task"], "results": results})


if __name__ == "__main__":
    try:
        anyio.run(main, sys.argv[1])
    except AgentGateError:
        sys.exit(0)  # the last case closes with 4409
