"""Past calls: what the store has of them, newest first, a page at a time.

Between two pages others ask and write. What is pruned meanwhile is what is oldest: where the call
after which to go on is gone, so is what came before it, and that is the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio

from agentgate_proto.limits import LIST_READ_BYTES_MAX
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Answer, ListRequests, Query
from agentgate_server.store.engine import StoreError

PAGE_ROWS = 200
"""Calls that are read at once: some milliseconds for which nothing is written."""

Ask = Callable[[Query, Callable[[Answer, str], None], str], None]
"""Asks the store for somebody: a question, who takes the answer or why there is none, whose it is.
"""


class PastCalls:
    """Reads them.

    Args:
        ask: asks the store.
        owner: for whom.
        agent: whose calls; None: everybody's.
        since: nothing that came before then, UTC seconds.
        before: the id of a call: only what is older; "": all.
    """

    def __init__(
        self, ask: Ask, owner: str, agent: str | None, *, since: float, before: str = ""
    ) -> None:
        self._ask = ask
        self._owner = owner
        self._agent = agent
        self._since = since
        self._first = before
        self._before = before
        self._is_over = False

    async def page(self) -> list[Record]:
        """Read the next calls; none: there are no others.

        Raises:
            LookupError: the call before which to begin is not on record.
            StoreError: the store could not be read.
        """
        if self._is_over:
            return []
        query = ListRequests(
            self._agent, PAGE_ROWS, before=self._before, bytes_max=LIST_READ_BYTES_MAX
        )
        found = await self._answer(query)
        if found is None and self._before == self._first:
            raise LookupError("There is no request with this id: look from the beginning")
        if not found:
            self._is_over = True
            return []
        self._before = found[-1].rid
        recent = [record for record in found if record.created_at >= self._since]
        self._is_over = len(recent) < len(found)
        return recent

    async def _answer(self, query: Query) -> Any:
        answered = anyio.Event()
        taken: list[tuple[Answer, str]] = []

        def take(answer: Answer, problem: str) -> None:
            taken.append((answer, problem))
            answered.set()

        self._ask(query, take, self._owner)
        await answered.wait()
        ((answer, problem),) = taken
        if problem:
            raise StoreError(problem)
        return answer
