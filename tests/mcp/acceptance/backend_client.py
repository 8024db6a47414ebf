"""The gate's own client of MCP servers, as a program that the conformance suite examines.

It calls every tool that a server offers, with arguments that fit, and answers whatever it is asked
on the way.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

import anyio
import msgspec
from tests.server.tools.mcp.behind import called, serving

from agentgate_server.tools.dialogue import ELICITATION_FORM, ROOTS, SAMPLING, Dialogues
from agentgate_server.tools.mcp.form import McpServerConfig, McpUrl

UP_S: Final = 15.0
LISTEN_S: Final = 1.5
PLAIN: Final[dict[str, Any]] = {"number": 5, "integer": 5, "boolean": True, "array": []}

ANSWERS: Final[dict[str, Any]] = {
    "roots/list": {"roots": [{"uri": "file:///a", "name": "a"}]},
    "sampling/createMessage": {
        "role": "assistant",
        "content": {"type": "text", "text": "hi"},
        "model": "m",
        "stopReason": "endTurn",
    },
}


class Caller:
    """Whoever called: says yes to everything, with the defaults that are offered."""

    can = frozenset({ELICITATION_FORM, ROOTS, SAMPLING})

    async def ask(self, method: str, params: msgspec.Raw, *more: Any) -> msgspec.Raw:
        answer = ANSWERS.get(method)
        if answer is None:
            asked = msgspec.json.decode(params).get("requestedSchema", {}).get("properties", {})
            found = {name: each.get("default", "x") for name, each in asked.items()}
            answer = {"action": "accept", "content": found}
        return msgspec.Raw(msgspec.json.encode(answer))

    def tell(self, method: str, params: msgspec.Raw) -> None: ...


def arguments(schema: Any, name: str) -> dict[str, Any]:
    """Arguments for a tool: those that the suite wants, else any that fit."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    for wanted in context.get("toolCalls", ()):
        if name.endswith(wanted["name"]):
            found: dict[str, Any] = wanted["arguments"]
            return found
    properties = schema.get("properties", {})
    return {key: PLAIN.get(each.get("type"), "x") for key, each in properties.items()}


async def main(url: str) -> None:
    """Use all that the server at a URL offers."""
    dialogues = Dialogues()
    caller = Caller()
    dialogues.find = lambda rid: [caller]
    config = McpServerConfig(url=McpUrl(url), resources=True, prompts=True)
    async with serving(dialogues, s=config) as servers:
        await servers.servers["s"].wait_up(UP_S)
        for tool in list(servers):
            if tool.listed:
                await called(servers, tool.name, arguments(tool.schema, tool.name))
        await anyio.sleep(LISTEN_S)


if __name__ == "__main__":
    anyio.run(main, sys.argv[-1])
