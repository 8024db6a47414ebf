"""Memory that runs short: agents are refused, hoarders and strangers go, people stay."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from tests.server.embedded import OWNER, http, raw_client, serving, until

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.quotas.memory import AGAIN_S, Memory
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.config import config_from_dict
from agentgate_server.gateway import Gateway
from agentgate_server.opening import memory_of
from agentgate_server.sockets.memory_there import bytes_there
from agentgate_server.sockets.memory_watch import MemoryWatch, give_back

pytestmark = pytest.mark.anyio

MIB = 1 << 20
ELSEWHERE = (
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
)


def watched(gateway: Gateway, used: list[int]) -> MemoryWatch:
    """Let the gateway have 100 MiB, and see no memory but this."""
    watch = gateway._listener._watch
    watch.memory.bytes_max = 100 * MIB
    watch._used = lambda: used[0]
    return watch


async def test_new_requests_of_agents_are_refused_until_there_is_enough_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    used = [10 * MIB]
    async with (
        serving(tmp_path, gateway={"memory_max": 0}) as gateway,
        raw_client(gateway) as client,
        raw_client(gateway, OWNER) as person,
    ):
        await client.next(Authenticated)
        await person.next(Authenticated)
        watch = watched(gateway, used)
        for number, now_used in enumerate((10, 150, 95, 80), 1):
            used[0] = now_used * MIB
            watch.look(float(number))
            await client.request(
                number, "tool_request", ToolRequest(tool="echo", args={"text": ""})
            )
            answer = await client.next(Answered)
            if now_used in (150, 95):
                assert answer.error is not None
                assert answer.error.code == -32006
                assert "short of memory: 150 MiB of 100" in answer.error.message
                assert answer.error.data["retry_after_s"] > 0
                status, _, body = await http(gateway, "GET", "/health")
                assert (status, body["status"]) == (200, "ok"), "people are served"
                assert "short of memory" in body["memory"]
                await person.request(number, "list_approvals", {})
                assert (await person.next(Answered)).error is None
            else:
                assert answer.error is None
        status, _, body = await http(gateway, "GET", "/health")
        assert (status, body["memory"]) == (200, "ok")
    told = [each.getMessage() for each in caplog.records if "memory" in each.getMessage()]
    assert told == [
        "the gateway is short of memory: 150 MiB of 100 (gateway.memory_max)",
        "there is memory enough again",
    ]


async def test_who_reads_nothing_goes_and_strangers_who_are_not_on_this_machine(
    tmp_path: Path,
) -> None:
    used = [150 * MIB]
    config = {"memory_max": 0, "trusted_proxies": ["127.0.0.1"]}
    async with (
        serving(tmp_path, gateway=config) as gateway,
        raw_client(gateway) as client,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as far,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as near,
    ):
        await client.next(Authenticated)
        for stream, ask in zip((far, near), ELSEWHERE, strict=True):
            await stream.send(ask)
            await stream.receive()
        for number in range(1, 13):
            params = ToolRequest(tool="big", args={"size": 900_000 + number})
            client.machine.send_request(number, "tool_request", params)
        await client.flush()
        await until(lambda: gateway._listener.waiting_bytes > 2 * MIB, "output to wait")
        watch = watched(gateway, used)
        watch.look(100.0)
        await until(lambda: len(gateway._listener.peers) == 1, "the others to go")
        await near.send(ELSEWHERE[1])
        assert b"short of memory" in await near.receive()
        for now in (100.1, 100.0 + AGAIN_S):
            watch.look(now)
        assert len(gateway._listener.peers) == 1


async def test_nobody_looks_where_there_is_no_bound() -> None:
    memory = Memory(0)
    with anyio.fail_after(5):
        await MemoryWatch(memory, {}, None, capped=print, told=print).run()  # type: ignore[arg-type]


def test_the_bound_is_what_the_configuration_says_or_three_quarters_of_what_is_there() -> None:
    agent = {"agent": {"token": "agent-token-0123456789"}}
    given = config_from_dict({**agent, "gateway": {"memory_max": 5_000}})
    assert memory_of(given.gateway).bytes_max == 5_000
    assert memory_of(config_from_dict(agent).gateway).bytes_max == int(bytes_there() * 0.75)


def test_what_was_freed_is_given_back_where_that_can_be() -> None:
    give_back()
