"""Calls: what is sent, what comes back, who gets it."""

from __future__ import annotations

import math
from typing import Any

import anyio
import pytest
from tests.client.gateway import Peer, gateway, obliging
from tests.client.helpers import BOUND_S, Outcome, connected

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    OutcomeUnknown,
)

pytestmark = pytest.mark.anyio


@pytest.mark.seed001("FR2-AC1", "FR2-AC2")
async def test_tool_requests_are_sent_to_the_letter_and_return_the_data() -> None:
    outcomes = [Outcome(), Outcome()]
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                for request_id, outcome in enumerate(outcomes, 1):
                    tasks.start_soon(
                        outcome.run,
                        lambda: client.tool_request("ha_get_state", entity_id="sensor.temp"),
                    )
                    request = await peer.receive()
                    assert request == {
                        "jsonrpc": "2.0",
                        "method": "tool_request",
                        "params": {"tool": "ha_get_state", "args": {"entity_id": "sensor.temp"}},
                        "id": request_id,
                    }
                    await peer.executed(request, {"state": "21.3"})
    assert [outcome.value for outcome in outcomes] == [{"state": "21.3"}] * 2


async def test_every_keyword_of_a_tool_request_is_an_argument_of_the_tool() -> None:
    args: dict[str, Any] = {
        "self": 1,
        "tool": 2,
        "args": [3],
        "timeout_s": 4,
        "idempotency_key": {"a": None},
    }
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate, AgentGateClient(gate.url, "t") as client:
            assert await client.tool_request("x", **args) == {"tool": "x", "args": args}


async def test_for_how_long_back_it_may_be_a_repeat_is_sent_when_it_is_given() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate, AgentGateClient(gate.url, "t") as client:
            asked = await client.call("x", join_s=600)
            assert asked == {"tool": "x", "args": {}, "join_s": 600.0}


@pytest.mark.parametrize("wrong", ["600", True, None])
async def test_a_time_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="join_s must be a number"):
        await AgentGateClient("ws://localhost", "t").call("x", join_s=wrong)


@pytest.mark.parametrize("wrong", [-1, 3_600.5, math.nan, math.inf])
async def test_a_time_that_the_gateway_would_not_take_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="join_s must be between 0 and 3,600"):
        await AgentGateClient("ws://localhost", "t").call("x", join_s=wrong)


async def test_an_idempotency_key_is_sent_when_it_is_given() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate, AgentGateClient(gate.url, "t") as client:
            asked = await client.call("x", idempotency_key="order-7")
            assert asked == {"tool": "x", "args": {}, "idempotency_key": "order-7"}


async def test_arguments_are_taken_as_they_are_when_the_call_is_made() -> None:
    args = {"list": [1]}
    outcome = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(outcome.run, lambda: client.call("x", args))
                request = await peer.receive()
                args["list"].append(2)
                assert request["params"]["args"] == {"list": [1]}
                await peer.executed(request, None)
    assert (outcome.value, outcome.error) == (None, None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        pytest.param(-32001, AgentGateDenied, marks=pytest.mark.seed001("FR2-AC3")),
        pytest.param(-32003, AgentGateDenied, marks=pytest.mark.seed001("FR2-AC3")),
        pytest.param(-32002, AgentGateTimeout, marks=pytest.mark.seed001("FR2-AC4")),
        *(
            pytest.param(code, AgentGateError, marks=pytest.mark.seed001("FR2-AC5"))
            for code in (-32700, -32600, -32601, -32602, -32603, -32004, -32006)
        ),
        pytest.param(-32005, AgentGateConnectionError, marks=pytest.mark.seed001("FR2-AC5")),
        (-32007, OutcomeUnknown),
        (-1, AgentGateError),
    ],
)
@pytest.mark.seed001("FR6-AC1", "FR6-AC2", "FR6-AC3")
async def test_errors_are_raised_with_their_type_code_words_and_data(
    code: int, kind: type[AgentGateError]
) -> None:
    async def refusing(peer: Peer) -> None:
        await peer.authenticate()
        request = await peer.receive()
        await peer.fail(request, code, "The words", {"retry_after_s": 3, "seq": 1})
        await peer.receive()

    with anyio.fail_after(BOUND_S):
        async with gateway(refusing) as gate, AgentGateClient(gate.url, "t") as client:
            with pytest.raises(AgentGateError) as caught:
                await client.tool_request("x")
    assert isinstance(caught.value, kind)
    assert (caught.value.code, caught.value.message) == (code, "The words")
    assert caught.value.data == {"retry_after_s": 3}


