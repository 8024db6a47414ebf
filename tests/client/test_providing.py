"""Tools that the client provides: offered, run, stopped, and how their errors are told."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import pytest
from tests.client.gateway import Peer, gateway
from tests.client.helpers import BOUND_S, Impatient

from agentgate_client import AgentGateClient, AgentGateError, Tool
from agentgate_proto.errors import ErrorCode

pytestmark = pytest.mark.anyio


async def temp(room: Literal["hall", "bath"], digits: int = 1) -> dict[str, Any]:
    """Say how warm it is.

    This is not for models.
    """
    return {"room": room, "temp": round(21.345, digits)}


def blink(times: int) -> str:
    return f"{times} times, on {threading.current_thread() is threading.main_thread()}"


async def broken() -> None:
    raise ZeroDivisionError("by nought")


async def refusing() -> None:
    raise AgentGateError(ErrorCode.OUTCOME_UNKNOWN, "the wire is cut")


async def odd() -> None:
    raise AgentGateError(ErrorCode.DENIED_BY_POLICY, "not here")


async def unsayable() -> object:
    return object()


ALL = (temp, blink, broken, refusing, odd, unsayable)


class Providing:
    """A client that provides tools, and the gateway's end."""

    def __init__(self, client: AgentGateClient, peer: Peer) -> None:
        self.client = client
        self.peer = peer
        self.last = 0

    async def call(self, tool: str, call: str = "", **args: Any) -> int:
        """Ask for a tool."""
        self.last += 1
        params = {"call": call or f"c{self.last}", "tool": tool, "args": args, "timeout_s": 5.0}
        message = {"jsonrpc": "2.0", "method": "tools.call", "params": params, "id": self.last}
        await self.peer.send(message)
        return self.last

    async def answer(self, tool: str, **args: Any) -> Any:
        """Ask for a tool; return its data, or the code and text of the error."""
        request_id = await self.call(tool, **args)
        answer = await self.peer.receive()
        assert answer["id"] == request_id
        if "error" in answer:
            return answer["error"]["code"], answer["error"]["message"]
        return answer["result"]["data"]


async def offer(client: AgentGateClient, peer: Peer, *tools: Any) -> dict[str, Any]:
    """Provide tools; return what the gateway was told."""
    told: dict[str, Any] = {}

    async def take() -> None:
        asked = await peer.receive()
        assert asked["method"] == "tools.provide"
        told.update(asked["params"])
        await peer.answer(asked, {"names": [f"pi.{each['name']}" for each in told["tools"]]})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        assert await client.provide(*tools) == [f"pi.{t['name']}" for t in told["tools"]]
    return told


@asynccontextmanager
async def providing(*tools: Any) -> AsyncIterator[Providing]:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", client_id="pi", backoff=Impatient())
            async with anyio.create_task_group() as group:
                group.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            await offer(client, peer, *tools)
            both = Providing(client, peer)
            yield both
            async with anyio.create_task_group() as group:
                group.start_soon(client.close)
                await both.peer.see_off()


async def test_a_function_is_offered_as_what_it_says_and_run_with_converted_arguments() -> None:
    async with providing() as pi:
        (told,) = (await offer(pi.client, pi.peer, temp))["tools"]
        assert told["description"] == "Say how warm it is."
        assert told["args"] == {
            "type": "object",
            "properties": {"room": {"enum": ["bath", "hall"]}, "digits": {"type": "integer"}},
            "required": ["room"],
            "additionalProperties": False,
        }
        assert await pi.answer("temp", room="hall") == {"room": "hall", "temp": 21.3}
        assert await pi.answer("temp", room="hall", digits=2) == {"room": "hall", "temp": 21.34}
        code, text = await pi.answer("temp", room="moon")
        assert (code, "Invalid enum value 'moon'" in text) == (-32602, True)


async def test_a_plain_function_runs_in_a_thread() -> None:
    async with providing(Tool.of(blink, name="blink", effects="read")) as pi:
        assert await pi.answer("blink", times=3) == "3 times, on False"


async def test_what_goes_wrong_in_a_tool_is_told_and_harms_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with providing(*ALL) as pi:
        assert await pi.answer("broken") == (-32004, "ZeroDivisionError: by nought")
        assert await pi.answer("refusing") == (-32007, "the wire is cut")
        assert await pi.answer("odd") == (-32004, "not here")
        code, text = await pi.answer("unsayable")
        assert (code, "it ran" in text) == (-32007, True)
        assert (await pi.answer("nothing"))[0] == -32601
        assert await pi.answer("temp", room="hall") == {"room": "hall", "temp": 21.3}
    assert [(each.levelno, each.message) for each in caplog.records] == [
        (logging.WARNING, "the provided tool broken failed")
    ]


