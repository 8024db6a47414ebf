"""A model's call that needs approval is answered on the phone while the stream waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.test_sessions import ended, models
from tests.server.approvals.telegram.harness import ANN, gateway_on, phone, shown
from tests.server.embedded import AGENT

from agent_gate import AgentGateClient
from agentgate_cli.standins.models import ModelServer, Reply, Say, Use
from agentgate_client import Event, RunInProgress

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The library that speaks to Telegram knows no other."""
    return "asyncio"


async def test_a_call_that_is_approved_on_the_phone_runs_while_the_stream_waits(
    tmp_path: Path,
) -> None:
    async with phone() as telegram, ModelServer() as server:
        server.replies.append(Reply(Say("Let me ask. "), Use("asked", {"text": "please"})))
        server.replies.append(Reply(Say("Done.")))
        sessions = models(server, "anthropic")
        async with (
            gateway_on(telegram, tmp_path, sessions=sessions) as gateway,
            AgentGateClient(gateway.url, AGENT) as client,
        ):
            session = await client.sessions.create()
            events: list[Event] = []
            async for event in session.send("Do it"):
                events.append(event)
                if event.kind == "approval":
                    message = await shown(telegram)
                    assert "please" in message.text
                    with pytest.raises(RunInProgress) as busy:
                        await session.send("Faster!").started()
                    assert busy.value.approvals == [event.data["approval"]]
                    telegram.chats.tap(ANN, message, "✅ Approve")
            assert ended(events) == "completed"
            (result,) = (event.data for event in events if event.kind == "tool_result")
            assert result["status"] == "executed"
            assert result["result"] == "please"
            assert b"please" in server.bodies[1]
