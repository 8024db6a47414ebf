"""A run is cancelled while its tool runs on: what the tool comes to is in the log all the same.

Also if the gateway stops in order meanwhile, or dies: then at the latest when somebody talks in the
session again. The model is told, and the tool never runs a second time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until
from tests.e2e.session_plays import conversing, whole_log
from tests.e2e.test_kill import Impatient

from agent_gate import AgentGateClient
from agentgate_client import Cursor
from agentgate_client.sessions import Session
from agentgate_proto.sessions.history import LOOK_FIRST

BOUND_S = 60.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The gateway is a process of its own, and the client is proved on both elsewhere."""
    return "asyncio"


def begun(gate: GatewayProcess) -> int:
    return gate.starts()["stubborn_write", "k"]


async def cancelled_in_mid_tool(gate: GatewayProcess, session: Session) -> None:
    """Cancel a run whose tool goes on."""
    await session.send("stubbornly write k").started()
    await anyio.to_thread.run_sync(lambda: until(lambda: begun(gate), "the tool"))
    cancelled = await session.cancel()
    assert [one.tool for one in cancelled.still_running] == ["stubborn_write"]


async def heard_of(session: Session) -> None:
    """Watch until the log has what the tool came to."""
    async with session.attach(Cursor(session.view.epoch, 0)) as stream:
        async for event in stream:
            if event.data.get("late"):
                return


async def results_of(session: Session) -> list[Any]:
    """All results of tools in the log, once somebody has talked again."""
    events = [event async for event in session.send("hello")]
    assert events[-1].data["status"] == "completed"
    log = await whole_log(session)
    return [event.data for event in log if event.kind == "tool_result"]


@pytest.mark.parametrize("end", ["none", "stop", "kill"])
async def test_a_tool_that_outlives_its_run_is_heard_of(tmp_path: Path, end: str) -> None:
    go = tmp_path / "go"
    with GatewayProcess(tmp_path, conversing(tmp_path)) as gate, anyio.fail_after(BOUND_S):
        async with AgentGateClient(gate.url, AGENT_TOKEN, backoff=Impatient()) as client:
            session = await client.sessions.create()
            await cancelled_in_mid_tool(gate, session)
            if end == "kill":
                await anyio.to_thread.run_sync(gate.kill)
            go.touch()
            if end == "stop":
                assert await anyio.to_thread.run_sync(gate.stop) == 0
            if end == "none":
                await heard_of(session)
            else:
                await anyio.to_thread.run_sync(gate.start)
            first, *late = await results_of(session)
            assert (first["status"], first.get("late")) == ("unknown", None)
            told = "unknown" if end == "kill" else "executed"
            assert [(data["status"], data["late"]) for data in late] == [(told, True)]
            body = (await session.inspect()).body
            assert LOOK_FIRST in body
            assert ("wrote k" in body) == (end != "kill")
            assert begun(gate) == 1
