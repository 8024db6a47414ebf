"""Playing a plug: an MCP client, such as Claude Code, asks through ``agent-gate mcp``.

The client is the demo itself. It says on the pipe what such clients say, and knows nothing of the
gateway, which is killed while it waits.
"""

from __future__ import annotations

from typing import Any

import anyio

from agentgate_cli.demo import account
from agentgate_cli.demo.mcp_client import McpClient
from agentgate_cli.demo.person import Answer, Person
from agentgate_cli.demo.processes import DemoError
from agentgate_cli.demo.scenes import Plug
from agentgate_cli.demo.stage import STEP_S, Stage
from agentgate_cli.style import warn
from agentgate_client import ApprovalView


async def play_plug(stage: Stage, person: Person, plug: Plug) -> list[str]:
    """Play a plug and tell it; return what was not as it must be."""
    with anyio.fail_after(STEP_S):
        client = McpClient(await stage.start_mcp())
        server, tools = await client.connect()
        account.plugged(server, tools, stage.mcp.pid)
        call = await client.call(plug.tool, plug.args)
        view = await asked(stage, plug)
        account.ruled("ask", view.rule, view.description)
        account.progressed(await client.progress())
        pid = stage.gateway.pid
        await stage.gateway.kill()
        await stage.start_gateway()
        account.fact("then", f"{warn('kill -9')} of the gateway (pid {pid}), and another one")
    answer = await person.answer(view, "approve")
    with anyio.fail_after(STEP_S):
        await stage.person.decide(view.id, answer.decision)
        result = await client.result(call)
        row = await stage.row(plug.tool, plug.args, "done")
    account.answered(
        answer.decision == "approve", row["decided_by"], row["channel"], answer.scripted
    )
    account.told_by_mcp(result)
    return wrong(stage, plug, row, result, answer)


async def asked(stage: Stage, plug: Plug) -> ApprovalView:
    """Return the approval, once the gateway has it."""
    await stage.row(plug.tool, plug.args, "waiting")
    views = await stage.person.list()
    if len(views) != 1 or views[0].tool != plug.tool:
        raise DemoError(f"one approval should wait, there are {len(views)}")
    return views[0]


def wrong(
    stage: Stage, plug: Plug, row: dict[str, Any], result: dict[str, Any], answer: Answer
) -> list[str]:
    """Compare what came out with what must have: for the client, the gateway and the house."""
    runs = answer.decision == "approve"
    text = McpClient.text(result)
    facts: list[tuple[str, Any, Any]] = [
        ("the gateway has noted", "executed" if runs else "denied", row["status"]),
        ("calls at the house", int(runs), stage.starts(plug.args)),
        ("the client was told of an error", not runs, result.get("isError")),
        ("the client was told the state", runs, plug.state in text),
    ]
    return [f"{what} {got!r}, not {due!r}" for what, due, got in facts if due != got]
