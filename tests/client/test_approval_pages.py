"""Long lists of approvals and grants: page after page, and one of them whole."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest
from tests.client.gateway import Peer, gateway
from tests.client.helpers import BOUND_S, Outcome
from tests.client.test_approvals import approving, news, row

from agentgate_client import AgentGateError, ApprovalsClient, ApprovalView

pytestmark = pytest.mark.anyio


async def page(peer: Peer, expected: Any, *rows: dict[str, Any], more: bool = False) -> None:
    """Take a question for a page, and answer it with these rows."""
    request = await peer.receive()
    assert (request["method"], request["params"]) == expected
    member = "grants" if request["method"] == "list_grants" else "approvals"
    await peer.answer(request, {member: list(rows), **({"more": True} if more else {})})


def grant(grant_id: str) -> dict[str, Any]:
    names = ("agent", "tool", "words", "created_at", "expires_at", "approver", "channel", "status")
    return {"id": grant_id, "uses_left": 1, **dict.fromkeys(names, "x")}


def ids(listed: Outcome) -> list[str]:
    assert isinstance(listed.value, list)
    return [view.id for view in listed.value]


async def test_a_list_is_read_to_its_end() -> None:
    listed, grants = Outcome(), Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(listed.run, client.list)
                    await page(peer, ("list_approvals", {}), row("a1"), row("a2"), more=True)
                    await page(peer, ("list_approvals", {"after": "a2"}), row("a3"))
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(grants.run, client.grants)
                    await page(peer, ("list_grants", {}), grant("g2"), more=True)
                    await page(peer, ("list_grants", {"before": "g2"}), grant("g1"))
    assert ids(listed) == ["a1", "a2", "a3"]
    assert ids(grants) == ["g2", "g1"]


async def test_a_list_begins_again_if_the_place_to_go_on_from_is_gone() -> None:
    listed = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(listed.run, client.list)
                await page(peer, ("list_approvals", {}), row("a1"), more=True)
                await peer.fail(await peer.receive(), -32011, "no such approval waits")
                await page(peer, ("list_approvals", {}), row("a2"))
    assert ids(listed) == ["a2"]


async def test_one_approval_is_fetched_whole() -> None:
    got = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                for rows in ([row("a1")], []):
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(got.run, lambda: client.get("a1"))
                        await page(peer, ("list_approvals", {"id": "a1"}), *rows)
    view = got.value
    assert isinstance(view, ApprovalView)
    assert msgspec.json.decode(view.args) == {"door": "front", "seconds": 1.5}
    assert isinstance(got.error, AgentGateError)
    assert "odd answer" in got.error.message


async def test_a_watch_reads_all_pages_before_it_says_what_is_gone() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                watch = client.watch()
                await page(peer, ("watch_approvals", {}), row("a1"), more=True)
                await page(peer, ("list_approvals", {"after": "a1"}), row("a2"))
                assert await news(watch, 2) == [("a1", "waiting"), ("a2", "waiting")]
                watch.subscribe()
                await page(peer, ("watch_approvals", {}), row("a2"), more=True)
                await page(peer, ("list_approvals", {"after": "a2"}), row("a3"))
                assert await news(watch, 2) == [("a1", "settled"), ("a3", "waiting")]


async def test_a_watch_begins_again_if_the_place_to_go_on_from_is_gone() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                watch = client.watch()
                await page(peer, ("watch_approvals", {}), row("a1"), more=True)
                await peer.fail(await peer.receive(), -32011, "no such approval waits")
                await page(peer, ("watch_approvals", {}), row("a2"))
                assert await news(watch, 1) == [("a2", "waiting")]
