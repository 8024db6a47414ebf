"""Waiting for limits: a call that is refused for now is made again when the gateway says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from agentgate_proto.errors import RateLimited
from agentgate_proto.limits import RETRY_AFTER_MAX_S

T = TypeVar("T")

PAUSE_MIN_S = 0.05
"""A gateway that says "at once" each time is not asked in a tight loop."""


async def until_there_is_room(
    ask: Callable[[float | None], Awaitable[T]],
    timeout_s: float | None,
    pause: Callable[[float], Awaitable[None]],
) -> T:
    """Make a call, and make it again as long as it is refused for now.

    A refusal says that nothing was run, so each attempt is a request of its own.

    Args:
        ask: makes the call; takes how long it may take.
        timeout_s: for all attempts and pauses together; None: without end.
        pause: waits so many seconds.

    Raises:
        RateLimited: the gateway asks for more time than is left.
        AgentGateError: the call failed otherwise.
    """
    ends_at = None if timeout_s is None else anyio.current_time() + timeout_s
    left_s = timeout_s
    while True:
        try:
            return await ask(left_s)
        except RateLimited as error:
            pause_s = min(max(error.retry_after_s or 0.0, PAUSE_MIN_S), RETRY_AFTER_MAX_S)
            if ends_at is not None and anyio.current_time() + pause_s >= ends_at:
                raise
        await pause(pause_s)
        if ends_at is not None:
            left_s = max(ends_at - anyio.current_time(), PAUSE_MIN_S)
