"""Tools that connected clients provide, through a whole gateway over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.server.embedded import RawClient, raw_client, serving, until

from agentgate_proto.connection.events import Answered, Authenticated, Notified, ToolAsked
from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.tool_methods import StopTool
from agentgate_server.gate import providing
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.tools.provided import desk
from agentgate_server.tools.provided.desk import ProviderDesk

pytestmark = pytest.mark.anyio

KITCHEN = "kitchen-token-0123456789"
POLICY = Policy.parse(
    """
rules:
  - {tool: "kitchen.ask*", action: ask}
  - {tool: "kitchen.secret", action: deny}
  - {tool: "kitchen.*", action: allow}
"""
)
ROOM = {"type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]}
TEMP = {"name": "temp", "effects": "read", "args": ROOM, "timeout_s": 8.0}
LIGHT = {"name": "light", "effects": "write", "timeout_s": 8.0}


class Caller:
    """One connection: asks, and answers what it is asked."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.last = 0

    async def send(self, method: str, **params: Any) -> int:
        self.last += 1
        await self.client.request(self.last, method, params)
        return self.last

    async def answer_to(self, request_id: int) -> Any:
        """The result, or the error's code and message."""
        while (answered := await self.client.next(Answered)).id != request_id:
            pass
        if answered.error is not None:
            return answered.error.code, answered.error.message
        return msgspec.json.decode(answered.result)

    async def __call__(self, method: str, **params: Any) -> Any:
        return await self.answer_to(await self.send(method, **params))

    async def ask(self, tool: str, **args: Any) -> int:
        return await self.send("tool_request", tool=tool, args=args)

    async def asked(self) -> ToolAsked:
        event: ToolAsked = await self.client.next(ToolAsked)
        return event

    async def reply(self, event: ToolAsked, data: Any) -> None:
        self.client.machine.send_result(event.id, {"data": data})
        await self.client.flush()

    async def fail(self, event: ToolAsked, code: ErrorCode, message: str) -> None:
        self.client.machine.send_error(event.id, code, message)
        await self.client.flush()


@asynccontextmanager
async def connected(
    gateway: Gateway, client_id: str = "hub", **options: Any
) -> AsyncIterator[Caller]:
    async with raw_client(gateway, client_id=client_id, **options) as client:
        await client.next(Authenticated)
        yield Caller(client)


@asynccontextmanager
async def kitchen(gateway: Gateway, *tools: Any, client_id: str = "pi") -> AsyncIterator[Caller]:
    async with connected(gateway, client_id, token=KITCHEN) as caller:
        names = (await caller("tools.provide", tools=list(tools)))["names"]
        assert names == [f"kitchen.{tool['name']}" for tool in tools]
        yield caller


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[tuple[Gateway, Caller]]:
    """A gateway, and an agent that asks."""
    principals = [{"name": "kitchen", "role": "agent", "token": KITCHEN}]
    async with (
        serving(folder, policy=POLICY, principals=principals) as gateway,
        connected(gateway) as agent,
    ):
        yield gateway, agent


def desk_of(gateway: Gateway) -> ProviderDesk:
    return gateway.gate.providing.desk


