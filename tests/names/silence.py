"""A name server that swallows what it is asked, and who stops meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import anyio

from agentgate_names.lookups import LOOKUPS

BOUND_S = 10.0
SILENT = "silent.example"


class Silence:
    """What the system's name server does about SILENT.

    Attributes:
        asked: somebody waits for it.
        told: it may say that it doesn't know.
        is_over: it has said so.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.told = threading.Event()
        self.is_over = False
        self._real = socket.getaddrinfo

    def ask(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        flags = kwargs.get("flags", args[3] if len(args) > 3 else 0)
        if host not in (SILENT, SILENT.encode()) or flags & socket.AI_NUMERICHOST:
            return self._real(host, port, *args, **kwargs)
        self.asked.set()
        self.told.wait(BOUND_S)
        self.is_over = True
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@contextmanager
def silence() -> Iterator[Silence]:
    silence = Silence()
    with patch.object(socket, "getaddrinfo", silence.ask):
        try:
            yield silence
        finally:
            silence.told.set()
            until_nobody_asks()  # who asked next would have this answer


def until_nobody_asks() -> None:
    ends_at = time.monotonic() + BOUND_S
    while SILENT in LOOKUPS._under_way:
        assert time.monotonic() < ends_at
        time.sleep(0.001)


def assert_nothing_waits(work: Callable[[], Awaitable[object]], backend: str) -> None:
    """Run what needs SILENT, stop it while the name server is asked, and see the event loop end
    before that has answered."""

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            with anyio.fail_after(BOUND_S):
                while not silent.asked.is_set():
                    await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()

    with silence() as silent:
        anyio.run(main, backend=backend)
        assert not silent.is_over
