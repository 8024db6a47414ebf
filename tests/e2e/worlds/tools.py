"""The simulator's tools in a real process: each writes down that it starts, before it does.

Every tool takes ``n``, the content of the request, and returns it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from random import Random
from typing import Any

import anyio
from tests.sim.tools import INLINE, SLOW

from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.tools.python import python_tool

WORLD = json.loads(os.environ["E2E_WORLD"])


def begin(name: str, n: int) -> None:
    """Write one line, durably. A tool that cannot write it has not started."""
    line = json.dumps({"tool": name, "n": n}) + "\n"
    file = os.open(os.environ["E2E_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    except OSError as error:
        raise NotStarted(f"no room for the journal: {error}") from None
    finally:
        os.close(file)


def inline_tool(name: str) -> Callable[..., Any]:
    """Make a tool that is done at once."""

    def at_once(n: int) -> dict[str, int]:
        begin(name, n)
        return {"n": n}

    return at_once


def slow_tool(name: str) -> Callable[..., Any]:
    """Make a tool that takes a while, and at times fails, hangs, or cannot be stopped."""

    async def in_a_while(n: int) -> dict[str, int]:
        begin(name, n)
        rng = Random(f"{WORLD['seed']} {name} {n}")
        seconds = rng.random() * WORLD["tool_s"]
        mishap = rng.randrange(4) if rng.random() < WORLD["tool_trouble"] else None
        if mishap == 1:
            await anyio.sleep_forever()
        with anyio.CancelScope(shield=mishap == 2):
            await anyio.sleep(seconds)
        if mishap == 0:
            raise ToolFailed("it is broken")
        if mishap == 3 and SLOW[name] == "write":
            raise EffectUnknown("who knows")
        return {"n": n}

    return in_a_while


TOOLS = [
    *(python_tool(inline_tool(a), name=a, effects=INLINE[a], inline=True) for a in INLINE),
    *(python_tool(slow_tool(a), name=a, effects=SLOW[a]) for a in SLOW),
]
