"""Rounds: turns of who waits, and work in tasks that counts for its owner. On both event loops."""

from __future__ import annotations

import time

import anyio
import anyio.lowlevel
import pytest

from agentgate_proto.quotas.turns import TURN_S, UNWRITTEN_BYTES_MAX
from agentgate_server.sockets.rounds import STEP_S, Rounds

pytestmark = pytest.mark.anyio


class Waits:
    """Something that waits for a turn, and takes it."""

    def __init__(self, rounds: Rounds, owner: str, *, fails: bool = False) -> None:
        self.rounds = rounds
        self.owner = owner
        self.fails = fails
        self.served = anyio.Event()

    def go_on(self) -> None:
        """See ``Served``."""
        if self.fails:
            raise RuntimeError("a bug")
        assert self.rounds.turns.begin(self.owner, self, time.perf_counter()) is not None
        self.served.set()


def busy(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def test_who_waits_has_a_turn_and_a_bug_in_one_costs_nobody_else_theirs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds = Rounds()
    bad, good = Waits(rounds, "a", fails=True), Waits(rounds, "b")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rounds.run)
            for each in (bad, good):
                rounds.turns.wait(each.owner, each)
            rounds.ask()
            await good.served.wait()
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert not rounds.turns.anybody_waits
    assert "a turn could not be taken" in caplog.text


async def test_others_need_not_wait_until_strangers_have_kept_to_their_share() -> None:
    rounds = Rounds()
    stranger, agent = Waits(rounds, ""), Waits(rounds, "agent")
    now = time.perf_counter()
    rounds.turns.took("", 3_600.0, now)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rounds.run)
            rounds.turns.wait("", stranger)
            rounds.ask()
            await anyio.wait_all_tasks_blocked()
            rounds.turns.wait("agent", agent)
            rounds.ask()
            await agent.served.wait()
            tasks.cancel_scope.cancel()
    assert not stranger.served.is_set()


def has_turn(rounds: Rounds, owner: str) -> bool:
    who = Waits(rounds, owner)
    begins = rounds.turns.begin(owner, who, time.perf_counter()) is not None
    rounds.turns.leave(who)
    return begins


async def test_what_a_task_does_counts_as_its_owner_s_and_its_pauses_do_not() -> None:
    rounds = Rounds()
    told: list[str | None] = []

    async def work(seconds: float) -> str:
        busy(seconds)
        told.append(rounds.owner)
        await anyio.sleep(2 * TURN_S)
        told.append(rounds.owner)
        return "done"

    rounds.owner = "lazy"
    waits = rounds.charged(work)
    rounds.owner = "busy"
    works = rounds.charged(work)
    rounds.owner = None
    assert rounds.charged(work) is work
    assert await waits(0.0) == "done"
    assert await works(2 * TURN_S) == "done"
    assert told == ["lazy", "lazy", "busy", "busy"]
    assert rounds.owner is None
    assert has_turn(rounds, "lazy")
    assert not has_turn(rounds, "busy")


async def test_a_task_that_counts_is_cancelled_and_fails_as_any_other() -> None:
    rounds = Rounds()
    ended: list[str] = []

    async def hangs() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    async def fails() -> None:
        await anyio.lowlevel.checkpoint()
        raise LookupError("as it should")

    rounds.owner = "agent"
    with anyio.move_on_after(0.01) as scope:
        await rounds.charged(hangs)()
    assert scope.cancelled_caught
    assert ended == ["cancelled"]
    with pytest.raises(LookupError):
        await rounds.charged(fails)()


def test_a_task_that_is_thrown_away_closes_what_it_awaits() -> None:
    closed: list[bool] = []

    class Pause:
        def __await__(self):  # type: ignore[no-untyped-def]
            try:
                yield
            finally:
                closed.append(True)

    async def hangs() -> None:
        await Pause()

    rounds = Rounds()
    rounds.owner = "agent"
    coroutine = rounds.charged(hangs)()
    coroutine.send(None)  # type: ignore[attr-defined]
    coroutine.close()  # type: ignore[attr-defined]
    assert closed == [True]


async def test_who_asks_before_the_rounds_begin_or_again_after_a_quiet_time_has_a_turn() -> None:
    rounds = Rounds()
    early, late, stranger = (Waits(rounds, owner) for owner in ("a", "b", ""))
    with anyio.fail_after(5):
        rounds.turns.wait("a", early)
        rounds.ask()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rounds.run)
            await early.served.wait()
            await anyio.wait_all_tasks_blocked()
            rounds.turns.wait("b", late)
            rounds.ask()
            rounds.ask()
            await late.served.wait()
            rounds.turns.took("", 0.02, time.perf_counter())
            rounds.turns.wait("", stranger)
            rounds.ask()
            await stranger.served.wait()  # they have a pause first
            tasks.cancel_scope.cancel()
    rounds.ask()
    assert not rounds.turns.anybody_waits


async def test_between_two_turns_of_a_round_the_loop_looks_around() -> None:
    """What a call of somebody else waits for (a disk, a thread) is not behind a whole round."""
    rounds, order = Rounds(), list[str]()

    class Long(Waits):
        def go_on(self) -> None:
            super().go_on()
            order.append(self.owner)
            busy(2 * STEP_S)

    async def other() -> None:
        await first.served.wait()
        order.append("other")

    each = [Long(rounds, f"agent{number}") for number in range(6)]
    first = each[0]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(rounds.run)
            for one in each:
                rounds.turns.wait(one.owner, one)
            rounds.ask()
            for one in each:
                await one.served.wait()
            tasks.cancel_scope.cancel()
    assert [one for one in order if one != "other"] == [one.owner for one in each]
    assert order.index("other") <= 3


async def test_who_asks_during_a_round_starts_no_second_one_beside_it() -> None:
    rounds, going = Rounds(), 0

    class Asks(Waits):
        def go_on(self) -> None:
            nonlocal going
            super().go_on()
            going += 1
            busy(2 * STEP_S)
            rounds.turns.took(self.owner, 2 * STEP_S, time.perf_counter())
            if going < 60:
                again = Asks(rounds, self.owner)
                rounds.turns.wait(self.owner, again)
                rounds.ask()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rounds.run)
            for number in range(6):
                who = Asks(rounds, f"agent{number}")
                rounds.turns.wait(who.owner, who)
            rounds.ask()
            while rounds.turns.anybody_waits:
                before = going
                await anyio.lowlevel.checkpoint()
                assert going - before <= 2  # else several rounds are played beside each other
            tasks.cancel_scope.cancel()
    assert going >= 60


async def test_who_waits_for_the_disk_costs_no_rounds_and_goes_on_when_it_is_written() -> None:
    rounds = Rounds()
    who = Waits(rounds, "evil")
    rounds.turns.left("evil", 2 * UNWRITTEN_BYTES_MAX)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rounds.run)
            rounds.turns.wait("evil", who)
            rounds.ask()
            await anyio.wait_all_tasks_blocked()
            assert not who.served.is_set()
            assert rounds.turns.written("evil", 2 * UNWRITTEN_BYTES_MAX)
            rounds.ask()
            await who.served.wait()
            tasks.cancel_scope.cancel()
