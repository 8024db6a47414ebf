"""Running in the background, without a task group of the user's.

``connect()`` and ``close()`` may be called from different tasks, so what runs between them can't
live in a task group of either. It is a task of the event loop itself: on asyncio a plain task, on
trio a system task. Both are cancelled when the loop ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine
from typing import Any

Main = Callable[[], Coroutine[Any, Any, None]]

running: set[asyncio.Task[None]] = set()
"""The loop itself holds its tasks by weak references only."""


def spawn(main: Main, name: str) -> None:
    """Run a coroutine function in the background of the running event loop.

    Args:
        main: must raise nothing but the loop's own cancellation.
        name: of the task, for debuggers.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        context = contextvars.copy_context()
        trio.lowlevel.spawn_system_task(main, name=name, context=context)
        return
    task = asyncio.get_running_loop().create_task(main(), name=name)
    running.add(task)
    task.add_done_callback(running.discard)
