"""What the tests of the runner share."""

from collections.abc import Callable
from typing import Any

import anyio

from agentgate_proto.records.outcome import Outcome
from agentgate_server.tools.runner import Runner
from agentgate_server.tools.tool import Tool

BOUND_S = 20.0
"""How long a test waits for anything before it fails."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that a thread does."""
    with anyio.fail_after(BOUND_S):
        while True:
            if condition():
                return
            await anyio.sleep(0.001)


async def outcome_of(runner: Runner, tool: Tool, **args: Any) -> Outcome:
    with anyio.fail_after(BOUND_S):
        return await runner.run(tool, args)
