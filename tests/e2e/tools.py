"""Tools that write down each start, so that a test can count how often a tool really began."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import anyio

from agentgate_server import tool


def journal(name: str, **args: Any) -> None:
    """Append one line, durably enough for kill -9: it reaches the system before the tool acts."""
    line = json.dumps({"tool": name, "args": args}) + "\n"
    path = Path(os.environ["E2E_JOURNAL"])
    with path.open("a", encoding="utf-8") as file:
        file.write(line)


@tool(effects="read", inline=True)
def get_state(entity_id: str) -> dict[str, str]:
    """Read the state of an entity.

    Args:
        entity_id: such as sensor.temp.
    """
    journal("get_state", entity_id=entity_id)
    return {"entity_id": entity_id, "state": "21.3"}


@tool(effects="read")
async def slow_read(key: str, seconds: float = 0.05) -> str:
    """Read something that takes a while."""
    journal("slow_read", key=key)
    await anyio.sleep(seconds)
    return f"read {key}"


@tool(effects="write")
def allowed_write(key: str) -> str:
    """Change something that policy allows."""
    journal("allowed_write", key=key)
    return f"wrote {key}"


@tool(effects="write")
def asked_write(key: str) -> str:
    """Change something that a person is asked about."""
    journal("asked_write", key=key)
    return f"wrote {key}"


@tool(effects="write")
async def slow_write(key: str, seconds: float = 0.2) -> str:
    """Change something that takes a while."""
    journal("slow_write", key=key)
    await anyio.sleep(seconds)
    return f"wrote {key}"


@tool(effects="write")
def stubborn_write(key: str) -> str:
    """Change something that nothing stops: it takes until there is a file ``go``."""
    journal("stubborn_write", key=key)
    go = Path(os.environ["E2E_JOURNAL"]).with_name("go")
    for _ in range(2_000):
        if go.exists():
            break
        time.sleep(0.01)
    return f"wrote {key}"


@tool(effects="write")
def broken_write(key: str) -> str:
    """Fail with a text of its own."""
    journal("broken_write", key=key)
    raise RuntimeError(f"the motor of {key} is stuck")


@tool(effects="write")
def forbidden(key: str) -> str:
    """Never runs: policy denies it."""
    journal("forbidden", key=key)
    return key
