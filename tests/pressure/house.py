"""The tools of a gateway under pressure. ``gateway`` copies this file beside its configuration."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import msgspec

from agentgate_server import tool

JOURNAL = Path("journal")


@dataclass
class Opts:
    where: str = "prod"


SPARE = Opts()


class Stage(Enum):
    DEV = "dev"
    PROD = "prod"

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        return cls.PROD if value == "production" else None


class Row(msgspec.Struct, array_like=True):
    where: str = "dev"
    replicas: int = 1


@tool(effects="read", inline=True)
def look(what: str) -> str:
    """Read something at once."""
    return what


@tool(effects="read")
def echo(text: str) -> str:
    """Read something on a thread."""
    return text


@tool(effects="write")
def note(key: str, text: str = "") -> str:
    """Write a line."""
    with JOURNAL.open("a", encoding="utf-8") as file:
        file.write(f"{key}\n")
    return f"noted {key}"


@tool(effects="write")
def door(key: str, text: str = "") -> str:
    """Write a line, if a person says yes."""
    return note(key)


@tool(effects="read")
def large(size: int) -> str:
    """Say a lot."""
    return "x" * size


@tool(effects="read")
async def wait(seconds: float) -> str:
    """Take a while."""
    await anyio.sleep(seconds)
    return "done"


@tool(effects="read")
async def hold(text: str) -> int:
    """Keep something for a while."""
    await anyio.sleep(0.9)
    return len(text)


@tool(effects="write")
def denied(**kw: Any) -> str:
    """Never run: policy denies it."""
    return note("never")


@tool(effects="write")
def free(**kw: Any) -> Any:
    """Take anything, if a person says yes."""
    return sorted(kw)


@tool(effects="write")
def deploy(opts: Opts) -> str:
    """Deploy, though not to prod."""
    return f"deployed to {opts.where}"


@tool(effects="write")
def roll(steps: list[Opts], spare: Opts = SPARE) -> str:
    """Deploy step by step, though not to prod."""
    return f"deployed to {[each.where for each in (*steps, spare)]}"


@tool(effects="write")
def plan(
    at: datetime, stage: Stage = Stage.DEV, script: bytes = b"", row: Row | None = None
) -> str:
    """Deploy later, though not on Christmas Eve."""
    return f"at {at} to {stage}"


@tool(effects="read")
def fetch(place: str) -> str:
    """Read from somewhere else, though not from everywhere."""
    return place


@tool(effects="read")
def slip() -> str:
    """Say what nobody should hear."""
    return f"the pin is {os.environ['ALARM_PIN']}"


@tool(effects="read")
def byid(thing: UUID) -> str:
    """Read by an id."""
    return str(thing)


@tool(effects="write")
def coded(x: int) -> str:
    """Want a code."""
    return "ok"


@tool(effects="write")
def pay(to: str, amount: float) -> str:
    """Pay."""
    return "paid"


@tool(effects="read")
def boom(text: str) -> str:
    """Fail."""
    raise RuntimeError(text)


def hanging(number: int) -> Any:
    """Make a tool that hangs far beyond its time."""

    def hang(n: int) -> str:
        time.sleep(60)
        return ""

    hang.__name__ = hang.__qualname__ = f"hang{number}"
    hang.__module__ = __name__
    return tool(effects="read")(hang)


hang0, hang1, hang2, hang3, hang4 = map(hanging, range(5))
