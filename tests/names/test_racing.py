"""Which address of a name is used: the order of attempts, who wins, and that losers are closed."""

from __future__ import annotations

import anyio
import pytest

from agentgate_names import racing
from agentgate_names.racing import ADDRESSES_MAX, first_of, in_turns

pytestmark = pytest.mark.anyio

BOUND_S = 10.0


class Net:
    """Addresses that answer, refuse (``refuses``), or do when they are told to (``slow``)."""

    def __init__(self) -> None:
        self.dialled: list[str] = []
        self.closed: list[str] = []
        self.answers = anyio.Event()
        self.stubborn = False

    async def open(self, address: str) -> str:
        self.dialled.append(address)
        if address.startswith("refuses"):
            raise ConnectionRefusedError(address)
        if address.startswith("slow"):
            with anyio.CancelScope(shield=self.stubborn):
                await self.answers.wait()
        return address

    async def close(self, opened: str) -> None:
        self.closed.append(opened)


async def test_the_best_address_is_used_if_it_answers() -> None:
    net = Net()
    assert await first_of(["a", "b"], net.open, net.close) == "a"
    assert (net.dialled, net.closed) == (["a"], [])


async def test_the_next_is_tried_at_once_where_one_refuses() -> None:
    net = Net()
    with anyio.fail_after(BOUND_S):
        assert await first_of(["refuses", "b"], net.open, net.close) == "b"
    assert net.dialled == ["refuses", "b"]


async def test_the_next_is_tried_beside_one_that_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(racing, "NEXT_S", 0.001)
    net = Net()
    with anyio.fail_after(BOUND_S):
        assert await first_of(["slow", "b", "c"], net.open, net.close) == "b"
    assert (net.dialled, net.closed) == (["slow", "b"], [])


async def test_one_that_is_open_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(racing, "NEXT_S", 0.001)
    net = Net()
    net.stubborn = True

    async def open_one(address: str) -> str:
        if address == "b":
            net.answers.set()
        return await net.open(address)

    with anyio.fail_after(BOUND_S):
        won = await first_of(["slow", "b"], open_one, net.close)
    assert [won, *net.closed] in (["b", "slow"], ["slow", "b"])


async def test_why_none_answers_is_told_of_each() -> None:
    net = Net()
    with pytest.raises(ExceptionGroup, match="no address answers") as caught:
        await first_of(["refuses 1", "refuses 2"], net.open, net.close)
    assert [str(each) for each in caught.value.exceptions] == ["refuses 1", "refuses 2"]


async def test_who_leaves_in_the_moment_of_winning_leaves_nothing_open() -> None:
    net = Net()
    with anyio.CancelScope() as scope:

        async def open_one(address: str) -> str:
            scope.cancel()
            return await net.open(address)

        await first_of(["a"], open_one, net.close)
    assert scope.cancelled_caught
    assert net.closed == ["a"]


async def test_no_more_addresses_are_tried_than_there_may_be() -> None:
    net = Net()
    addresses = [f"refuses {index}" for index in range(ADDRESSES_MAX + 3)]
    with pytest.raises(ExceptionGroup):
        await first_of(addresses, net.open, net.close)
    assert net.dialled == addresses[:ADDRESSES_MAX]


def test_families_take_turns() -> None:
    assert in_turns([]) == []
    assert in_turns(["::1", "::2", "::3", "1.1.1.1"]) == ["::1", "1.1.1.1", "::2", "::3"]
    assert in_turns(["1.1.1.1", "::1", "::2"]) == ["1.1.1.1", "::1", "::2"]