async def test_a_tool_that_nobody_waits_for_is_cancelled() -> None:
    stopped = anyio.Event()

    async def slow() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    async with providing(slow) as pi:
        await pi.call("slow", call="c1")
        await pi.peer.notify("tools.cancel", {"call": "c1"})
        await stopped.wait()
        answer = await pi.peer.receive()
        assert answer["error"] == {"code": -32007, "message": "it was stopped while it ran"}
        await pi.peer.notify("tools.cancel", {"call": "c1"})


async def test_closing_ends_the_tools_that_run() -> None:
    begun, stopped = anyio.Event(), anyio.Event()

    async def slow() -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    async with providing(slow) as pi:
        await pi.call("slow")
        await begun.wait()
    assert stopped.is_set()


async def test_a_call_that_comes_again_on_the_next_connection_is_not_run_again() -> None:
    runs: list[int] = []
    go_on = anyio.Event()

    async def once() -> int:
        runs.append(1)
        await go_on.wait()
        return len(runs)

    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", client_id="pi", backoff=Impatient())
            async with anyio.create_task_group() as group:
                group.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            told = await offer(client, peer, once)
            await Providing(client, peer).call("once", call="c1")
            while not runs:
                await anyio.sleep(0.001)
            peer.cut()
            peer = await gate.accept_authenticated()
            await peer.reconcile([])
            again = await peer.receive()
            assert (again["method"], again["params"]) == ("tools.provide", told)
            await peer.answer(again, {"names": ["pi.once"]})
            pi = Providing(client, peer)
            request_id = await pi.call("once", call="c1")
            go_on.set()
            answer = await peer.receive()
            assert (answer["id"], answer["result"]) == (request_id, {"data": 1})
            async with anyio.create_task_group() as group:
                group.start_soon(client.close)
                await peer.see_off()
    assert runs == [1]


async def test_what_the_gateway_does_not_take_leaves_those_before_in_force(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with providing(temp) as pi:

        async def refuse() -> None:
            await pi.peer.fail(await pi.peer.receive(), -32009, "kitchen has it")

        async with anyio.create_task_group() as group:
            group.start_soon(refuse)
            with pytest.raises(AgentGateError, match="kitchen has it"):
                await pi.client.provide(blink)
        assert await pi.answer("temp", room="hall") == {"room": "hall", "temp": 21.3}
        assert (await pi.answer("blink", times=1))[0] == -32601
    assert caplog.records == []


async def test_tools_that_are_not_taken_any_more_after_a_reconnect_are_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", client_id="pi", backoff=Impatient())
            async with anyio.create_task_group() as group:
                group.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            await offer(client, peer, temp)
            peer.cut()
            peer = await gate.accept_authenticated()
            await peer.reconcile([])
            await peer.fail(await peer.receive(), -32009, "another has it")
            while not any("another has it" in each.message for each in caplog.records):
                await anyio.sleep(0.001)
            async with anyio.create_task_group() as group:
                group.start_soon(client.close)
                await peer.see_off()


async def test_an_odd_answer_to_an_offer_is_an_error() -> None:
    async with providing() as pi:

        async def answer() -> None:
            await pi.peer.answer(await pi.peer.receive(), {"names": 7})

        async with anyio.create_task_group() as group:
            group.start_soon(answer)
            with pytest.raises(AgentGateError, match="odd"):
                await pi.client.provide(temp)


def by_position(x: int, /) -> None: ...


def many(*x: int) -> None: ...


def untyped(x) -> None:  # type: ignore[no-untyped-def]
    ...


def unknown(x: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
    ...


def strange(x: complex) -> None: ...


@pytest.mark.parametrize(
    ("tools", "text"),
    [
        ([temp, temp], "two tools have one name"),
        ([Tool(name=f"t{n}", run=temp) for n in range(65)], "64 tools at most"),
        ([by_position], "'x' can't be given by name"),
        ([many], "'x' can't be given by name"),
        ([untyped], "'x' has no type hint"),
        ([unknown], "Nowhere"),
        ([strange], "JSON"),
        ([lambda: None], "can't be offered"),
    ],
)
async def test_what_cannot_be_offered_is_refused_before_anything_is_sent(
    tools: list[Any], text: str
) -> None:
    client = AgentGateClient("ws://127.0.0.1:9", "t")
    with pytest.raises(ValueError, match=text):
        await client.provide(*tools)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": "a.b"}, "name"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": 601.0}, "timeout_s"),
        ({"effects": "both"}, "both"),
        ({"description": "x" * 2_001}, "description"),
    ],
)
def test_a_tool_that_cannot_be_right_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Tool(**{"name": "a", "run": temp} | options)
    with pytest.raises(TypeError, match="function"):
        Tool(name="a", run=5)  # type: ignore[arg-type]