async def test_a_client_s_tool_is_listed_checked_run_and_withdrawn_when_it_leaves(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (gateway, agent):
        async with kitchen(gateway, TEMP, LIGHT, {"name": "secret"}) as provider:
            rows = {row["name"]: row for row in (await agent("list_tools"))["tools"]}
            assert rows["kitchen.temp"]["args"] == ROOM
            assert rows["kitchen.temp"]["effects"] == "read"
            assert "kitchen.secret" not in rows
            code, text = await agent("tool_request", tool="kitchen.temp", args={"room": 5})
            assert code == ErrorCode.INVALID_PARAMS
            assert "argument 'room': expected string" in text
            request = await agent.ask("kitchen.temp", room="hall")
            asked = await provider.asked()
            assert (asked.call.tool, asked.call.args) == ("temp", {"room": "hall"})
            await provider.reply(asked, {"temp": 21})
            assert (await agent.answer_to(request))["data"] == {"temp": 21}
            request = await agent.ask("kitchen.light")
            await provider.fail(await provider.asked(), ErrorCode.TOOL_FAILED, "the bulb is broken")
            assert await agent.answer_to(request) == (-32004, "the bulb is broken")
        await until(lambda: not list(desk_of(gateway)), "the kitchen to have left")
        code, text = await agent("tool_request", tool="kitchen.temp", args={"room": "hall"})
        assert (code, text.partition(";")[0]) == (-32004, "Unknown tool: kitchen.temp")


def many(count: int) -> list[dict[str, Any]]:
    return [{"name": f"t{number}", "args": ROOM} for number in range(count)]


@asynccontextmanager
async def rounds_of_the_loop() -> AsyncIterator[list[int]]:
    """How many times everybody else has had a turn."""
    rounds = [0]

    async def count() -> None:
        while True:
            rounds[0] += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        yield rounds
        tasks.cancel_scope.cancel()


async def test_others_are_served_between_the_tools_of_a_large_offer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    async with house(tmp_path) as (gateway, _), rounds_of_the_loop() as rounds:

        def check_of(tool: Any) -> Any:
            seen.append(rounds[0])
            return desk.check_of(tool)

        monkeypatch.setattr(providing, "check_of", check_of)
        async with kitchen(gateway, *many(20)):
            assert len(seen) == 20
            assert len(set(seen)) >= 10, "trio runs what is ready in any order"


async def test_offers_of_one_connection_are_taken_in_their_order_and_so_many_may_wait(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (gateway, _), connected(gateway, "pi", token=KITCHEN) as caller:
        machine = caller.client.machine
        sizes = [20, 10, 1, 0, 5, 3]
        for number, size in enumerate(sizes, 1):
            machine.send_request(number, "tools.provide", {"tools": many(size)})
        await caller.client.flush()  # all in one message of the socket
        answers = [await caller.client.next(Answered) for _ in sizes]
        refused = {each.id: each.error for each in answers if each.error is not None}
        assert refused, "more than may wait"
        last = max(each.id for each in answers if each.id not in refused)
        assert desk_of(gateway).providers.offered == sizes[last - 1]
        taken = [each.id for each in answers if each.id not in refused]
        assert taken == sorted(taken)
        assert {error.code for error in refused.values()} == {ErrorCode.LIMIT_EXCEEDED}


async def test_who_leaves_while_an_offer_is_read_offers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    async with house(tmp_path) as (gateway, _), connected(gateway, "pi", token=KITCHEN) as caller:

        def check_of(tool: Any) -> Any:
            seen.append(tool.name)
            if len(seen) == 3:
                (peer,) = [a for a in gateway.gate.peers.values() if a.name == "kitchen"]
                gateway.gate.providing.closed(peer)
            return desk.check_of(tool)

        monkeypatch.setattr(providing, "check_of", check_of)
        await caller.send("tools.provide", tools=many(9))
        await until(lambda: len(seen) >= 3, "the offer to be read")
        assert (await caller("tools.provide", tools=[]))["names"] == []
        assert desk_of(gateway).providers.offered == 0
        assert len(seen) == 3


async def test_a_write_under_way_when_its_provider_leaves_is_unknown(tmp_path: Path) -> None:
    async with house(tmp_path) as (gateway, agent):
        async with kitchen(gateway, LIGHT) as provider:
            request = await agent.ask("kitchen.light")
            await provider.asked()
        code, text = await agent.answer_to(request)
        assert code == ErrorCode.OUTCOME_UNKNOWN
        assert "kitchen left while kitchen.light ran" in text


async def test_a_read_under_way_is_asked_again_when_its_provider_is_back(tmp_path: Path) -> None:
    async with house(tmp_path) as (gateway, agent):
        async with kitchen(gateway, TEMP) as provider:
            request = await agent.ask("kitchen.temp", room="hall")
            first = await provider.asked()
        await until(lambda: not list(desk_of(gateway)), "the kitchen to have left")
        async with kitchen(gateway, TEMP) as provider:
            again = await provider.asked()
            assert again.call.call == first.call.call
            await provider.reply(again, 21)
            assert (await agent.answer_to(request))["data"] == 21


async def test_an_answer_on_a_connection_that_was_taken_over_counts_for_nothing(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (gateway, agent), kitchen(gateway, TEMP) as stale:
        request = await agent.ask("kitchen.temp", room="hall")
        first = await stale.asked()
        async with kitchen(gateway, TEMP) as fresh:
            again = await fresh.asked()
            with suppress(anyio.BrokenResourceError):  # the gateway has closed it already
                await stale.reply(first, "stale")
            await fresh.reply(again, "fresh")
            assert (await agent.answer_to(request))["data"] == "fresh"


async def test_what_is_approved_while_the_provider_is_away_waits_for_it(tmp_path: Path) -> None:
    async with house(tmp_path) as (gateway, agent):
        asks = {"name": "ask_light", "effects": "write"}
        async with kitchen(gateway, asks):
            request = await agent.ask("kitchen.ask_light")
            await until(lambda: gateway.gate.ledger.waiting, "the approval")
        await until(lambda: not list(desk_of(gateway)), "the kitchen to have left")
        (record,) = gateway.gate.ledger.waiting
        async with connected(gateway, "owner", token="owner-token-0123456789") as owner:
            await owner("decide_approval", id=record.rid, decision="approve")
        await until(lambda: gateway.gate.running.count, "the call to wait")
        async with kitchen(gateway, asks) as provider:
            asked = await provider.asked()
            assert asked.call.call == record.rid
            await provider.reply(asked, "on")
            assert (await agent.answer_to(request))["data"] == "on"


async def test_a_call_that_waits_for_its_provider_is_withdrawn_as_not_started(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (gateway, agent):
        asks = {"name": "ask_light", "effects": "write"}
        async with kitchen(gateway, asks):
            request = await agent.ask("kitchen.ask_light")
            await until(lambda: gateway.gate.ledger.waiting, "the approval")
        await until(lambda: not list(desk_of(gateway)), "the kitchen to have left")
        (record,) = gateway.gate.ledger.waiting
        async with connected(gateway, "owner", token="owner-token-0123456789") as owner:
            await owner("decide_approval", id=record.rid, decision="approve")
        await until(lambda: gateway.gate.running.count, "the call to wait")
        await agent.send("cancel_request", request_id=request)
        code, text = await agent.answer_to(request)
        assert code == ErrorCode.TOOL_FAILED
        assert "it was not started" in text


async def test_withdrawing_a_request_reaches_the_provider(tmp_path: Path) -> None:
    async with house(tmp_path) as (gateway, agent), kitchen(gateway, LIGHT) as provider:
        request = await agent.ask("kitchen.light")
        asked = await provider.asked()
        await agent.send("cancel_request", request_id=request)
        told = await provider.client.next(Notified)
        assert told.params == StopTool(call=asked.call.call)
        assert (await agent.answer_to(request))[0] == ErrorCode.OUTCOME_UNKNOWN
        await provider.reply(asked, "late")
        request = await agent.ask("kitchen.light")
        await until(lambda: gateway.gate.ledger.waiting, "what may have run to be asked about")


@pytest.mark.parametrize(
    ("tools", "code", "text"),
    [
        ([{"name": "a", "args": {"type": "array"}}], -32602, "tool a: the arguments are an object"),
        ([{"name": "a"}, {"name": "a"}], -32602, "two of the tools have one name"),
        ([{"name": "a.b"}], -32602, "$.tools[0].name"),
    ],
)
async def test_what_cannot_be_offered_is_refused_and_changes_nothing(
    tools: list[Any], code: int, text: str, tmp_path: Path
) -> None:
    async with house(tmp_path) as (gateway, _), kitchen(gateway, TEMP) as provider:
        answer = await provider("tools.provide", tools=tools)
        assert answer[0] == code
        assert text in answer[1]
        assert [tool.name for tool in desk_of(gateway)] == ["kitchen.temp"]


async def test_two_devices_with_one_token_are_told_apart(tmp_path: Path) -> None:
    async with (
        house(tmp_path) as (gateway, _),
        kitchen(gateway, TEMP),
        connected(gateway, "other pi", token=KITCHEN) as other,
        connected(gateway, "", token=KITCHEN) as nameless,
    ):
        code, text = await other("tools.provide", tools=[TEMP])
        assert (code, "'pi'" in text) == (ErrorCode.ALREADY_SETTLED, True)
        code, text = await nameless("tools.provide", tools=[LIGHT])
        assert (code, "client_id" in text) == (ErrorCode.INVALID_PARAMS, True)
        assert (await other("tools.provide", tools=[LIGHT]))["names"] == ["kitchen.light"]


async def test_offers_are_counted_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providing, "OFFERS_PER_MINUTE", 2)
    async with (
        house(tmp_path) as (gateway, agent),
        kitchen(gateway, TEMP) as provider,
    ):
        assert (await provider("tools.provide", tools=[LIGHT]))["names"] == ["kitchen.light"]
        code, text = await provider("tools.provide", tools=[])
        assert (code, "2 times a minute" in text) == (ErrorCode.LIMIT_EXCEEDED, True)
        assert [tool.name for tool in desk_of(gateway)] == ["kitchen.light"]
        assert (await agent("tools.provide", tools=[LIGHT]))["names"] == ["agent.light"]


async def test_a_person_provides_nothing(tmp_path: Path) -> None:
    async with (
        house(tmp_path) as (gateway, _),
        connected(gateway, "owner", token="owner-token-0123456789") as owner,
    ):
        assert (await owner("tools.provide", tools=[TEMP]))[0] == ErrorCode.FORBIDDEN


async def test_a_model_wants_a_provided_tool_by_a_name_that_vendors_take(tmp_path: Path) -> None:
    async with house(tmp_path) as (gateway, agent), kitchen(gateway, TEMP) as provider:
        session = (await agent("create_session"))["id"]
        shown = await agent("inspect_session", session=session, text="hi")
        tools = next(each for each in shown["sections"] if each["name"] == "tools")
        assert "kitchen_temp (kitchen.temp): " in tools["content"]
        await agent(
            "send_message",
            session=session,
            text='call kitchen_temp {"room": "hall"}',
            message_id="m",
        )
        asked = await provider.asked()
        assert (asked.call.tool, asked.call.args) == ("temp", {"room": "hall"})
        await provider.reply(asked, {"temp": 21})
        rows = await requests_of(agent)
        assert [(row["tool"], row["status"]) for row in rows] == [("kitchen.temp", "executed")]


async def requests_of(agent: Caller) -> list[dict[str, Any]]:
    """The agent's requests, once they are done."""
    while True:
        rows: list[dict[str, Any]] = (await agent("list_requests"))["requests"]
        if all(row.get("status") == "executed" for row in rows):
            return rows
        await anyio.sleep(0.01)
