"""Making a call of a request: on which terms."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.embedded import until
from tests.server.faces.mcp_client import LEGACY, TASKS, Events
from tests.server.faces.mcp_stage import client_of, offering

pytestmark = pytest.mark.anyio


async def test_what_only_looks_at_a_request_becomes_no_task(tmp_path: Path) -> None:
    async with (
        offering(tmp_path, hold_s=0.01) as (gateway, _),
        client_of(gateway, **TASKS) as client,
    ):
        await client.call("ask_it")
        result = await client.call("gate_result", {"request_id": "rid-1"})
        assert result["resultType"] == "complete"
        assert result["_meta"]["agentgate/status"] == "pending"


async def test_who_comes_back_to_a_look_goes_on_to_look(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, LEGACY) as client:
        async with client.streaming(client.calling("ask_it", progressToken=1)) as response:
            await Events(response).next()
        look = client.calling("gate_result", {"request_id": "rid-1"}, progressToken=2)
        async with client.streaming(look) as response:
            events = Events(response)
            progress = await events.next()
            assert progress["params"]["progressToken"] == 2
        async with client.listening(events.last_id) as response:
            again = Events(response)
            progress = await again.next()
            assert progress["params"]["progressToken"] == 2
            cancel = {"requestId": look["id"]}
            await client.send(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel}
            )
            answer = await again.answer()
            assert answer["id"] == look["id"]
        await until(lambda: all(call.left for call in desk.calls), "that all are left")
        assert desk.requests[0].outcome is None
