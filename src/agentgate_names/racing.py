"""Which of a name's addresses is used: the first that answers (RFC 8305).

Each attempt is begun when the one before has failed, or has taken its time; so an address that
leads nowhere costs a quarter of a second and not the whole time-out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from typing import Final, Generic, TypeVar

import anyio

NEXT_S: Final = 0.25
"""After this the next address is tried beside the one before (RFC 8305 section 5)."""

ADDRESSES_MAX: Final = 8
"""Of a host that are tried: a name may have as many as somebody likes."""

T = TypeVar("T")


async def first_of(
    addresses: Sequence[str],
    open_one: Callable[[str], Awaitable[T]],
    close_one: Callable[[T], Awaitable[object]],
    failures: type[Exception] | tuple[type[Exception], ...] = OSError,
) -> T:
    """Return what is open first.

    Args:
        addresses: of one host, best first; of more than ADDRESSES_MAX the rest is left out.
        open_one: connects to one of them.
        close_one: closes a connection that is not needed. May be called while cancelled.
        failures: what ``open_one`` raises if an address is of no use.

    Raises:
        ExceptionGroup: none of them is of use; in it, what was raised, in the order of failing.
    """
    assert addresses, "a name without addresses is told by whoever looked it up"
    race = Race(open_one, close_one, failures)
    try:
        async with anyio.create_task_group() as race.tasks:
            for address in in_turns(addresses)[:ADDRESSES_MAX]:
                failed = anyio.Event()
                race.tasks.start_soon(race.run, address, failed)
                with anyio.move_on_after(NEXT_S):
                    await failed.wait()
    except BaseException:
        for winner in race.winners:
            await close_one(winner)
        raise
    if not race.winners:
        raise ExceptionGroup("no address answers", race.errors)
    return race.winners[0]


def in_turns(addresses: Sequence[str]) -> list[str]:
    """Let addresses of the two families take turns, so that one of them that leads nowhere costs
    little (RFC 8305 section 4)."""
    is_first = [(":" in each) == (":" in addresses[0]) for each in addresses]
    first = [each for each, is_it in zip(addresses, is_first, strict=True) if is_it]
    other = [each for each, is_it in zip(addresses, is_first, strict=True) if not is_it]
    return [each for pair in zip_longest(first, other) for each in pair if each is not None]


class Race(Generic[T]):
    """Attempts to connect to the addresses of one host, of which one is needed.

    Attributes:
        winners: the one that is open, as soon as there is one.
        errors: why others are not.
        tasks: the attempts.
    """

    def __init__(
        self,
        open_one: Callable[[str], Awaitable[T]],
        close_one: Callable[[T], Awaitable[object]],
        failures: type[Exception] | tuple[type[Exception], ...],
    ) -> None:
        self.winners: list[T] = []
        self.errors: list[Exception] = []
        self.tasks = anyio.create_task_group()
        self._open_one = open_one
        self._close_one = close_one
        self._failures = failures

    async def run(self, address: str, failed: anyio.Event) -> None:
        """Try one of them."""
        try:
            opened = await self._open_one(address)
        except self._failures as error:
            self.errors.append(error)
            failed.set()
            return
        if self.winners:
            await self._close_one(opened)
            return
        self.winners.append(opened)
        self.tasks.cancel_scope.cancel()
