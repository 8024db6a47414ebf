"""Past calls are read page by page, also while others go."""

from __future__ import annotations

import pytest
from tests.server.gate.past_records import T0, call, store

from agentgate_proto.records.storage import ListRequests
from agentgate_server.gate import past_calls
from agentgate_server.gate.past_calls import PastCalls
from agentgate_server.store.engine import StoreError

pytestmark = pytest.mark.anyio


async def all_of(calls: PastCalls) -> list[str]:
    found: list[str] = []
    while page := await calls.page():
        found += [record.rid for record in page]
    assert await calls.page() == []
    return found


async def test_they_come_newest_first_as_far_back_as_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(past_calls, "PAGE_ROWS", 3)
    mine = [call(n) for n in range(10)]
    _, ask = store([*mine, call(99, principal="other")])
    newest_first = [record.rid for record in mine[::-1]]
    assert await all_of(PastCalls(ask, "owner", "agent", since=0.0)) == newest_first
    assert await all_of(PastCalls(ask, "owner", None, since=0.0)) == ["r99", *newest_first]
    recent = PastCalls(ask, "owner", "agent", since=T0 + 4)
    assert await all_of(recent) == newest_first[:6]
    older = PastCalls(ask, "owner", "agent", since=0.0, before="r6")
    assert await all_of(older) == newest_first[4:]


async def test_what_is_pruned_meanwhile_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_calls, "PAGE_ROWS", 3)
    engine, ask = store(call(n) for n in range(10))
    calls = PastCalls(ask, "owner", "agent", since=0.0)
    assert [record.rid for record in await calls.page()] == ["r9", "r8", "r7"]
    for n in range(8):
        del engine.kept[f"r{n}"]
    assert await calls.page() == []


async def test_where_nothing_of_that_name_is_nothing_begins() -> None:
    _, ask = store([call(1)])
    with pytest.raises(LookupError, match="no request with this id"):
        await PastCalls(ask, "owner", None, since=0.0, before="r7").page()


async def test_a_store_that_can_t_be_read_is_said() -> None:
    def fails(query: object, take: past_calls.Callable[..., None], owner: str) -> None:
        assert isinstance(query, ListRequests)
        take(None, "the disk is gone")

    with pytest.raises(StoreError, match="the disk is gone"):
        await PastCalls(fails, "owner", None, since=0.0).page()
