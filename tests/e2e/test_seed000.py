"""Seed 000's five criteria and its two review findings, on real sockets.

Twice: with our edge client, and with a device of that kind as it was written, which nobody has
changed. The same as rules on virtual time: ``tests/proto/faces/test_edge*.py``,
``tests/proto/client/test_prompts.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.client.gateway import gateway as scripted
from tests.client.helpers import Impatient, Outcome
from tests.e2e.cutting import cutting_proxy
from tests.e2e.device import Device
from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until

from agentgate_client import AgentGateClient, AgentGateError, ClientState
from agentgate_client.edge import Answered, EdgeClient

BOUND_S = 30.0
SECOND = "second-agent-token-0123456789"
SCRIPT = """
scenes:
  - {when: "wait", call: {tool: slow_read, args: {key: x}}, then: [{say: "It was slow"}]}
  - {when: "slowly {word}", say: "one two three {word}", pause_ms: 40}
  - {when: "say {word}", say: "It says {word}"}
"""
PERMISSIONS = {"rules": [{"tool": ["*.data_snapshot", "slow_read"], "action": "allow"}]}
DATA = {"weather": {"channel": "weather", "data": {"c": 21}, "timestamp": "x", "plugin_id": "w"}}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    (tmp_path / "scenes.yaml").write_text(SCRIPT)
    config = {
        "sessions": {"models": {"actor": {"backend": "rehearsal", "script": "scenes.yaml"}}},
        "faces": {"edge": {"url_tokens": True}},
        "principals": [{"name": "kitchen", "role": "agent", "token": SECOND}],
    }
    with GatewayProcess(tmp_path, config, PERMISSIONS) as process:
        yield process


@pytest.fixture
def anyio_backend() -> str:
    """The gateway is a process of its own, and the client is proved on both elsewhere."""
    return "asyncio"


def device_of(gateway: GatewayProcess) -> Device:
    return Device(f"{gateway.url}/edge?token={SECOND}")


def edge_of(url: str, **options: Any) -> EdgeClient:
    return EdgeClient(url, AGENT_TOKEN, backoff=Impatient(), **options)


async def messages_of(gateway: GatewayProcess) -> int:
    """How many messages the device's conversation has, of either side."""
    async with AgentGateClient(gateway.url, SECOND) as client:
        return sum(view.messages for view in await client.sessions.list())


# 1, 2, 3: connects, forwards requests, and answers trigger local events


@pytest.mark.anyio
async def test_prompts_go_out_and_answers_raise_local_events(gateway: GatewayProcess) -> None:
    told: list[Answered] = []
    with anyio.fail_after(BOUND_S):
        async with edge_of(gateway.url) as edge:
            edge.on("answer", told.append)
            await edge.connected()
            await edge.send("say one", prompt_id="1")
            assert [event.kind async for event in edge.prompt("say two")][-1] == "run_ended"
            await edge.idle()
    assert [(one.prompt, one.answer.text) for one in told] == [
        ("say one", "It says one"),
        ("say two", "It says two"),
    ]


def test_an_unmodified_device_asks_and_is_answered(gateway: GatewayProcess) -> None:
    device = device_of(gateway).connect()
    device.ask("1771-k3j9x0a2b", "say one")
    device.ask("1771-second", "wait")
    device.ask("1771-third", "say three")
    assert device.answer("1771-k3j9x0a2b") == "It says one"
    assert device.answer("1771-third") == "It says three"
    assert device.answers["1771-second"] == "It was slow"
    (entry,) = device.results["1771-second"]["audit_entries"]
    assert (entry["action"], entry["tool"], entry["params"]) == (
        "tool_call",
        "slow_read",
        {"key": "x"},
    )
    assert device.results["1771-second"]["tool_calls_made"] == 1
    device.close()


# 4: data on request


@pytest.mark.anyio
async def test_data_are_sent_on_request(gateway: GatewayProcess) -> None:
    with anyio.fail_after(BOUND_S):
        async with (
            edge_of(gateway.url) as edge,
            AgentGateClient(gateway.url, AGENT_TOKEN) as client,
        ):
            edge.channel("hall", lambda: {"celsius": 21})
            device = device_of(gateway)
            device.snapshots = DATA
            await anyio.to_thread.run_sync(device.connect)
            names = {"agent.data_snapshot", "kitchen.data_snapshot"}
            while not names <= {one["name"] for one in await client.list_tools()}:
                await anyio.sleep(0.01)
            found = await client.tool_request("agent.data_snapshot", channels=["hall"])
            assert found["hall"]["data"] == {"celsius": 21}
            assert await client.tool_request("kitchen.data_snapshot") == DATA
            await anyio.to_thread.run_sync(device.close)


# 5: health, and reconnects


