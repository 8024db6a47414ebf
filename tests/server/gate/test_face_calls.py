"""Calls of a face, at a real gate: asked, approved, joined, withdrawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.server.embedded import AGENT, raw_client, until
from tests.server.gate.face_ears import (
    BOT,
    OTHER,
    Ear,
    approved,
    asks,
    finds,
    finds_rid,
    gate,
    says,
    stored,
)
from tests.server.test_store_failures import Disk

from agentgate_proto.connection.events import Answered, Authenticated, Refused
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Phase
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import CancelStatus
from agentgate_proto.rpc.tool_methods import OfferedTool, ProvideTools
from agentgate_server.faces.call_desk import CLIENT, Told
from agentgate_server.gate.face_links import CALLS_MAX
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio


async def test_an_allowed_call_is_taken_and_settled(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ear = asks(desk, "echo", text="hi")
        await ear.hears("settled")
        assert ear.heard == ["taken", "settled"]
        assert ear.outcome is not None
        assert bytes(ear.outcome.data) == b'"hi"'
        assert ear.about is not None
        assert (ear.about.tool, ear.about.joined_at) == ("echo", 0.0)
        ear.call.received()
        ear.call.received()
        second = asks(desk, "echo", text="hi")
        await second.hears("settled")
        assert (ear.call.number, second.call.number) == (1, 2)
        row = await stored(gateway, ear)
        assert (row.client_id, row.delivered) == (CLIENT, True)


async def test_what_ended_counts_as_held_until_nobody_looks_at_it(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        held = gateway.gate.ledger.held
        first, second = asks(desk, "echo", text="x" * 5_000), asks(desk, "echo", text="hi")
        await first.hears("settled")
        await second.hears("settled")
        await gateway.gate.writer.flush()
        await until(lambda: held.of("agent") == 5_002 + 4, "only what has ended")
        again = finds(desk, first.call.number, first.call.digest)
        await again.hears("settled")
        first.call.received()
        assert held.of("agent") == 5_002 + 4
        again.call.leave()
        assert held.of("agent") == 4
        found = finds(desk, first.call.number, first.call.digest)
        await found.hears("settled")
        assert held.of("agent") == 5_002 + 4, "the store has told"
        found.call.leave()
        second.call.leave()
        assert held.of("agent") == held.total == 0


async def test_who_was_asked_about_is_told_and_a_yes_lets_it_run(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ear = asks(desk, "asked", text="hi")
        await ear.hears("waiting")
        assert ear.approval is not None
        assert ear.call.rid == ear.approval.rid
        assert ear.call.phase is Phase.WAITING
        await approved(gateway, ear)
        assert ear.heard == ["taken", "waiting", "settled"]
        assert ear.call.rid == ""
        assert ear.call.phase is None


async def test_a_no_is_the_outcome(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ear = asks(desk, "asked", text="hi")
        await ear.hears("waiting")
        await says(gateway, ear.call.rid, "deny")
        await ear.hears("settled")
        assert ear.outcome is not None
        assert ear.outcome.status is Status.DENIED


async def test_what_cannot_be_asked_for_is_refused_and_nothing_ran(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        unknown, wrong = asks(desk, "no_such_tool"), asks(desk, "echo", words="hi")
        budget = asks(desk, "exceed_budget")
        for ear in (unknown, wrong, budget):
            await ear.hears("refused")
            assert ear.heard == ["refused"]
        assert unknown.refusal is not None
        assert wrong.refusal is not None
        assert unknown.refusal[0] is ErrorCode.TOOL_FAILED
        assert wrong.refusal[0] is ErrorCode.INVALID_PARAMS
        ear = asks(desk, "note", text="hi", idempotency_key="k")
        await ear.hears("settled")
        other = asks(desk, "note", text="ho", idempotency_key="k")
        await other.hears("refused")
        assert other.heard == ["taken", "refused"]
        assert gateway.gate.face_calls._links["agent"].entries.keys() == {ear.call.number}


async def test_a_repeat_joins_what_waits_and_is_answered_with_what_has_ended(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path) as (gateway, desk):
        first = asks(desk, "asked", text="hi", join_s=600.0)
        await first.hears("waiting")
        second = asks(desk, "asked", text="hi", join_s=600.0)
        await second.hears("waiting")
        assert second.call.rid == first.call.rid == gateway.gate.desk.waiting()[0].id
        assert second.approval is not None
        assert second.approval.rid == first.call.rid, "the approval's, and not that of the joiner"
        await approved(gateway, first)
        await second.hears("settled")
        assert first.about is not None
        assert second.about is not None
        assert (first.about.joined_at, second.about.joined_at) == (0.0, 0.0)
        third = asks(desk, "asked", text="hi", join_s=600.0)
        await third.hears("settled")
        assert third.about is not None
        assert third.about.joined_at > 0.0
        assert third.outcome == first.outcome


async def test_a_native_request_of_the_same_principal_is_joined(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk), raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="asked", args={"text": "hi"}))
        await until(lambda: bool(gateway.gate.desk.waiting()), "a person is asked")
        ear = asks(desk, "asked", text="hi", join_s=600.0)
        await approved(gateway, ear)
        answer = await client.next(Answered)
        assert msgspec.json.decode(answer.result)["data"] == "hi"
        found = finds_rid(desk, ear.call.rid or ear.about.rid if ear.about else "")
        await found.hears("settled")


async def test_withdrawing_tells_what_came_of_it(tmp_path: Path) -> None:
    async with gate(tmp_path) as (_, desk):
        ear = asks(desk, "asked", text="hi")
        await ear.hears("waiting")
        ear.call.withdraw()
        await ear.hears("settled")
        await ear.hears("withdrawn")
        assert ear.statuses == [CancelStatus.CANCELLED]
        assert ear.outcome is not None
        assert ear.outcome.status is Status.CANCELLED
        running = asks(desk, "hang", key="a")
        await running.hears("taken")
        await until(lambda: running.call.phase is Phase.RUNNING, "it runs")
        running.call.withdraw()
        await running.hears("settled")
        assert running.statuses == [CancelStatus.STOPPING]


async def test_what_has_no_number_yet_is_withdrawn_at_once(tmp_path: Path) -> None:
    async with gate(tmp_path) as (_, desk):
        ear = asks(desk, "note", text="hi")
        assert ear.call.number == 0
        ear.call.withdraw()
        await ear.hears("withdrawn")
        assert ear.statuses == [CancelStatus.UNKNOWN_REQUEST]
        other = asks(desk, "echo", text="hi")
        await other.hears("settled")
        assert ear.heard == ["withdrawn"]
        assert other.call.number == 1


async def test_while_the_store_cannot_be_read_nobody_is_let_in_and_then_all_is_well(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path) as (gateway, desk):
        disk = Disk(gateway)
        disk.unreadable = True
        ears = [asks(desk, "echo", text="hi"), finds_rid(desk, "some-rid")]
        for ear in ears:
            await ear.hears("refused")
            assert ear.heard == ["refused"]
            assert ear.refusal is not None
            assert ear.refusal[0] is ErrorCode.INTERNAL_ERROR
            assert ear.refusal[2] == 1.0
        disk.unreadable = False
        ear = asks(desk, "echo", text="hi")
        await ear.hears("settled")
        disk.unreadable = True
        ears = [finds_rid(desk, "some-rid"), asks(desk, "note", text="hi", join_s=60.0)]
        for ear in ears:
            await ear.hears("refused")
            assert ear.refusal is not None
            assert ear.refusal[0] is ErrorCode.INTERNAL_ERROR
            assert ear.refusal[2] == 1.0
        assert ears[1].heard == ["taken", "refused"]


async def test_who_asks_too_often_is_refused_and_told_for_how_long(tmp_path: Path) -> None:
    async with gate(tmp_path, rate_limit={"max_requests_per_minute": 1}) as (_, desk):
        first, second = asks(desk, "echo", text="hi"), asks(desk, "echo", text="hi")
        await first.hears("settled")
        await second.hears("refused")
        assert second.heard == ["refused"]
        assert second.refusal is not None
        assert second.refusal[0] is ErrorCode.LIMIT_EXCEEDED
        assert second.refusal[2]


async def test_what_is_left_in_time_is_not_even_asked_for(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ear, other = asks(desk, "note", text="hi"), asks(desk, "echo", text="hi")
        ear.call.leave()
        await other.hears("settled")
        assert ear.heard == []
        assert gateway.gate.face_calls._links["agent"].views == 1


async def test_a_principal_looks_at_so_many_calls_at_once(tmp_path: Path) -> None:
    async with gate(tmp_path, rate_limit={"max_requests_per_minute": 100_000}) as (gateway, desk):
        first = asks(desk, "asked", text="hi", join_s=600.0)
        await first.hears("waiting")
        ears = [finds(desk, first.call.number, first.call.digest) for _ in range(CALLS_MAX)]
        await ears[-1].hears("refused")
        assert ears[-1].refusal is not None
        assert ears[-1].refusal[0] is ErrorCode.LIMIT_EXCEEDED
        other = asks(desk, "echo", OTHER, text="hi")
        await other.hears("settled")
        for ear in ears[:-1]:
            ear.call.leave()
        again = asks(desk, "echo", text="hi")
        await again.hears("settled")
        assert gateway.gate.face_calls._links["agent"].views == 2


async def test_a_task_of_a_face_is_heard_as_well_as_an_event(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ears: list[Ear] = []

        async def ask() -> None:
            ears.append(asks(desk, "echo", text="hi"))

        gateway.gate._spawn(ask)
        await until(lambda: bool(ears), "the task runs")
        await ears[0].hears("settled")


async def test_a_listener_that_fails_costs_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Deaf(Ear):
        def settled(self, outcome: Outcome, told: Told) -> None:
            raise RuntimeError("deaf")

    async with gate(tmp_path) as (_, desk):
        deaf = Deaf()
        deaf.call = desk.ask(BOT, ToolRequest(tool="echo", args={"text": "hi"}), deaf)
        ear = asks(desk, "echo", text="hi")
        await ear.hears("settled")
        assert "a face's listener failed" in caplog.text
        caplog.clear()


async def test_nobody_else_may_name_the_client_of_a_face(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, _), raw_client(gateway, client_id=CLIENT) as client:
        refused = await client.next(Refused)
        assert "are the gateway's" in refused.message


class Door:
    """A client's end that answers nothing."""

    can = frozenset({"roots"})

    async def ask(self, method: str, params: msgspec.Raw, timeout_s: float) -> msgspec.Raw:
        raise AssertionError((method, params, timeout_s))

    def tell(self, method: str, params: msgspec.Raw) -> None:
        raise AssertionError((method, params))


