"""Lets ``agent-gate conformance --listen`` test our own client: ``python … URL``.

What a task asks for is in ``spec/testing.md``.
"""

from __future__ import annotations

import sys
from typing import Any
from uuid import uuid4

import anyio

from agentgate_client import AgentGateClient, AgentGateError

TOKEN = "conformance-token"


async def main(url: str) -> None:
    client_id = f"conformance-{uuid4()}"  # of all clients of this driver, as a stable name is
    client = AgentGateClient(url, TOKEN, client_id=client_id)
    try:
        await client.connect()
        while True:
            task = await client.call("next", {})
            report: dict[str, Any] = {"task": task["task"]}
            report["results"] = await made(client, task["calls"], task.get("close_after"))
            if "close_after" in task:
                client = AgentGateClient(url, TOKEN, client_id=client_id)
                await client.connect()
            if task.get("collect"):
                report["rows"] = await client.get_pending_results()
            await client.call("report", report)
    finally:
        await client.close()


async def made(
    client: AgentGateClient, calls: list[dict[str, Any]], close_after: int | None
) -> list[Any]:
    """Make all calls at the same time; say how each ended."""
    results: list[Any] = [None] * len(calls)

    async def make(number: int, call: dict[str, Any]) -> None:
        await anyio.sleep(call.get("wait_s", 0))
        try:
            data = await client.call(call["tool"], call["args"], timeout_s=call.get("timeout_s"))
            results[number] = {"data": data}
        except AgentGateError as error:
            told: dict[str, Any] = {"code": error.code, "message": error.message}
            if isinstance(error.data, dict) and error.data.get("sent"):
                told["sent"] = True
            results[number] = {"error": told}
        if number == close_after:
            await client.close()

    async with anyio.create_task_group() as tasks:
        for number, call in enumerate(calls):
            tasks.start_soon(make, number, call)
    return results


if __name__ == "__main__":
    try:
        anyio.run(main, sys.argv[1])
    except AgentGateError:
        sys.exit(0)  # the last case closes with 4409
