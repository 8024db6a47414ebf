"""Lets ``agent-gate conformance --listen`` test our own client: ``python … URL``.

What a task asks for is in ``spec/testing.md``.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any
from uuid import uuid4

import anyio

from agentgate_client import AgentGateClient, AgentGateError, Cursor, EventStream, Run, Tool

TOKEN = "conformance-token"


async def main(url: str) -> None:
    client_id = f"conformance-{uuid4()}"  # of all clients of this driver, as a stable name is
    client = AgentGateClient(url, TOKEN, client_id=client_id)
    try:
        await client.connect()
        while True:
            task = await client.call("next", {})
            report: dict[str, Any] = {"task": task["task"]}
            if "provide" in task:
                report["provide"] = await offered(client, task["provide"])
            report["results"] = await made(client, task["calls"], task.get("close_after"))
            if "provide" in task:
                await offered(client, [])
            if "session" in task:
                report["session"] = [await read(client, reader) for reader in task["session"]]
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


RUNS: Counter[str] = Counter()
"""How often a provided tool was run, by its argument ``key``."""


async def count(key: str) -> dict[str, Any]:
    """Say how often it was run for the key."""
    RUNS[key] += 1
    return {"key": key, "runs": RUNS[key]}


async def wait(key: str, seconds: float) -> dict[str, Any]:
    """Take so long, then do the same."""
    RUNS[key] += 1
    await anyio.sleep(seconds)
    return {"key": key, "runs": RUNS[key]}


def fail(text: str) -> None:
    """Fail with the text."""
    raise RuntimeError(text)


TOOLS = {tool.name: tool for tool in map(Tool.of, (count, wait, fail))}


async def offered(client: AgentGateClient, names: list[str]) -> dict[str, Any]:
    """Provide these tools, in place of those before; say what came of it."""
    try:
        return {"names": await client.provide(*(TOOLS[name] for name in names))}
    except AgentGateError as error:
        return {"error": {"code": error.code}}


async def read(client: AgentGateClient, reader: dict[str, Any]) -> dict[str, Any]:
    """Say something and read the run to its end, or watch; say what was heard."""
    events: list[dict[str, Any]] = []
    told: dict[str, Any] = {"events": events}
    try:
        session = await client.sessions.get(reader["session"])
        if "say" in reader:
            run = session.send(reader["say"]["text"], message_id=reader["say"]["message_id"])
            try:
                await hear(run, events)
                told["text"] = await run.text()
            except AgentGateError as error:
                if not run.id:
                    raise
                told["text"] = error.data["text"]  # as much as there is
        else:
            cursor = Cursor(**reader["watch"]) if reader["watch"] else None
            async with session.attach(cursor) as stream:
                await hear(stream, events)
    except AgentGateError as error:
        told["error"] = {"code": error.code}
    return told


async def hear(stream: Run | EventStream, events: list[dict[str, Any]]) -> None:
    """Note the events as they come, up to the last one."""
    async for event in stream:
        place = {"offset": event.offset, "count": event.count}
        events.append({"kind": event.kind, **place, "data": event.data})
        if event.data.get("last"):
            return


if __name__ == "__main__":
    try:
        anyio.run(main, sys.argv[1])
    except AgentGateError:
        sys.exit(0)  # the last case closes with 4409