async def test_those_who_wait_for_a_request_can_be_asked(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        one, two = Door(), Door()
        first = asks(desk, "asked", text="hi", asker=one)
        await first.hears("waiting")
        second = asks(desk, "asked", text="hi", join_s=600.0, asker=two)
        asks(desk, "asked", text="hi", join_s=600.0)
        await second.hears("waiting")
        find = gateway.gate.face_calls.askers
        assert find(first.call.rid) == [one, two]
        assert find("no-such-rid") == []
        first.call.leave()
        assert find(second.call.rid) == [two]


async def test_tools_are_those_that_the_principal_may_ask_for(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        names = {row.name for row in desk.tools(BOT)}
        assert {"echo", "asked", "note"} <= names
        tool = gateway.gate.calls.catalogue.get("echo")
        assert tool is not None
        more = {"title": "Echo", "returns": {"type": "string"}, "form": "mcp"}
        gateway.gate.calls.catalogue.tools["echo"] = replace(tool, **more)
        gateway.gate.calls.catalogue.tools["note"] = replace(tool, name="note", listed=False)
        rows = {row.name: row for row in desk.tools(BOT)}
        assert "note" not in rows
        assert (rows["echo"].title, rows["echo"].form) == ("Echo", "mcp")
        assert rows["echo"].returns == {"type": "string"}
        assert "note" in {row.name for row in gateway.gate.calls.list_tools(BOT)}


async def test_who_wants_to_know_hears_that_tools_came_and_went(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        looks: list[set[str]] = []
        desk.on_tools_changed(lambda: looks.append({row.name for row in desk.tools(BOT)}))
        async with raw_client(gateway, AGENT) as client:
            await client.next(Authenticated)
            offer = ProvideTools(tools=[OfferedTool(name="lamp")])
            await client.request(1, "tools.provide", offer)
            await client.next(Answered)
            assert "agent.lamp" in looks[-1]
        await until(lambda: "agent.lamp" not in looks[-1], "it went with its provider")
        gateway.gate.judge.policy = Policy.parse("defaults: [{pattern: '*', action: deny}]")
        assert looks[-1] == set()


async def test_a_principal_that_is_gone_is_told_that_its_call_is_over(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ear = asks(desk, "asked", OTHER, text="hi")
        await ear.hears("waiting")
        gateway.gate.ledger.banish({"agent"}, gateway.gate.utc())
        gateway.gate.drain()
        await ear.hears("settled")
        assert ear.outcome is not None
        assert ear.outcome.status is Status.CANCELLED
