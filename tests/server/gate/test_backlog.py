"""The backlog: who has left much for the disk, and what else may bring it there."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.server.store.samples import done, put
from tests.server.store.session_samples import grown, row, session

from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.turns import UNWRITTEN_BYTES_MAX
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.outcome import executed
from agentgate_proto.records.session import DropSession, PutSession
from agentgate_proto.records.storage import Put
from agentgate_server.gate.backlog import COUNTED_BYTES, Backlog, weight
from agentgate_server.sockets.rounds import Rounds

pytestmark = pytest.mark.anyio

WAIT_S = 10.0
NOW = 1_000.0
LARGE = 300_000


class Someone:
    def go_on(self) -> None:
        """See ``Served``."""


def backlog(limits: LedgerLimits | None = None) -> tuple[Backlog, Rounds, Ledger]:
    ledger = Ledger(lambda *_: Decision(Action.ALLOW, "x:1"), limits or LedgerLimits())
    rounds = Rounds()
    return Backlog(rounds, ledger, lambda: NOW), rounds, ledger


def large(size: int, principal: str = "evil") -> Put:
    return put("r1", args=msgspec.Raw(b'"' + b"x" * size + b'"'), principal=principal)


def may(rounds: Rounds, owner: str) -> bool:
    """Whether a connection of the owner may have a turn now."""
    who = Someone()
    begins = rounds.turns.begin(owner, who, 0.0) is not None
    rounds.turns.leave(who)
    return begins


async def test_who_leaves_much_waits_until_it_is_written_and_nobody_else_does() -> None:
    log, rounds, _ = backlog()
    log.submitted(1, large(UNWRITTEN_BYTES_MAX // 2))
    log.submitted(4, large(UNWRITTEN_BYTES_MAX // 2))
    assert not may(rounds, "evil")
    assert may(rounds, "home")
    log.reported(0)
    assert not may(rounds, "evil")
    log.reported(3)
    assert may(rounds, "evil")


async def test_what_is_small_does_not_count() -> None:
    log, rounds, _ = backlog()
    for number in range(2, 2 + UNWRITTEN_BYTES_MAX // 1_000):
        log.submitted(number, put("r1", principal="evil"))
    assert may(rounds, "evil")
    log.reported(9_999)
    assert may(rounds, "evil")


async def test_a_change_counts_by_what_it_brings() -> None:
    owner, size = weight(large(70_000))
    assert owner == "evil"
    assert size > 70_000 > COUNTED_BYTES > weight(put("r1"))[1]
    copies = tuple(done(f"r{n}", executed(b'"' + b"x" * 9_000 + b'"')) for n in range(3))
    assert weight(Put(copies[0], copies[1:]))[1] > 27_000
    rows = (row(0, text="x" * 5_000), row(1, text="y" * 5_000))
    assert weight(PutSession(session("s1"), rows))[1] > 10_000
    assert weight(grown("s1", 0)) == weight(DropSession("s1", "agent")) == ("", 0)


async def test_tools_that_bring_much_begin_one_after_the_other_as_it_is_written() -> None:
    log, _, ledger = backlog()
    for size in (LARGE, 9_000):
        ledger.held.learn("evil", "snapshot", size)
    begun: list[str] = []

    async def run(owner: str, number: int) -> None:
        over = await log.enter(owner, "snapshot")
        begun.append(owner)
        await ended.wait()
        over()
        log.submitted(number, large(LARGE, owner))

    ended = anyio.Event()
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(run, "evil", number)
            tasks.start_soon(run, "home", 3)
            await anyio.wait_all_tasks_blocked()
            assert sorted(begun) == ["evil", "home"]  # a second one would be too much
            ended.set()
            await anyio.wait_all_tasks_blocked()
            assert sorted(begun) == ["evil", "home"]  # it has ended, and waits for the disk
            log.reported(3)
            await anyio.wait_all_tasks_blocked()
            assert begun.count("evil") == 2
            log.reported(3)
            await anyio.wait_all_tasks_blocked()
    assert begun.count("evil") == 3


async def test_what_brings_little_begins_at_once_and_so_does_the_first() -> None:
    log, _, ledger = backlog()
    log.submitted(1, large(9 * UNWRITTEN_BYTES_MAX))
    with anyio.fail_after(WAIT_S):
        for _ in range(100):
            (await log.enter("evil", "look"))()
        ledger.held.learn("home", "snapshot", 9 * UNWRITTEN_BYTES_MAX)
        (await log.enter("home", "snapshot"))()


async def test_who_has_had_too_much_in_a_minute_waits_before_the_next_begins() -> None:
    log, _, ledger = backlog(LedgerLimits(result_bytes_per_minute=1_000_000))
    allowance = ledger._lifecycle.allowances.of("evil", NOW)
    allowance.brings(NOW, 1_100_000)
    with anyio.fail_after(WAIT_S):
        (await log.enter("home", "look"))()
        with anyio.move_on_after(0.05) as scope:
            await log.enter("evil", "look")
    assert scope.cancelled_caught