@pytest.mark.seed001("FR2-AC6")
async def test_concurrent_calls_get_their_own_answers_in_any_order() -> None:
    outcomes = [Outcome() for _ in range(5)]
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                for n, outcome in enumerate(outcomes):
                    tasks.start_soon(outcome.run, lambda n=n: client.tool_request("x", n=n))
                requests = [await peer.receive() for _ in outcomes]
                for request in reversed(requests):
                    if request["params"]["args"]["n"] == 3:
                        await peer.fail(request, -32003, "Denied by policy")
                    else:
                        await peer.executed(request, request["params"]["args"])
    assert [a.value for a in outcomes if a.error is None] == [{"n": n} for n in (0, 1, 2, 4)]
    assert isinstance(outcomes[3].error, AgentGateDenied)


async def test_a_thousand_calls_at_once_all_get_their_own_answer() -> None:
    outcomes = [Outcome() for _ in range(1_000)]
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate, AgentGateClient(gate.url, "t") as client:
            async with anyio.create_task_group() as tasks:
                for n, outcome in enumerate(outcomes):
                    tasks.start_soon(outcome.run, lambda n=n: client.tool_request("x", n=n))
            assert client.health.calls_waiting == 0
    assert [outcome.value for outcome in outcomes] == [
        {"tool": "x", "args": {"n": n}} for n in range(1_000)
    ]


async def test_an_answer_of_a_megabyte_arrives_whole() -> None:
    big = "ä" * 1_000_000

    async def talkative(peer: Peer) -> None:
        await peer.authenticate()
        await peer.executed(await peer.receive(), big)
        await peer.receive()

    with anyio.fail_after(BOUND_S):
        async with gateway(talkative) as gate, AgentGateClient(gate.url, "t") as client:
            assert await client.tool_request("x") == big


@pytest.mark.seed001("FR5-AC1")
async def test_get_pending_results_returns_what_reached_no_waiting_call() -> None:
    rows = [
        {
            "request_id": 4,
            "tool": "light",
            "status": "executed",
            "resolved_at": "2026-02-09T10:00:00Z",
            "data": {"on": True},
        },
        {
            "request_id": "five",
            "tool": "lock",
            "status": "denied",
            "resolved_at": "2026-02-09T10:00:01Z",
            "error": {"code": -32001, "message": "Denied by user"},
        },
        {
            "request_id": 6,
            "tool": "light",
            "status": "executed",
            "resolved_at": "2026-02-09T09:58:00Z",
            "data": {"on": True},
            "joined": True,
        },
    ]
    outcome = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", client_id="robot-1")
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(outcome.run, client.get_pending_results)
                request = await peer.receive()
                assert request == {
                    "jsonrpc": "2.0",
                    "method": "get_pending_results",
                    "params": {},
                    "id": 1,
                }
                await peer.answer(request, {"results": rows, "pending": []})
    assert (outcome.value, outcome.error) == (rows, None)


@pytest.mark.seed001("FR5-AC2")
async def test_get_pending_results_settles_the_calls_that_wait_for_them() -> None:
    waiting, collecting = Outcome(), Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: client.tool_request("x"))
                asked = await peer.receive()
                tasks.start_soon(collecting.run, client.get_pending_results)
                row = {"request_id": asked["id"], "tool": "x", "status": "executed", "data": [7]}
                reply = {"results": [row], "pending": []}
                await peer.answer(await peer.receive(), reply)
    assert waiting.value == [7]
    assert collecting.value == [row | {"resolved_at": ""}]


async def test_tools_and_requests_are_listed() -> None:
    tools = [{"name": "light", "decision": "ask"}]
    requests = [{"id": "r1", "request_id": 1, "tool": "light", "phase": "waiting"}]

    async def listing(peer: Peer) -> None:
        await peer.authenticate()
        request = await peer.receive()
        assert (request["method"], request["params"]) == ("list_tools", {})
        await peer.answer(request, {"tools": tools})
        request = await peer.receive()
        assert request["method"] == "list_requests"
        assert request["params"] == {"open_only": True, "limit": 5}
        await peer.answer(request, {"requests": requests})
        await peer.answer(await peer.receive(), ["odd"])
        await peer.receive()

    with anyio.fail_after(BOUND_S):
        async with gateway(listing) as gate, AgentGateClient(gate.url, "t") as client:
            assert await client.list_tools() == tools
            assert await client.list_requests(open_only=True, limit=5) == requests
            with pytest.raises(AgentGateError, match="odd answer") as caught:
                await client.list_tools()
            assert caught.value.code == -32603


