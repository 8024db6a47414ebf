"""Pacing: who asks for what it missed again and again is answered, each time a little later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import raw_client, serving

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.ledger.effects import Purpose, Token
from agentgate_proto.records.storage import FindRid, Query, Undelivered
from agentgate_server.gate import pacing
from agentgate_server.gate.pacing import LISTS_PER_MINUTE, Pacing

pytestmark = pytest.mark.anyio


class Around:
    """What is around it: a store that is asked, connections, tasks."""

    def __init__(self) -> None:
        self.asked: list[tuple[Query, int]] = []
        self.there = {1, 2}
        self.tasks: list[Callable[[], Awaitable[None]]] = []
        self.pacing = Pacing(self.ask, self.there, self.spawn, lambda: 1_000.0)

    def ask(self, query: Query, token: Token) -> None:
        self.asked.append((query, token.link))

    def spawn(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        self.tasks.append(lambda: function(*args))

    def missed(self, principal: str, link: int) -> None:
        query = Undelivered(principal, "c", 10)
        self.pacing.ask(query, Token(Purpose.COLLECT, link=link))


async def test_so_many_are_asked_at_once_and_the_rest_in_order_for_those_who_are_still_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)

    monkeypatch.setattr(pacing.anyio, "sleep", sleep)
    around = Around()
    for _ in range(LISTS_PER_MINUTE):
        around.missed("eager", 1)
    assert len(around.asked) == LISTS_PER_MINUTE
    around.asked.clear()
    around.missed("eager", 1)
    around.missed("eager", 9)
    around.missed("eager", 2)
    assert around.asked == [], "they wait"
    around.missed("other", 3)
    around.pacing.ask(FindRid("r1"), Token(Purpose.DECIDE))
    assert [link for _, link in around.asked] == [3, 0], "nobody and nothing else does"

    (task,) = around.tasks
    await task()
    assert [link for _, link in around.asked[2:]] == [1, 2], "9 has gone"
    assert pauses == pytest.approx([60 / LISTS_PER_MINUTE * n for n in (1, 2)])
    around.missed("eager", 1)
    assert len(around.tasks) == 2, "the budget is still used up"


async def test_each_of_many_is_answered_and_nothing_else_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "LISTS_PER_MINUTE", 600)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        gateway.gate.pacing = Pacing(
            gateway.gate.writer.ask, gateway.gate.peers, gateway.gate._spawn, anyio.current_time
        )
        for number in range(1, 603):
            await client.request(number, "get_pending_results", {})
            answered = await client.next(Answered)
            assert (answered.id, answered.error) == (number, None)
