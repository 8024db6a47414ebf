"""Calls that are found again: left, of a former process, or of another client."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.embedded import raw_client, until
from tests.server.gate.face_ears import (
    OTHER,
    approved,
    asks,
    finds,
    finds_rid,
    gate,
    says,
    stored,
)

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Status
from agentgate_proto.rpc.messages import CancelRequest, ToolRequest
from agentgate_proto.rpc.results import CancelStatus
from agentgate_server.faces.call_desk import CLIENT

pytestmark = pytest.mark.anyio


async def test_a_call_that_was_left_goes_on_and_is_found_by_number(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        first = asks(desk, "asked", text="hi")
        await first.hears("waiting")
        number, digest = first.call.number, first.call.digest
        first.call.leave()
        found = finds(desk, number, digest)
        await approved(gateway, found)
        assert found.call.number == number
        assert first.heard == ["taken", "waiting"]
        found.call.leave()
        again = finds(desk, number, digest)
        await again.hears("settled")
        assert again.outcome == found.outcome
        assert not (await stored(gateway, again)).delivered
        again.call.received()
        assert (await stored(gateway, again)).delivered
        more = finds(desk, number, digest)
        await more.hears("settled")


async def test_an_outcome_that_nobody_hears_counts_as_sent_to_nobody(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ear = asks(desk, "asked", text="hi")
        await ear.hears("waiting")
        rid = ear.call.rid
        ear.call.leave()
        await says(gateway, rid, "approve")
        await until(lambda: not gateway.gate.ledger.is_active(rid), "it is over")
        link = gateway.gate.face_calls._links["agent"]
        sent = gateway.gate.ledger._delivery.links.get(link.number)
        assert sent is not None
        assert not sent.sent
        assert not link.entries
        assert link.views == 0


async def test_several_may_look_at_one_call(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        first = asks(desk, "asked", text="hi")
        await first.hears("waiting")
        second = finds(desk, first.call.number, first.call.digest)
        await second.hears("waiting")
        third = finds(desk, first.call.number, first.call.digest)
        await approved(gateway, first)
        await third.hears("settled")
        fourth = finds(desk, first.call.number, first.call.digest)
        await fourth.hears("settled")
        assert first.outcome == second.outcome == third.outcome == fourth.outcome
        first.call.leave()
        second.call.received()
        third.call.received()
        fourth.call.leave()
        assert (await stored(gateway, second)).delivered


async def test_another_process_finds_what_the_former_one_was_asked(tmp_path: Path) -> None:
    async with gate(tmp_path) as (_, desk):
        waits = asks(desk, "asked", text="hi")
        await waits.hears("waiting")
        over = asks(desk, "note", text="done")
        await over.hears("settled")
        joined = asks(desk, "asked", text="hi", join_s=600.0)
        await joined.hears("waiting")
        seal = desk.seal
        numbers = [ear.call.number for ear in (waits, over, joined)]
        digests = [ear.call.digest for ear in (waits, over, joined)]
    async with gate(tmp_path) as (gateway, desk):
        assert desk.seal == seal
        assert len(seal) == 32
        found = [finds(desk, *each) for each in zip(numbers, digests, strict=True)]
        await found[1].hears("settled")
        assert found[1].outcome == over.outcome
        await found[2].hears("waiting")
        assert found[2].call.number == numbers[0], "its own row was never written"
        await approved(gateway, found[0])
        await found[2].hears("settled")
        assert found[0].outcome == found[2].outcome
        fresh = asks(desk, "echo", text="hi")
        await fresh.hears("settled")
        assert fresh.call.number > max(numbers[:2])


async def test_what_is_another_clients_is_heard_of_and_not_taken_from_it(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            for number, tool in ((1, "asked"), (2, "note")):
                request = ToolRequest(tool=tool, args={"text": "hi"})
                await client.request(number, "tool_request", request)
            await client.next(Answered)
            await until(lambda: bool(gateway.gate.desk.waiting()), "a person is asked")
        probe = asks(desk, "asked", text="hi", join_s=1.0)
        await probe.hears("waiting")
        probe.call.leave()
        waits = finds(desk, 77, probe.call.digest)
        await waits.hears("waiting")
        known = asks(desk, "note", text="hi", join_s=600.0)
        await known.hears("settled")
        over = finds(desk, 78, known.call.digest)
        await over.hears("settled")
        await approved(gateway, waits)


async def test_a_native_request_is_heard_of_by_its_rid(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk), raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="asked", args={"text": "hi"}))
        await until(lambda: bool(gateway.gate.desk.waiting()), "a person is asked")
        rid = gateway.gate.desk.waiting()[0].id
        ear = finds_rid(desk, rid)
        await approved(gateway, ear)
        await client.next(Answered)
        after = finds_rid(desk, rid)
        await after.hears("settled")
        assert after.outcome == ear.outcome
        assert after.about is not None
        assert after.call.number == 0, "it is no call of this face's"
        after.call.received()


async def test_looking_keeps_nothing_alive(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk), raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="asked", args={"text": "hi"}))
        await until(lambda: bool(gateway.gate.desk.waiting()), "a person is asked")
        rid = gateway.gate.desk.waiting()[0].id
        ear, away = finds_rid(desk, rid), finds_rid(desk, rid)
        await ear.hears("waiting")
        await away.hears("waiting")
        away.call.leave()
        await client.request(2, "cancel_request", CancelRequest(request_id=1))
        await ear.hears("settled")
        assert ear.outcome is not None
        assert ear.outcome.status is Status.CANCELLED
        assert ear.about is not None
        assert ear.about.rid == rid
        assert "settled" not in away.heard
        assert not gateway.gate.desk.waiting()
        assert not gateway.gate.ledger.active


async def test_who_looks_away_waits_no_more(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk), raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="asked", args={"text": "hi"}))
        await until(lambda: bool(gateway.gate.desk.waiting()), "a person is asked")
        rid = gateway.gate.desk.waiting()[0].id
        ear = finds_rid(desk, rid)
        await ear.hears("waiting")
        assert gateway.gate.ledger.waits_as(rid, CLIENT) == [ear.call.number]
        ear.call.leave()
        assert gateway.gate.ledger.waits_as(rid, CLIENT) == []


async def test_what_is_withdrawn_while_it_is_looked_for_does_not_go_on(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        ear = asks(desk, "asked", text="hi")
        await ear.hears("waiting")
        number, digest = ear.call.number, ear.call.digest
    async with gate(tmp_path) as (gateway, desk):  # its link has no numbers yet
        found = finds(desk, number, digest)
        found.call.withdraw()
        await found.hears("settled")
        assert found.outcome is not None
        assert found.outcome.status is Status.CANCELLED
        await found.hears("withdrawn")
        assert found.statuses == [CancelStatus.CANCELLED]
        assert not gateway.gate.desk.waiting()


async def test_what_is_withdrawn_while_the_store_is_asked_is_said_to_be_over(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path) as (_, desk):
        ear = asks(desk, "note", text="hi")
        await ear.hears("settled")
        number, digest = ear.call.number, ear.call.digest
        ear.call.received()
        found, none = finds(desk, number, digest), finds_rid(desk, "no-such-rid")
        found.call.withdraw()
        none.call.withdraw()
        assert found.heard == none.heard == []
        await found.hears("withdrawn")
        await none.hears("withdrawn")
        assert found.heard == ["settled", "withdrawn"]
        assert found.statuses == [CancelStatus.TOO_LATE]
        assert none.heard == ["withdrawn"]
        assert none.statuses == [CancelStatus.UNKNOWN_REQUEST]


async def test_what_runs_when_it_is_found_is_not_stopped(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk), raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="hang", args={"key": "a"}))
        await until(lambda: bool(gateway.gate.ledger.running), "it runs")
        digest = gateway.gate.ledger.running[0].digest
        found = finds(desk, 77, digest)
        found.call.withdraw()
        await found.hears("withdrawn")
        assert found.statuses == [CancelStatus.TOO_LATE]
        assert gateway.gate.ledger.running


async def test_what_is_not_there_or_somebody_elses_is_not_found(tmp_path: Path) -> None:
    async with gate(tmp_path) as (gateway, desk):
        mine = asks(desk, "asked", text="hi")
        await mine.hears("waiting")
        ears = [
            finds(desk, mine.call.number, mine.call.digest, OTHER),
            finds(desk, mine.call.number, "0" * 64),
            finds_rid(desk, mine.call.rid, OTHER),
            finds_rid(desk, "no-such-rid"),
        ]
        for ear in ears:
            await ear.hears("refused")
            assert ear.refusal is not None
            assert ear.refusal[0] is ErrorCode.NOT_FOUND
        theirs = asks(desk, "asked", OTHER, text="hi", join_s=600.0)
        await theirs.hears("waiting")
        assert theirs.call.rid != mine.call.rid
        assert theirs.call.number == mine.call.number == 1
        await approved(gateway, mine)
        assert "settled" not in theirs.heard


async def test_finding_counts_against_the_rate(tmp_path: Path) -> None:
    async with gate(tmp_path, rate_limit={"max_requests_per_minute": 2}) as (_, desk):
        ears = [finds_rid(desk, "no-such-rid") for _ in range(3)]
        for ear in ears:
            await ear.hears("refused")
        codes = [ear.refusal[0] for ear in ears if ear.refusal is not None]
        assert codes.count(ErrorCode.LIMIT_EXCEEDED) == 1
        assert ears[2].refusal is not None