async def test_a_long_list_takes_as_many_calls_as_there_are_pages() -> None:
    pages = [["r5", "r4"], ["r3"], ["r2", "r1"]]

    async def listing(peer: Peer) -> None:
        await peer.authenticate()
        asked: list[Any] = []
        for number, page in enumerate(pages):
            request = await peer.receive()
            asked.append(request["params"])
            more = {"more": True} if number < len(pages) - 1 else {}
            await peer.answer(request, {"requests": [{"id": rid} for rid in page], **more})
        assert asked == [{}, {"limit": 98, "before": "r4"}, {"limit": 97, "before": "r3"}]
        request = await peer.receive()
        await peer.answer(request, {"requests": [{"id": "r5"}, {"id": "r4"}], "more": True})
        request = await peer.receive()
        assert request["params"] == {"id": "r3"}
        await peer.answer(request, {"requests": [{"id": "r3", "args": {"x": 1}}]})
        await peer.answer(await peer.receive(), {"requests": [{"id": "r3"}, {"id": "r2"}]})
        await peer.receive()

    with anyio.fail_after(BOUND_S):
        async with gateway(listing) as gate, AgentGateClient(gate.url, "t") as client:
            rows = await client.list_requests()
            assert [row["id"] for row in rows] == ["r5", "r4", "r3", "r2", "r1"]
            assert len(await client.list_requests(limit=2)) == 2
            assert await client.get_request("r3") == {"id": "r3", "args": {"x": 1}}
            with pytest.raises(AgentGateError, match="odd answer"):
                await client.get_request("r2")


async def test_what_cannot_be_sent_is_refused_at_once() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate, AgentGateClient(gate.url, "t") as client:
            for args in ({"x": object()}, {"x": loop}, {"x": "\ud800"}, {"x": "a" * 2_000_000}):
                with pytest.raises(AgentGateError, match="the arguments"):
                    await client.call("x", args)
            for tool in ("", "x" * 10_000):
                with pytest.raises(ValueError, match="tool must have"):
                    await client.call(tool)
            with pytest.raises(TypeError, match="tool must be a str, not int"):
                await client.call(7)  # type: ignore[arg-type]
            for timeout_s in (0, -1, float("nan"), float("inf")):
                with pytest.raises(ValueError, match="timeout_s"):
                    await client.call("x", timeout_s=timeout_s)
            with pytest.raises(ValueError, match="timeout_s"):
                AgentGateClient(gate.url, "t", timeout_s=0)
            assert await client.tool_request("x") == {"tool": "x", "args": {}}


async def test_a_call_out_of_time_is_withdrawn_and_says_so() -> None:
    outcome = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", timeout_s=0.01)
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(outcome.run, lambda: client.tool_request("x"))
                asked = await peer.receive()
                cancel = await peer.receive()
                assert cancel["method"] == "cancel_request"
                assert cancel["params"] == {"request_id": asked["id"]}
                await peer.answer(cancel, {"status": "cancelled"})
                await peer.fail(asked, -32008, "Cancelled")
    assert isinstance(outcome.error, AgentGateTimeout)
    assert outcome.error.code == -32008
    assert outcome.error.message == "no answer in 0.01 s: it was withdrawn and did not run"


async def test_a_call_may_wait_longer_than_the_client_says_by_default() -> None:
    outcome = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", timeout_s=0.01)
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(outcome.run, lambda: client.call("patient", timeout_s=None))
                asked = await peer.receive()
                with pytest.raises(AgentGateTimeout):
                    await client.list_tools()
                assert (await peer.receive())["method"] == "list_tools"
                await peer.executed(asked, "at last")
    assert outcome.value == "at last"


async def test_a_cancelled_caller_withdraws_its_call_and_does_not_wait_for_that() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with connected(gate, client) as peer:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.tool_request, "x")
                    asked = await peer.receive()
                    tasks.cancel_scope.cancel()
                assert client.health.calls_waiting == 0
                cancel = await peer.receive()
                assert cancel["method"] == "cancel_request"
                assert cancel["params"] == {"request_id": asked["id"]}
                await peer.answer(cancel, {"status": "too_late"})
                await peer.executed(asked, "it ran", seq=1)
                async with anyio.create_task_group() as tasks:
                    kept = Outcome()
                    tasks.start_soon(kept.run, client.get_pending_results)
                    await answer_next(peer, "get_pending_results", {"results": [], "pending": []})
                assert isinstance(kept.value, list)
                assert [row["data"] for row in kept.value] == ["it ran"]


async def test_a_call_cancelled_while_offline_is_never_sent() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept()
                async with anyio.create_task_group() as inner:
                    inner.start_soon(client.tool_request, "never")
                    while not client.health.calls_waiting:
                        await anyio.lowlevel.checkpoint()
                    inner.cancel_scope.cancel()
                await peer.authenticate()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.tool_request, "next")
                request = await peer.receive()
                assert request["params"]["tool"] == "next"
                await peer.executed(request, None)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                await peer.see_off()


async def test_calls_of_a_client_that_is_not_connected_are_refused() -> None:
    client = AgentGateClient("ws://127.0.0.1:1", "t")
    with pytest.raises(AgentGateConnectionError, match=r"call connect\(\) first"):
        await client.tool_request("x")
    await client.close()
    for _ in range(2):
        with pytest.raises(AgentGateConnectionError, match="the client was closed"):
            await client.tool_request("x")


async def answer_next(peer: Peer, method: str, result: Any) -> None:
    """Answer the next request, which must be of this method; acknowledgements may precede it."""
    request = await peer.receive()
    while request["method"] == "ack":
        request = await peer.receive()
    assert request["method"] == method
    await peer.answer(request, result)
