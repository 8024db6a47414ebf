"""The agent of the demo: a process of its own that asks for what it is told to, with the SDK.

It reads orders from standard input and writes reports to standard output, each a line of JSON:

- ``{"ask": "set_light", "args": {...}}`` → ``waiting``, if a person is asked, then ``result`` or
  ``error``.
- ``{"say": "Good evening"}`` → the events of the run that it begins, then ``inspected``.
- ``{"collect": true}`` → ``collected``: the outcomes of calls that an earlier process left behind.

It ends with standard input.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import anyio
import msgspec

from agentgate_client import (
    AgentGateClient,
    AgentGateError,
    ClientState,
    RequestWaiting,
    StateChanged,
)


def report(event: str, **facts: Any) -> None:
    """Tell the demo what happened."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def tell_state(change: StateChanged) -> None:
    """Report that the gateway is away, or there again."""
    if change.state is ClientState.RECONNECTING and change.error is not None:
        report("disconnected", reason=change.error.message)
    elif change.state is ClientState.CONNECTED:
        report("connected")


def tell_waiting(waiting: RequestWaiting) -> None:
    """Report that a person is asked."""
    report("waiting", rule=waiting.rule, until=waiting.expires_at)


async def ask(gateway: AgentGateClient, tool: str, args: dict[str, Any]) -> None:
    """Ask for a tool, and report how it ended."""
    try:
        data = await gateway.call(tool, args)
    except AgentGateError as error:
        report("error", kind=type(error).__name__, code=error.code, message=error.message)
    else:
        report("result", data=data)


async def converse(gateway: AgentGateClient, text: str) -> None:
    """Say something to the model in a session of its own, and report what comes of it."""
    try:
        session = await gateway.sessions.create()
        thoughts: list[str] = []
        async for event in session.send(text):
            if event.kind == "thinking":
                thoughts.append(event.data["text"])
                continue
            if thoughts:
                report("thinking", data={"text": "".join(thoughts)})
                thoughts.clear()
            report(event.kind, data=event.data)
        inspection = msgspec.to_builtins(await session.inspect())
        report("inspected", session=session.id, inspection=inspection)
    except AgentGateError as error:
        report("error", kind=type(error).__name__, code=error.code, message=error.message)


async def main() -> None:
    """Follow orders."""
    client = AgentGateClient(
        os.environ["AGENT_GATE_URL"],
        os.environ["AGENT_GATE_TOKEN"],
        client_id="demo-agent",  # a stable name: a new process collects what the old one left
        on_state=tell_state,
        on_waiting=tell_waiting,
    )
    async with client as gateway, anyio.create_task_group() as tasks:
        async for line in anyio.wrap_file(sys.stdin):
            order = json.loads(line)
            if "ask" in order:
                tasks.start_soon(ask, gateway, order["ask"], order["args"])
            elif "say" in order:
                tasks.start_soon(converse, gateway, order["say"])
            else:
                report("collected", rows=await gateway.get_pending_results())
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main)
