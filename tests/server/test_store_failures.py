"""When the disk is full: requests are refused with a clear error, nothing is half-done, and the
gateway recovers by itself. The store is real SQLite; only its commit is made to fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import AGENT, OWNER, RawClient, http, raw_client, serving, until

from agentgate_proto.connection.events import Answered, Authenticated, Closed
from agentgate_proto.quotas.disk import DiskFloor
from agentgate_proto.records.storage import Answer, Change, Query, SessionAnswer, SessionQuery
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.gateway import Gateway
from agentgate_server.pruning import Pruner
from agentgate_server.store.disk_watch import DiskWatch, Space
from agentgate_server.store.engine import StoreError
from agentgate_server.store.pace import Doubt
from agentgate_server.store.sqlite import SqliteEngine

pytestmark = pytest.mark.anyio

FULL = "the disk is full"


class Disk:
    """Stands before the engine of a gateway and fails when told to."""

    def __init__(self, gateway: Gateway) -> None:
        self.engine = gateway.gate.writer.engine
        self.full = False
        self.last_commit = False
        self.unreadable = False
        gateway.gate.writer.engine = self

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)

    def commit(self, changes: Sequence[Change]) -> None:
        if self.full:
            raise StoreError(FULL)
        self.engine.commit(changes)
        self.full = self.last_commit

    def answer(self, query: Query) -> Answer:
        if self.unreadable:
            raise StoreError("the disk is gone")
        return self.engine.answer(query)

    def answer_session(self, query: SessionQuery) -> SessionAnswer:
        if self.unreadable:
            raise StoreError("the disk is gone")
        return self.engine.answer_session(query)


async def ask(client: RawClient, number: int, tool: str, text: str) -> Answered:
    await client.request(number, "tool_request", ToolRequest(tool=tool, args={"text": text}))
    answer: Answered = await client.next(Answered)
    assert answer.id == number
    return answer


async def decide(gateway: Gateway, rid: str) -> tuple[int, dict[str, str], Any]:
    body = {"decision": "approve"}
    return await http(gateway, "POST", f"/api/approvals/{rid}", token=OWNER, body=body)


@pytest.mark.parametrize("tool", ["note", "asked"])
async def test_a_request_that_cannot_be_stored_is_refused_and_runs_nothing(
    tmp_path: Path, tool: str
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        disk = Disk(gateway)
        disk.full = True
        answer = await ask(client, 1, tool, "x")
        assert answer.error is not None
        assert answer.error.code == -32603
        assert FULL in answer.error.message
        assert "nothing was run" in answer.error.message
        status, _, body = await http(gateway, "GET", "/health")
        assert (status, body["status"], body["store"]) == (503, "failing", FULL)
        assert (await http(gateway, "GET", "/api/approvals", token=OWNER))[2] == {"approvals": []}


async def test_it_recovers_by_itself_when_there_is_room_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        disk = Disk(gateway)
        disk.full = True
        await ask(client, 1, "note", "x")
        disk.full = False
        gate = gateway.gate
        gate.utc = gate.calls.utc = lambda clock=gate.utc: clock() + 5.0
        answer = await ask(client, 2, "note", "y")
        assert answer.error is None
        assert (await http(gateway, "GET", "/health"))[0] == 200


async def test_a_decision_that_cannot_be_stored_is_not_taken(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="asked", args={"text": "x"}))
        await until(gateway.gate.desk.waiting, "the approval")
        (approval,) = gateway.gate.desk.waiting()
        disk = Disk(gateway)
        disk.full = True
        status, _, body = await decide(gateway, approval.id)
        assert status == 503
        assert "still waits" in body["error"]
        assert [view.status for view in gateway.gate.desk.waiting()] == ["waiting"]
        disk.full = False
        status, _, body = await decide(gateway, approval.id)
        assert (status, body["status"]) == (200, "approved")
        assert b'"x"' in bytes((await client.next(Answered)).result)


async def test_an_outcome_that_cannot_be_stored_is_told_live(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        Disk(gateway).last_commit = True  # room for the intention to run, and for nothing else
        answer = await ask(client, 1, "note", "told")
        assert answer.error is None
        assert b'"told"' in bytes(answer.result)


async def test_a_client_is_turned_away_while_the_store_cannot_be_read(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        disk = Disk(gateway)
        disk.unreadable = True
        async with raw_client(gateway, token=AGENT) as client:
            assert (await client.next(Closed)).code in (1013, 1006)
        disk.unreadable = False
        async with raw_client(gateway, token=AGENT) as client:
            await client.next(Authenticated)


async def nothing() -> None:
    """Nothing is to be done after retention."""


async def test_below_the_floor_new_requests_are_refused_and_answers_are_stored(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="asked", args={"text": "x"}))
        await until(gateway.gate.desk.waiting, "the approval")
        (approval,) = gateway.gate.desk.waiting()
        space = Space(1_000_000, 10**12)
        gateway._disk = DiskWatch(tmp_path / "gate.db", DiskFloor(10_000_000), lambda _: space)
        pruner = Pruner(gateway.gate, gateway._disk, nothing)
        await pruner.look()

        refused = await ask(client, 2, "note", "y")
        assert refused.error is not None
        assert refused.error.code == -32006
        assert refused.error.message.startswith("the disk of the gateway's database has 1 MB left")
        status, _, body = await http(gateway, "GET", "/health")
        assert (status, body["status"]) == (503, "failing")
        assert body["store"] == gateway._disk.floor.objection
        assert gateway._gauges().disk_free == 1_000_000

        status, _, body = await decide(gateway, approval.id)
        assert (status, body["status"]) == (200, "approved")
        assert b'"x"' in bytes((await client.next(Answered)).result)

        space = Space(10**11, 10**12)
        await pruner.look()
        assert (await ask(client, 3, "note", "z")).error is None
        assert (await http(gateway, "GET", "/health"))[0] == 200


async def test_what_will_not_be_kept_is_said_once_a_day_and_in_health(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as gateway:
        await gateway.gate.writer.flush()  # its own look, with which it starts, is over
        await anyio.wait_all_tasks_blocked()
        pruner = Pruner(gateway.gate, gateway._disk, nothing)
        engine = gateway.gate.writer.engine
        assert isinstance(engine, SqliteEngine)
        engine.doubts = [Doubt("storage.keep_rows_max", "it holds 2.0 days")]
        for hour in range(30):
            pruner.look_ahead(hour * 3_600.0)
        assert caplog.messages.count("it holds 2.0 days") == 2
        _, _, body = await http(gateway, "GET", "/health")
        assert body["retention"].startswith("storage.keep_rows_max will cut what should be kept")

        engine.doubts.append(Doubt("storage.keep_rows_max", "it held 1.0 days", is_past=True))
        pruner.look_ahead(30 * 3_600.0)
        assert caplog.messages[-1] == "it held 1.0 days", "whatever was said of what will be"
        _, _, body = await http(gateway, "GET", "/health")
        assert body["retention"] == (
            "storage.keep_rows_max has cut what should be kept: see the log"
        )
        assert gateway._gauges().is_cutting
        engine.doubts = []
        pruner.look_ahead(0.0)
        assert "retention" not in (await http(gateway, "GET", "/health"))[2]
