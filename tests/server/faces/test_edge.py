"""The edge face on real sockets and both event loops, by a device of seed 000's kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync
from tests.e2e.device import Device
from tests.proto.support import CLOSE, TEXT, from_client
from tests.server.embedded import AGENT, OWNER, all_bytes, serving, until
from websockets.exceptions import InvalidStatus

from agentgate_client import AgentGateClient
from agentgate_proto.connection.base import TAKEN_OVER
from agentgate_proto.faces import edge
from agentgate_server.faces.edge import EdgeFace
from agentgate_server.faces.face import Surroundings
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.sessions.desk import SessionDesk
from agentgate_server.tools.catalogue import Catalogue

pytestmark = pytest.mark.anyio

SCRIPT = """
scenes:
  - {when: "fail", fail: {kind: fatal, message: "no such model", times: always}}
  - {when: "slowly", say: "It rains", pause_ms: 100}
  - {when: "*", say: "It rains"}
"""


UPGRADE = (
    b"GET /edge?token=%s HTTP/1.1\r\nHost: localhost\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

POLICY = "rules:\n- {tool: agent.data_snapshot, action: allow}\n"


class Serving:
    """A gateway with the face, and devices to talk to it."""

    def __init__(self, gateway: Gateway, faces: list[EdgeFace]) -> None:
        self.gateway = gateway
        self.faces = faces

    @property
    def sessions(self) -> SessionDesk:
        desk = self.gateway.gate.sessions
        assert desk is not None
        return desk

    @property
    def catalogue(self) -> Catalogue:
        return self.gateway.gate.calls.catalogue

    def device(self, token: str = AGENT) -> Device:
        query = f"?token={token}" if token else ""
        return Device(f"ws://127.0.0.1:{self.gateway.port}/edge{query}")


@asynccontextmanager
async def devices(folder: Path, **options: Any) -> AsyncIterator[Serving]:
    made: list[EdgeFace] = []

    def make(around: Surroundings) -> EdgeFace:
        wanted = {"path": "/edge", "is_open": False, "url_tokens": True, **options}
        made.append(EdgeFace(around, **wanted))
        return made[0]

    (folder / "script.yaml").write_text(SCRIPT)
    script = str(folder / "script.yaml")
    sessions = {"models": {"actor": {"backend": "rehearsal", "script": script}}}
    policy = Policy.parse(POLICY)
    async with serving(folder, faces=[make], sessions=sessions, policy=policy) as gateway:
        yield Serving(gateway, made)


async def test_a_prompt_is_answered(tmp_path: Path) -> None:
    async with devices(tmp_path) as around:
        device = await run_sync(around.device().connect)
        device.ask("1-a", "Is it raining?")
        assert await run_sync(device.answer, "1-a") == "It rains"
        assert device.results["1-a"] == {
            "response": "It rains",
            "tool_calls_made": 0,
            "audit_entries": [],
        }
        device.ask("1-b", "fail")
        assert "no such model" in await run_sync(device.answer, "1-b")
        await run_sync(device.close)


async def test_an_answer_that_came_while_the_device_was_away_is_delivered_once(
    tmp_path: Path,
) -> None:
    async with devices(tmp_path) as around:
        device = around.device()
        await run_sync(device.connect)
        device.ask("warm", "up")
        await run_sync(device.answer, "warm")
        await run_sync(device.wait, lambda: "ping" in device.types)
        device.ask("a", "slowly")
        await until(lambda: around.sessions.active, "the run")
        await run_sync(device.drop)
        await until(lambda: not around.sessions.active, "the run's end")
        device.types.clear()
        await run_sync(device.connect)
        assert await run_sync(device.answer, "a") == "It rains"
        await run_sync(device.wait, lambda: "ping" in device.types)
        session = next(iter(around.sessions.sessions._book._loaded.values()))
        await until(lambda: b'"settled":[]' in bytes(session.record.metadata), "the receipt")
        await run_sync(device.close)
        device.types.clear()
        await run_sync(device.connect)
        device.send("ping", {})
        await run_sync(device.wait, lambda: "pong" in device.types)
        assert device.responses == {"warm": 1, "a": 1}
        await run_sync(device.close)


async def test_a_prompt_of_a_connection_that_had_no_session_yet_is_for_the_next(
    tmp_path: Path,
) -> None:
    prompt = {"type": "agent_request", "payload": {"requestId": "a", "prompt": "Is it raining?"}}
    async with devices(tmp_path) as around:
        async with await anyio.connect_tcp("127.0.0.1", around.gateway.port) as stream:
            head = UPGRADE % AGENT.encode()
            closing = from_client(CLOSE, b"\x03\xe8")
            await stream.send(head + from_client(TEXT, json.dumps(prompt).encode()) + closing)
            await all_bytes(stream)  # at once: the session is still to be stored
        device = await run_sync(around.device().connect)
        await run_sync(device.wait, lambda: device.responses)
        await run_sync(device.close)
        assert device.responses == {"a": 1}


async def test_the_newest_socket_of_a_device_wins(tmp_path: Path) -> None:
    async with devices(tmp_path) as around:
        old = await run_sync(around.device().connect)
        old.silent = True
        old.ask("a", "Is it raining?")
        await run_sync(old.answer, "a")
        new = await run_sync(around.device().connect)
        await run_sync(old.wait, lambda: old.close_code is not None)
        assert old.close_code == TAKEN_OVER
        await run_sync(new.wait, lambda: new.responses.get("a") == 1)
        new.ask("b", "And now?")
        assert await run_sync(new.answer, "b") == "It rains"
        assert "b" not in old.responses
        await run_sync(new.close)
        await until(lambda: not around.faces[0]._newest, "the end of the connection")


async def test_a_device_that_answers_no_ping_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "PONG_S", 0.2)
    async with devices(tmp_path) as around:
        device = around.device()
        device.silent = True
        await run_sync(device.connect)
        device.ask("a", "Is it raining?")
        await run_sync(device.answer, "a")
        await run_sync(device.wait, lambda: device.close_code is not None)
        assert device.close_code == edge.STALE
        await run_sync(device.connect)
        await run_sync(device.wait, lambda: device.responses["a"] == 2)
        await run_sync(device.close)


DATA = {"weather": {"channel": "weather", "data": {"celsius": 21}, "plugin_id": "w"}, "cpu": {}}


async def test_the_data_of_a_device_are_a_tool_while_it_is_there(tmp_path: Path) -> None:
    async with devices(tmp_path) as around:
        device = around.device()
        device.snapshots = DATA
        await run_sync(device.connect)
        async with AgentGateClient(around.gateway.url, AGENT) as client:
            await until(lambda: "agent.data_snapshot" in around.catalogue, "the offer")
            assert await client.tool_request("agent.data_snapshot") == DATA
            found = await client.tool_request("agent.data_snapshot", channels=["weather", "x"])
            assert found == {"weather": DATA["weather"]}
            levels = around.gateway.gate.gauges()
            assert (levels.clients, levels.providers, levels.provided) == ({"edge": 1}, 1, 1)
            second = around.device()
            second.snapshots = {"moved": 1}
            await run_sync(second.connect)
            assert await client.tool_request("agent.data_snapshot") == {"moved": 1}
            await run_sync(second.close)
            await until(lambda: "agent.data_snapshot" not in around.catalogue, "its end")
            levels = around.gateway.gate.gauges()
            assert (levels.providers, levels.provided) == (0, 0)
            third = around.device()
            third.snapshots = {"back": 2}
            await run_sync(third.connect)
            await until(lambda: "agent.data_snapshot" in around.catalogue, "the offer")
            assert await client.tool_request("agent.data_snapshot") == {"back": 2}
            await run_sync(third.close)


@pytest.mark.parametrize(
    ("token", "options", "status"),
    [
        (AGENT, {"url_tokens": False}, 401),
        ("", {}, 401),
        ("wrong", {}, 401),
        (OWNER, {}, 403),
    ],
)
async def test_whoever_may_not_come_in_is_refused(
    tmp_path: Path, token: str, options: dict[str, Any], status: int
) -> None:
    async with devices(tmp_path, **options) as around:
        with pytest.raises(InvalidStatus) as refused:
            await run_sync(around.device(token).connect)
        assert refused.value.response.status_code == status


async def test_whoever_is_on_this_machine_comes_in_where_it_is_open(tmp_path: Path) -> None:
    async with devices(tmp_path, is_open=True) as around:
        device = await run_sync(around.device("").connect)
        device.ask("a", "Is it raining?")
        assert await run_sync(device.answer, "a") == "It rains"
        await run_sync(device.close)


async def test_no_token_of_a_url_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with devices(tmp_path) as around:
        device = await run_sync(around.device().connect)
        device.ask("a", "Is it raining?")
        await run_sync(device.answer, "a")
        second = await run_sync(around.device().connect)
        await run_sync(second.close)
        with pytest.raises(InvalidStatus):
            await run_sync(around.device("wrong-token-0123456789").connect)
    own = [one.getMessage() for one in caplog.records if one.name.startswith("agentgate")]
    assert own
    assert AGENT not in "\n".join(own)
    assert "wrong-token" not in "\n".join(own)
