"""The guardian: what it watches ends when we do, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest
from tests.server.tools.mcp.behind import until

from agentgate_server.tools.mcp.guardian import Guardian

pytestmark = pytest.mark.anyio

DEAF = "import signal, sys; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"


@contextmanager
def child(code: str = DEAF) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own that ends for nobody."""
    command = [sys.executable, "-I", "-S", "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_what_is_watched_ends_with_us_and_what_is_not_stays() -> None:
    guardian = Guardian()
    with child() as watched, child() as left:
        guardian.watch(watched.pid)
        guardian.watch(left.pid)
        guardian.leave(left.pid)
        await guardian.aclose()
        assert guardian.pid is None
        assert await anyio.to_thread.run_sync(watched.wait) == -signal.SIGKILL
        assert left.poll() is None


async def test_a_guardian_that_died_is_replaced() -> None:
    guardian = Guardian()
    with child() as first, child() as second:
        guardian.watch(first.pid)
        before = guardian.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await until(lambda: guardian._process is not None and guardian._process.poll() is not None)
        guardian.leave(first.pid)
        guardian.watch(second.pid)
        assert guardian.pid != before
        await guardian.aclose()
        assert await anyio.to_thread.run_sync(second.wait) == -signal.SIGKILL
    await guardian.aclose()
