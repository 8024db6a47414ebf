"""Lets ``agent-gate conformance --listen`` test our own client.

``python … URL [--minimal | --fresh]``

``spec/testing.md`` says what is wanted of it. With ``--minimal`` it is a client that does not come
back by itself, with ``--fresh`` one that does, and keeps no rows for the next.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any
from uuid import uuid4

import anyio

from agentgate_client import AgentGateClient, AgentGateError, Cursor, EventStream, Run, Tool
from agentgate_proto.errors import ErrorCode

TOKEN = "conformance-token"

TRIES = 10
"""How many clients in a row may fail to open before there is no gateway any more."""


class Driver:
    """Does what the tasks say.

    Args:
        url: of the examination.
        minimal: never come back, each client has a name of its own.
        fresh: each client has a name of its own.
    """

    def __init__(self, url: str, *, minimal: bool, fresh: bool) -> None:
        self.url = url
        self.options: dict[str, Any] = {"max_retries": 0} if minimal else {}
        if not minimal and not fresh:
            self.options["client_id"] = f"conformance-{uuid4()}"
        self.failed: list[Any] = []
        self.report: dict[str, Any] | None = None
        self.collects = False
        self.is_last = False

    async def run(self) -> None:
        """Go on, by one client after the other, until the last task is done."""
        while (gateway := await self.opened()) is not None:
            try:
                await self.work(gateway)
            except AgentGateError:
                pass  # it is over: another one goes on
            finally:
                await gateway.close()
            if self.is_last:
                return

    async def opened(self) -> AgentGateClient | None:
        """Open a client, and note those that fail to open."""
        for _ in range(TRIES):
            gateway = AgentGateClient(self.url, TOKEN, **self.options)
            try:
                await gateway.connect()
            except AgentGateError as error:
                self.failed.append({"code": error.code, "message": error.message})
                await anyio.sleep(0.01)
            else:
                return gateway
        return None

    async def work(self, gateway: AgentGateClient) -> None:
        """Take tasks and report on them, by this client."""
        while True:
            if self.report is not None:
                if self.collects:
                    self.report["rows"] = await gateway.get_pending_results()
                    self.collects = False
                report, self.failed = {**self.report, "failed": self.failed}, []
                try:
                    await gateway.call("report", report)
                except AgentGateError as error:
                    if is_over(error) and not was_sent(error):
                        raise  # by the next client, then
                self.report = None
            if self.is_last:
                return
            try:
                task = await gateway.call("next", {})
            except AgentGateError as error:
                if is_over(error):
                    raise
                continue
            self.is_last = task.get("last", False)
            self.report = await done(gateway, task)
            if "close_after" in task:
                self.collects = task.get("collect", False)
                return


async def done(gateway: AgentGateClient, task: dict[str, Any]) -> dict[str, Any]:
    """Do a task; return what to report of it."""
    report: dict[str, Any] = {"task": task["task"], "knows": ["why", "word", "edited"]}
    if "provide" in task:
        report["provide"] = await offered(gateway, task["provide"])
    report["results"] = await made(gateway, task["calls"], task.get("close_after"))
    if "provide" in task:
        await offered(gateway, [])
    if "session" in task:
        report["session"] = [await read(gateway, reader) for reader in task["session"]]
    if task.get("collect") and "close_after" not in task:
        report["rows"] = await gateway.get_pending_results()
    return report


async def made(
    gateway: AgentGateClient, calls: list[dict[str, Any]], close_after: int | None
) -> list[Any]:
    """Make all calls at the same time; say how each ended."""
    results: list[Any] = [None] * len(calls)

    async def make(number: int, call: dict[str, Any]) -> None:
        await anyio.sleep(call.get("wait_s", 0.0))
        try:
            options = {"timeout_s": call.get("timeout_s"), "why": call.get("why", "")}
            end = await gateway.ask(call["tool"], call["args"], **options)
            results[number] = {"data": end.data, "word": end.word, "edited": end.edited}
        except AgentGateError as error:
            told = {"code": error.code, "message": error.message, "sent": was_sent(error)}
            results[number] = {"error": told, "word": error.word, "edited": error.edited}
        if number == close_after:
            await gateway.close()

    async with anyio.create_task_group() as tasks:
        for number, call in reversed([*enumerate(calls)]):  # as threads may: no case counts on it
            tasks.start_soon(make, number, call)
    return results


def is_over(error: AgentGateError) -> bool:
    """Whether it says that the client is at its end."""
    return error.code in (ErrorCode.CONNECTION_LOST, ErrorCode.AUTHENTICATION)


def was_sent(error: AgentGateError) -> bool:
    """Whether the client says that the call was sent and may still run."""
    return isinstance(error.data, dict) and error.data.get("sent") is True


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
                told["text"] = (error.data or {}).get("text")  # as much as there is
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


async def main(url: str, *options: str) -> None:
    """Let the client be tested."""
    driver = Driver(url, minimal="--minimal" in options, fresh="--fresh" in options)
    await driver.run()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
