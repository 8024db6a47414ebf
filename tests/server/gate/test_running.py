"""Tools that run: none starts once the gateway has begun to stop."""

from __future__ import annotations

from agentgate_proto.ledger.effects import Run
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_server.gate.running import Running
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import Runner


def test_what_comes_after_the_end_is_not_started_and_says_so() -> None:
    started: list[int] = []
    ended: dict[str, Outcome] = {}

    def act(n: int) -> int:
        started.append(n)
        return n

    running = Running(
        Catalogue([python_tool(act, effects="write", inline=True)]), Runner(), ended.__setitem__
    )
    running.start(Run("early", "act", b'{"n":1}'))
    running.close()
    running.start(Run("late", "act", b'{"n":2}'))
    assert started == [1]
    assert ended["early"].status is Status.EXECUTED
    assert ended["late"].status is Status.FAILED
    assert ended["late"].message == "it was not started: the gateway is shutting down"
