"""A command as a model, behind a gateway of its own process: runs, a death, a clean end."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest
from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until
from tests.e2e.session_plays import texts_of

from agent_gate import AgentGateClient
from agentgate_client import Event
from agentgate_client.sessions import Session

TALKER = Path(__file__).parents[1] / "server" / "models" / "talker.py"
BOUND_S = 30.0

pytestmark = pytest.mark.anyio


async def run(session: Session, text: str) -> tuple[str, str, list[Event]]:
    """Say something; return what the model says, and how the run ends."""
    events = [event async for event in session.send(text)]
    return texts_of(events), events[-1].data["status"], events


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_sessions_outlive_the_command_that_is_their_model(tmp_path: Path) -> None:
    own = {"backend": "process", "command": [sys.executable, str(TALKER)]}
    with GatewayProcess(tmp_path, {"sessions": {"models": {"own": own}}}) as gate:
        async with AgentGateClient(gate.url, AGENT_TOKEN) as client:
            with anyio.fail_after(BOUND_S):
                session = await client.sessions.create()
                assert (await run(session, "echo one two"))[:2] == ("one two ", "completed")
                text, status, events = await run(session, "die suddenly")
                assert (text, status) == ("suddenly", "truncated")
                assert events[-1].data["reason"] == ("the command broke off: it exited with code 3")
                assert (await run(session, "echo three"))[:2] == ("three ", "completed")
                pid = int((await run(session, "pid"))[0])
                waiting = session.send("wait a")
                async for event in waiting:
                    if event.kind == "text":
                        assert (await session.cancel()).status == "cancelled"
                assert waiting.status == "cancelled"
                assert (await run(session, "waiting"))[0] == "[]"
        assert is_there(pid)
        assert gate.process is not None
        gate.process.terminate()
        assert gate.wait() == 0
        until(lambda: not is_there(pid), "the command to end")
