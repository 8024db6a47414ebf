"""Unmodified clients of Socket.IO against the face, on real sockets and both event loops: with the
options that they have of their own, polling alone, on WebSockets alone, and on a bad network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.e2e.cutting import CuttingProxy, cutting_proxy
from tests.e2e.stock_socketio import (
    BOUND_S,
    WAYS,
    javascript,
    python,
)
from tests.server.embedded import AGENT, POLICY, config
from tests.server.faces.saying_back import SayingBack

from agentgate_proto.faces.engineio.settings import EngineSettings
from agentgate_server.faces.face import Surroundings
from agentgate_server.faces.socketio import SocketIoFace
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

COUNT = 60
"""Events of a round: more than a Python client takes in one answer to a poll."""

ROUNDS = 5
ASKS = 60
CUT_EVERY_S = (0.05, 0.3)

PING_INTERVAL_S = 2.0
"""The Python client may leave without a word, and then waits for its last poll to be answered."""


@asynccontextmanager
async def speaking(folder: Path) -> AsyncIterator[str]:
    """A gateway with the face; yields its URL."""
    settings = EngineSettings(ping_interval_s=PING_INTERVAL_S)

    def make(around: Surroundings) -> SocketIoFace:
        return SocketIoFace(around, SayingBack, settings=settings)

    gateway = Gateway(config(folder), faces=[make], policy=Policy.parse(POLICY))
    with anyio.fail_after(BOUND_S):
        async with gateway:
            yield f"http://127.0.0.1:{gateway.port}"


CLIENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "javascript": (javascript, {}),
    "python": (python, {}),
    "simple python": (python, {"simple": True}),
}

THREADED = {"simple python"}
"""Clients that handle each message in a thread of its own: in which order they hear what came in
one answer is their own affair."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_hears_everything_in_its_order(
    tmp_path: Path, client: str, way: str
) -> None:
    run, more = CLIENTS[client]
    async with speaking(tmp_path) as url:
        plan = {"url": url, "token": AGENT, "transports": WAYS[way], "count": COUNT, **more}
        rounds = await anyio.to_thread.run_sync(run, {**plan, "rounds": ROUNDS})
    assert len(rounds) == ROUNDS
    for one in rounds:
        if client in THREADED:
            one["heard"].sort()
        assert one["heard"] == list(range(COUNT))
        assert one["bytes"] == [[0, 255]]
        assert one["transport"] == ("polling" if way == "polling" else "websocket")


@pytest.mark.parametrize("client", ["javascript", "python"])
async def test_a_client_is_told_once_that_its_token_is_wrong(tmp_path: Path, client: str) -> None:
    async with speaking(tmp_path) as url:
        plan = {"url": url, "token": "wrong", "transports": None, "refused": True}
        told = await anyio.to_thread.run_sync(CLIENTS[client][0], plan)
    assert told == {"error": "Unauthorized", "active": False}


async def cut_at_times(proxy: CuttingProxy, chance: Random) -> None:
    while True:
        await anyio.sleep(chance.uniform(*CUT_EVERY_S))
        proxy.cut()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", ["javascript", "python"])
async def test_a_client_gets_all_its_answers_over_a_network_that_breaks(
    tmp_path: Path, client: str, way: str
) -> None:
    async with (
        speaking(tmp_path) as url,
        cutting_proxy(int(url.rpartition(":")[2])) as proxy,
        anyio.create_task_group() as tasks,
    ):
        plan = {"url": f"http://127.0.0.1:{proxy.port}", "token": AGENT, "transports": WAYS[way]}
        plan |= {"asks": ASKS, "retry_ms": 500, "gap_ms": 10}
        tasks.start_soon(cut_at_times, proxy, Random(7))
        came = await anyio.to_thread.run_sync(CLIENTS[client][0], plan)
        tasks.cancel_scope.cancel()
    assert proxy.cuts
    assert came["connects"] > 1
