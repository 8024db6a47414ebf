"""Pacing: what a principal may have as often as it likes is asked of the store in its own time.

``get_pending_results`` is refused to nobody: clients in the field end their connection at an error
there. It reads megabytes, though. So beyond so many a minute the next waits for its turn, and what
the ledger holds for that reply waits with it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Container

import anyio

from agentgate_proto.ledger.effects import Token
from agentgate_proto.records.storage import Query, Undelivered
from agentgate_server.identity.address_throttle import AddressThrottle

LISTS_PER_MINUTE = 240
"""Lists of what one principal has missed. Each reads up to some megabytes, and a client that takes
up all it has missed asks for one after the other."""


class Pacing:
    """See the module.

    Args:
        ask: passes a question on to the store.
        there: the numbers of the connections that there are.
        spawn: runs a task as the work of whoever has a turn now.
        monotonic: a clock in seconds.
    """

    def __init__(
        self,
        ask: Callable[[Query, Token], None],
        there: Container[int],
        spawn: Callable[..., None],
        monotonic: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._there = there
        self._spawn = spawn
        self._monotonic = monotonic
        self._throttle = AddressThrottle(LISTS_PER_MINUTE)  # by name: it takes any text
        self._waiting: dict[str, deque[tuple[Undelivered, Token]]] = {}

    def ask(self, query: Query, token: Token) -> None:
        """Ask the store, at once or when it is the principal's turn."""
        if not isinstance(query, Undelivered):
            self._ask(query, token)
            return
        principal = query.principal
        if principal in self._waiting:
            self._waiting[principal].append((query, token))
            return
        pause_s = self._pause_s(principal)
        if pause_s:
            self._waiting[principal] = deque([(query, token)])
            self._spawn(self._go_on, principal, pause_s)
        else:
            self._ask(query, token)

    async def _go_on(self, principal: str, pause_s: float) -> None:
        """Ask what waits, in order. Who is gone meanwhile costs no turn."""
        waiting = self._waiting[principal]
        await anyio.sleep(pause_s)
        while waiting:
            query, token = waiting.popleft()
            if token.link in self._there:
                self._ask(query, token)
                if waiting:
                    await anyio.sleep(self._pause_s(principal))
        del self._waiting[principal]

    def _pause_s(self, principal: str) -> float:
        return self._throttle.queue(principal, self._monotonic(), math.inf)
