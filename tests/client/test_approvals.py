"""The approver's client: what waits, what changes, and the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.client.gateway import Gateway, Peer, gateway
from tests.client.helpers import BOUND_S, Asleep, Changes, Impatient, Outcome

from agentgate_client import (
    AgentGateConnectionError,
    AgentGateError,
    ApprovalsClient,
    ApprovalView,
    ApprovalWatch,
    ClientState,
    GrantTerms,
    approvals,
)

pytestmark = pytest.mark.anyio


def row(approval_id: str, status: str = "waiting", **more: Any) -> dict[str, Any]:
    """An approval as the gateway sends it."""
    return {
        "id": approval_id,
        "agent": "robot",
        "tool": "unlock_door",
        "args": {"door": "front", "seconds": 1.5},
        "signature": "unlock_door(front)",
        "rule": "unlock_door*",
        "created_at": "2026-02-09T10:00:00Z",
        "expires_at": "2026-02-09T10:15:00Z",
        "status": status,
    } | more


@asynccontextmanager
async def approving(gate: Gateway, client: ApprovalsClient) -> AsyncIterator[Peer]:
    """Connect an approver; yield the gateway's end, and see the last connection off."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.connect)
        peer = await gate.accept_authenticated(principal="kim", role="approver")
    yield peer
    await leave(client, peer)


async def leave(client: ApprovalsClient, peer: Peer) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.close)
        await peer.see_off()


async def watched(peer: Peer, *rows: dict[str, Any]) -> None:
    """Take a subscription, and answer it with these rows."""
    request = await peer.receive()
    assert (request["method"], request["params"]) == ("watch_approvals", {})
    await peer.answer(request, {"approvals": list(rows)})


async def news(watch: ApprovalWatch, count: int) -> list[tuple[str, str]]:
    """Return the next approvals, each as id and status."""
    views = [await anext(watch) for _ in range(count)]
    return [(view.id, view.status) for view in views]


async def reconnected(gate: Gateway) -> Peer:
    """Take the next connection; an approver has no pending results to fetch."""
    peer = await gate.accept_authenticated(principal="kim", role="approver")
    request = await peer.receive()
    assert request["method"] == "get_pending_results"
    await peer.fail(request, -32010, "Forbidden")
    return peer


async def test_waiting_approvals_are_listed_as_typed_views() -> None:
    listed = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(listed.run, client.list)
                request = await peer.receive()
                assert (request["method"], request["params"]) == ("list_approvals", {})
                await peer.answer(request, {"approvals": [row("a1"), row("a2", warning="!")]})
    assert isinstance(listed.value, list)
    first, second = listed.value
    assert isinstance(first, ApprovalView)
    assert (first.id, first.agent, first.rule) == ("a1", "robot", "unlock_door*")
    assert msgspec.json.decode(first.args) == {"door": "front", "seconds": 1.5}
    assert second.warning == "!"


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_decision_returns_the_approval_as_it_stands(decision: Any) -> None:
    decided = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(decided.run, lambda: client.decide("a1", decision))
                request = await peer.receive()
                assert request["method"] == "decide_approval"
                assert request["params"] == {"id": "a1", "decision": decision}
                await peer.answer(request, row("a1", "approved", decided_by="kim"))
    assert isinstance(decided.value, ApprovalView)
    assert (decided.value.status, decided.value.decided_by) == ("approved", "kim")


async def test_an_approval_that_was_settled_before_is_an_error_with_the_facts() -> None:
    decided = Outcome()
    facts = row("a1", "denied", decided_by="robin", channel="http")
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(decided.run, lambda: client.decide("a1", "approve"))
                await peer.fail(await peer.receive(), -32009, "Already denied by robin", facts)
    assert isinstance(decided.error, AgentGateError)
    assert decided.error.code == -32009
    assert decided.error.data == facts


