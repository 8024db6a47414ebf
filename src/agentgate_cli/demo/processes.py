"""The demo's processes: a gateway and an agent, which end with the demo whatever happens."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

LINE_BYTES_MAX = 1_000_000
"""One report. The tools of the house return far less."""


class DemoError(Exception):
    """The demo can't go on; the text says why."""


class Child:
    """A process that speaks in lines of JSON.

    Attributes:
        process: the process.
    """

    def __init__(self, process: Process, name: str, log: Path) -> None:
        self.process = process
        self.name = name
        self.log = log
        assert process.stdout is not None
        self._lines = BufferedByteReceiveStream(process.stdout)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def tell(self, **order: Any) -> None:
        """Give an order."""
        assert self.process.stdin is not None
        await self.process.stdin.send(msgspec.json.encode(order) + b"\n")

    async def hear(self, *events: str) -> dict[str, Any]:
        """Wait for one of these reports; others are passed over.

        Raises:
            DemoError: the process has ended.
        """
        while True:
            report = await self.read()
            if report["event"] in events:
                return report

    async def read(self) -> dict[str, Any]:
        """Wait for the next line.

        Raises:
            DemoError: the process has ended.
        """
        try:
            line = await self._lines.receive_until(b"\n", LINE_BYTES_MAX)
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.ClosedResourceError):
            words = self.log.read_text(errors="replace").strip().splitlines()
            last = f": {words[-1]}" if words else ""
            raise DemoError(f"the {self.name} ended unexpectedly{last}") from None
        message: dict[str, Any] = msgspec.json.decode(line)
        return message

    async def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class Processes:
    """Starts children, and knows how to end them all.

    Args:
        folder: their working folder, where their logs go.
        environment: what they get beside our own environment.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self._children: list[Child] = []

    async def start(self, name: str, *module_and_args: str, **environment: str) -> Child:
        """Start a Python module as a child."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as errors:
            process = await anyio.open_process(
                [sys.executable, "-m", *module_and_args],
                cwd=self.folder,
                env={**os.environ, **self.environment, **environment},
                stderr=errors,
                # Ctrl-C is for the demo; it ends its children in its own order.
                start_new_session=True,
            )
        child = Child(process, name, log)
        self._children.append(child)
        return child

    async def end_all(self) -> None:
        """Kill what still runs, and wait for it."""
        for child in self._children:
            await child.kill()
            await child.process.aclose()
        self._children.clear()


@asynccontextmanager
async def processes(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Processes]:
    """Have children that end with the block."""
    children = Processes(folder, environment)
    try:
        yield children
    finally:
        with anyio.CancelScope(shield=True):
            await children.end_all()