@pytest.mark.anyio
async def test_health_is_seen_and_the_line_comes_back(gateway: GatewayProcess) -> None:
    states: list[ClientState] = []
    with anyio.fail_after(BOUND_S):
        async with cutting_proxy(gateway.port) as proxy, edge_of(proxy.url) as edge:
            edge.on("state", lambda change: states.append(change.state))
            await edge.connected()
            assert (edge.health.state, edge.health.missed_pings) == (ClientState.CONNECTED, 0)
            assert edge.health.last_seen_s is not None
            proxy.cut()
            while ClientState.RECONNECTING not in states:
                await anyio.sleep(0.01)
            assert await edge.prompt("say again").text() == "It says again"
            await anyio.to_thread.run_sync(gateway.kill)
            await edge.send("say later", prompt_id="later")
            while edge.health.last_error is None:
                await anyio.sleep(0.01)
            assert edge.health.prompts_waiting == 1
            await anyio.to_thread.run_sync(gateway.start)
            await edge.idle()
            assert edge.health.state is ClientState.CONNECTED


def test_an_unmodified_device_comes_back_to_a_gateway_that_was_killed(
    gateway: GatewayProcess,
) -> None:
    device = device_of(gateway).connect()
    device.ask("warm", "say warm")
    device.answer("warm")
    device.wait(lambda: "ping" in device.types)  # and it has been answered
    device.silent = True  # the answer comes, and its receipt does not
    device.ask("a", "say one")
    device.answer("a")
    device.ask("b", "slowly ended")
    until(lambda: anyio.run(messages_of, gateway) >= 5, "the message to be stored")
    gateway.restart()
    device.wait(lambda: device.close_code is not None)
    device.silent = False
    device.connect()
    device.wait(lambda: device.responses.get("a") == 2)
    assert "interrupted" in device.answer("b")
    assert device.responses == {"warm": 1, "a": 2, "b": 1}
    device.wait(lambda: device.types.count("ping") >= 2)
    device.ask("c", "say three")
    assert device.answer("c") == "It says three"
    device.close()


# The first finding: a stale socket


@pytest.mark.anyio
async def test_a_stale_socket_never_delivers_into_the_state_of_a_new_one() -> None:
    """The first connection goes on talking after it was closed, and answers with the same id."""
    waiting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with scripted() as gate, edge_of(gate.url) as edge:
            old = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: edge.client.tool_request("slow"))
                asked = await old.receive()
                answer = {"status": "executed", "data": "stale"}
                late = {"jsonrpc": "2.0", "result": answer, "id": asked["id"]}
                text = json.dumps(late).encode()
                await old.stream.send(b"\x88\x02\x03\xf4")  # a close frame, 1012
                new = await gate.accept_authenticated()
                await old.stream.send(b"\x81" + bytes([len(text)]) + text)
                await new.reconcile([])
                assert await new.receive() == asked
                assert waiting.value is None
                await new.executed(asked, "fresh")
            old.over.set()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(edge.client.close)
                await new.see_off()
    assert waiting.value == "fresh"


def test_two_sockets_of_one_device_do_not_mix(gateway: GatewayProcess) -> None:
    old = device_of(gateway).connect()
    old.ask("a", "slowly told")
    devices = [device_of(gateway).connect() for _ in range(3)]
    newest = devices[-1]
    for stale in (old, *devices[:-1]):
        stale.wait(lambda stale=stale: stale.close_code is not None)  # type: ignore[misc]
        assert stale.close_code == 4409
    newest.wait(lambda: newest.responses.get("a") == 1)
    assert not any(each.responses for each in (old, *devices[:-1]))
    newest.close()


# The second finding: a send happened, or it raised


@pytest.mark.anyio
async def test_a_send_happened_or_it_raised(gateway: GatewayProcess, tmp_path: Path) -> None:
    """Whatever the line does at that moment, each prompt that was kept is answered once, and one
    that was refused never."""
    told: list[str] = []
    kept: list[str] = []
    with anyio.fail_after(BOUND_S):
        async with (
            cutting_proxy(gateway.port) as proxy,
            edge_of(proxy.url, spool=tmp_path / "prompts.spool", prompts_max=3) as edge,
        ):
            edge.on("answer", lambda one: told.append(one.answer.id))
            for number in range(30):
                try:
                    kept.append(await edge.send(f"say {number}", prompt_id=str(number)))
                except AgentGateError:
                    await edge.idle()
                if number % 4 == 0:
                    proxy.cut()
            await edge.idle()
    assert told == kept
    assert 0 < len(kept) < 30
    with pytest.raises(AgentGateError):
        await edge.send("after the end")


def test_a_prompt_that_is_sent_twice_runs_once(gateway: GatewayProcess) -> None:
    device = device_of(gateway).connect()
    device.ask("a", "slowly once")
    device.drop()
    device.connect()
    device.ask("a", "slowly once")
    assert device.answer("a") == "one two three once"
    until(lambda: anyio.run(messages_of, gateway) == 2, "one message and its answer")
    device.close()