async def test_a_decision_is_approve_or_deny() -> None:
    with pytest.raises(ValueError, match='"approve" or "deny"'):
        await ApprovalsClient("wss://hub", "t").decide("a1", "yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decided_by", "status", "taken"),
    [("kim", "approved", True), ("robin", "approved", False), ("kim", "denied", False)],
)
async def test_a_decision_given_again_after_a_broken_connection_finds_itself_taken(
    decided_by: str, status: str, taken: bool
) -> None:
    decided = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated(principal="kim", role="approver")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(decided.run, lambda: client.decide("a1", "approve"))
                await peer.receive()
                peer.cut()
                peer = await reconnected(gate)
                again = await peer.receive()
                assert again["params"] == {"id": "a1", "decision": "approve"}
                facts = row("a1", status, decided_by=decided_by)
                await peer.fail(again, -32009, "Already settled", facts)
            await leave(client, peer)
    assert isinstance(decided.value, ApprovalView) is taken
    assert isinstance(decided.error, AgentGateError) is not taken


@pytest.mark.parametrize(("decision", "taken"), [("approve", True), ("deny", False)])
async def test_one_yes_of_several_given_again_finds_itself_taken(
    decision: Any, taken: bool
) -> None:
    decided = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated(principal="kim", role="approver")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(decided.run, lambda: client.decide("a1", decision, code="123456"))
                await peer.receive()
                peer.cut()
                peer = await reconnected(gate)
                again = await peer.receive()
                assert again["params"] == {"id": "a1", "decision": decision, "code": "123456"}
                facts = row("a1", approvers_needed=2, approved_by=["kim"])
                await peer.fail(again, -32009, "you have said yes already", facts)
            await leave(client, peer)
    assert isinstance(decided.value, ApprovalView) is taken
    assert isinstance(decided.error, AgentGateError) is not taken


async def test_a_grant_is_shown_in_words_given_listed_and_revoked() -> None:
    terms = GrantTerms(minutes=10, any_args=("seconds",))
    sent = {"minutes": 10, "any_args": ["seconds"]}
    grant = {
        "id": "g1",
        "agent": "robot",
        "tool": "unlock_door",
        "words": "robot may …",
        "created_at": "2026-02-09T10:00:00Z",
        "expires_at": "2026-02-09T10:10:00Z",
        "uses_left": 999,
        "approver": "kim",
        "channel": "terminal",
        "status": "active",
    }
    calls: list[tuple[str, Any, Any]] = [
        ("preview_grant", {"id": "a1", "grant": sent}, {"words": "robot may …"}),
        (
            "decide_approval",
            {"id": "a1", "decision": "approve", "grant": sent},
            row("a1", "approved", grant="g1"),
        ),
        ("list_grants", {}, {"grants": [grant]}),
        ("revoke_grant", {"id": "g1"}, grant | {"status": "revoked"}),
    ]

    async def answer(peer: Peer) -> None:
        for method, params, result in calls:
            request = await peer.receive()
            assert (request["method"], request["params"]) == (method, params)
            await peer.answer(request, result)

    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(answer, peer)
                assert await client.preview_grant("a1", terms) == "robot may …"
                assert (await client.decide("a1", "approve", grant=terms)).grant == "g1"
                assert [view.uses_left for view in await client.grants()] == [999]
                assert (await client.revoke_grant("g1")).status == "revoked"


async def test_a_watch_hears_after_a_reconnect_who_said_yes_meanwhile() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated(principal="kim", role="approver")
            watch = client.watch()
            await watched(peer, row("a1"), row("a2"))
            await news(watch, 2)
            peer.cut()
            peer = await reconnected(gate)
            await watched(peer, row("a1"), row("a2", approved_by=["robin"]))
            view = await anext(watch)
            assert (view.id, view.approved_by) == ("a2", ("robin",))
            await leave(client, peer)


async def test_a_watch_gives_what_waits_and_then_each_change() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                watch = client.watch()
                await watched(peer, row("a1"), row("a2"))
                assert await news(watch, 2) == [("a1", "waiting"), ("a2", "waiting")]
                await peer.notify("approval_changed", row("a3"))
                await peer.notify("approval_changed", row("a1", "approved"))
                assert await news(watch, 2) == [("a3", "waiting"), ("a1", "approved")]
                await peer.notify("approval_changed", row("a1", "approved", outcome="executed"))
                view = await anext(watch)
                assert (view.id, view.outcome) == ("a1", "executed")


