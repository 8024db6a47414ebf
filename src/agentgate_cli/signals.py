"""Ctrl-C, and its like: cancels the work, and leaves time for last words."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


class Interrupted(Exception):
    """The user, or the system, wants this process to end."""


async def interruptible(work: Callable[[], Awaitable[T]]) -> T:
    """Do some work, and cancel it at SIGINT, SIGTERM or SIGHUP (unless under ``nohup``).

    A second signal, during the last words, ends the process as usual.

    Raises:
        Interrupted: it was cancelled so.
    """
    results: list[T] = []
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            await tasks.start(cancel_at_signal, scope)
            try:
                results.append(await work())
            except Exception as error:  # kept whole: a task group would wrap it
                failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if not results:
        raise Interrupted
    return results[0]


async def cancel_at_signal(
    scope: anyio.CancelScope, *, task_status: anyio.abc.TaskStatus[None]
) -> None:
    """Cancel a scope at the first signal."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    with anyio.open_signal_receiver(*numbers) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
            return
