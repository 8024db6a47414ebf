"""Pruning: retention, applied now and then as long as the gateway serves."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from agentgate_server.gate.gate import Gate
from agentgate_server.store.engine import StoreError

PRUNE_EVERY_S = 3_600.0
"""How often retention is applied."""

log = logging.getLogger(__name__)


async def keep_pruning(gate: Gate, then: Callable[[], Awaitable[None]]) -> None:
    """Apply retention at once and then every hour, until cancelled.

    Args:
        gate: whose records they are.
        then: is called after each time that it went well.
    """
    ran_until = anyio.current_time()
    while True:
        now = anyio.current_time()
        try:
            deleted = await gate.writer.prune(gate.utc(), now - ran_until)
        except StoreError as error:
            log.error("retention could not be applied: %s", error)
        else:
            ran_until = now
            log.debug("retention deleted %d records", deleted)
            await then()
        await anyio.sleep(PRUNE_EVERY_S)