async def test_several_changes_of_one_approval_may_come_as_one() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                watch, other = client.watch(), client.watch()
                await watched(peer, row("a1"))
                await watched(peer, row("a1"))
                await peer.notify("approval_changed", row("a1", "denied"))
                await peer.notify("approval_changed", row("a2"))
                while (await anext(other)).id != "a2":
                    pass
                assert await news(watch, 2) == [("a1", "denied"), ("a2", "waiting")]


async def test_a_watch_goes_on_after_a_reconnect_with_what_changed_meanwhile() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated(principal="kim", role="approver")
            watch = client.watch()
            await watched(peer, row("stays"), row("goes"))
            assert await news(watch, 2) == [("stays", "waiting"), ("goes", "waiting")]
            peer.cut()
            peer = await reconnected(gate)
            await watched(peer, row("stays"), row("new"))
            assert await news(watch, 2) == [("goes", "settled"), ("new", "waiting")]
            await peer.notify("approval_changed", row("stays", "denied"))
            assert await news(watch, 1) == [("stays", "denied")]
            await leave(client, peer)


async def test_a_subscription_that_was_not_answered_is_made_once_on_the_next_connection() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated(principal="kim", role="approver")
            watch = client.watch()
            assert (await peer.receive())["method"] == "watch_approvals"
            peer.cut()
            peer = await reconnected(gate)
            await watched(peer, row("a1"))
            assert await news(watch, 1) == [("a1", "waiting")]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.list)
                request = await peer.receive()
                assert request["method"] == "list_approvals"
                await peer.answer(request, {"approvals": []})
            await leave(client, peer)


async def test_a_watch_ends_with_the_client() -> None:
    followed = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated(principal="kim", role="approver")
            watch, other = client.watch(), client.watch()

            async def follow() -> list[str]:
                return [view.id async for view in watch]

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(followed.run, follow)
                await watched(peer, row("a1"))
                await watched(peer, row("a1"))
                assert await news(other, 1) == [("a1", "waiting")]
                await leave(client, peer)
            with pytest.raises(AgentGateConnectionError, match="the client was closed"):
                client.watch()
    assert followed.value == ["a1"]


async def test_a_watch_raises_the_reason_when_the_client_gives_up() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t", max_retries=0)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            watch = client.watch()
            await watched(peer)
            peer.cut()
            for _ in range(2):
                with pytest.raises(AgentGateConnectionError, match="broke"):
                    await anext(watch)


async def test_a_watch_that_the_role_may_not_have_raises_the_gateways_refusal() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                watch = client.watch()
                await peer.fail(await peer.receive(), -32010, "Forbidden")
                with pytest.raises(AgentGateError, match="Forbidden"):
                    await anext(watch)
                watch = client.watch()
                await peer.answer(await peer.receive(), {"approvals": [{"id": "a1"}]})
                with pytest.raises(AgentGateError, match="odd answer"):
                    await anext(watch)


async def test_a_closed_watch_is_over_and_no_longer_told() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                watch, other = client.watch(), client.watch()
                await watched(peer, row("a1"))
                await watched(peer, row("a1"))
                assert await news(other, 1) == [("a1", "waiting")]
                await watch.aclose()
                await peer.notify("approval_changed", row("a2"))
                assert await news(other, 1) == [("a2", "waiting")]
                with pytest.raises(StopAsyncIteration):
                    await anext(watch)


async def test_a_watch_that_is_too_slow_starts_over_with_what_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(approvals, "WATCHED_MAX", 3)
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = ApprovalsClient(gate.url, "t")
            async with approving(gate, client) as peer:
                watch, other = client.watch(), client.watch()
                await watched(peer)
                await watched(peer)
                for n in range(5):
                    await peer.notify("approval_changed", row(f"a{n}", "denied"))
                    assert await news(other, 1) == [(f"a{n}", "denied")]
                async with anyio.create_task_group() as tasks:
                    outcome = Outcome()
                    tasks.start_soon(outcome.run, lambda: anext(watch))
                    await watched(peer, row("a9"))
                assert isinstance(outcome.value, ApprovalView)
                assert outcome.value.id == "a9"


async def test_a_watch_may_begin_while_the_client_is_reconnecting() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = ApprovalsClient(gate.url, "t", backoff=Asleep(), on_state=changes)
            async with approving(gate, client) as peer:
                peer.cut()
                await changes.wait_for(ClientState.RECONNECTING)
                watch = client.watch()
                await watch.aclose()
