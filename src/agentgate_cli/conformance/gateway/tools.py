"""The tools of a gateway under test: the vectors are written for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio

from agentgate_server import tool

TALLIES = Path(__file__).with_name("tallies")
"""A line for each run: what a tool did outlives the gateway, so what it does twice shows."""


@tool(effects="read", inline=True)
def echo(value: Any) -> Any:
    """Return the value."""
    return value


@tool(effects="read", inline=True)
def big(size: int) -> str:
    """Return a text of so many bytes."""
    return "x" * size


@tool(effects="read")
async def slow(seconds: float) -> str:
    """Take so long."""
    await anyio.sleep(seconds)
    return "slept"


@tool(effects="write")
async def slow_write(seconds: float, key: str = "") -> str:
    """Take so long to change something; the key tells one such act from another."""
    await anyio.sleep(seconds)
    return "slept"


@tool(effects="write", inline=True)
def tally(key: str) -> int:
    """Count how often this was really run for the key, this time included."""
    line = json.dumps(key)
    with TALLIES.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    return TALLIES.read_text("utf-8").splitlines().count(line)


@tool(effects="write", inline=True)
def fail(text: str) -> None:
    """Fail with this text."""
    raise RuntimeError(text)


@tool(effects="write", inline=True)
def guarded(value: Any) -> Any:
    """Return the value, once people have said yes: its first word says how (permissions.yaml)."""
    return value


@tool(effects="write", inline=True)
def forbidden(value: Any) -> Any:
    """Never runs: policy denies it."""
    return value
