"""The store's thread: batches one after the other, each handed back on the event loop."""

from __future__ import annotations

import threading

import anyio
import anyio.lowlevel
import pytest

from agentgate_server.store.thread import StoreThread

pytestmark = pytest.mark.anyio

WAIT_S = 10.0


async def test_it_works_elsewhere_and_hands_back_here() -> None:
    here, seen = threading.get_ident(), list[tuple[str, int, bool]]()
    thread: StoreThread[int] = StoreThread(
        lambda batch: seen.append(("work", batch, threading.get_ident() == here)),
        lambda batch: seen.append(("over", batch, threading.get_ident() == here)),
    )
    with anyio.fail_after(WAIT_S):
        for batch in range(3):
            thread.begin(batch)
            assert thread.is_busy
            await thread.wait_idle()
    thread.end()

    assert seen == [
        each for batch in range(3) for each in (("work", batch, False), ("over", batch, True))
    ]


async def test_what_is_taken_back_may_begin_the_next_and_who_waits_waits_for_that() -> None:
    done: list[int] = []

    def over(batch: int) -> None:
        if batch < 5:
            thread.begin(batch + 1)

    thread: StoreThread[int] = StoreThread(done.append, over)
    thread.begin(1)
    with anyio.fail_after(WAIT_S):
        await thread.wait_idle()
    thread.end()

    assert done == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("where", ["work", "over"])
async def test_what_is_raised_reaches_who_waits(where: str) -> None:
    def fail(batch: int) -> None:
        raise ZeroDivisionError(batch)

    def pass_(batch: int) -> None:
        pass

    thread: StoreThread[int] = StoreThread(*((fail, pass_) if where == "work" else (pass_, fail)))
    thread.begin(7)
    with anyio.fail_after(WAIT_S):
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match="7"):
                await thread.wait_idle()
    thread.end()


async def test_it_hears_of_a_batch_without_a_round_of_the_loop() -> None:
    """The loop may be busy with a flood for as long as it likes: the disk does not wait for it."""
    began = threading.Event()
    thread: StoreThread[int] = StoreThread(lambda _: began.set(), lambda _: None)
    thread.begin(1)
    assert began.wait(WAIT_S)  # with the event loop in here
    with anyio.fail_after(WAIT_S):
        await thread.wait_idle()
    thread.end()


async def test_its_thread_ends() -> None:
    thread: StoreThread[int] = StoreThread(lambda _: None, lambda _: None)
    mine = next(each for each in threading.enumerate() if each.name == "agentgate store")
    thread.begin(1)
    with anyio.fail_after(WAIT_S):
        await thread.wait_idle()
    thread.end()
    mine.join(WAIT_S)
    assert not mine.is_alive()
