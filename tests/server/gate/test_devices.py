"""Devices: who is connected and provides tools, as people see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.embedded import AGENT, OWNER, raw_client, serving, until

from agentgate_client import ApprovalsClient
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.tool_methods import OfferedTool, ProvideTools

pytestmark = pytest.mark.anyio


async def test_people_see_who_provides_which_tools_and_since_when(tmp_path: Path) -> None:
    temp = OfferedTool(name="temp", effects=Effects.READ)
    async with serving(tmp_path) as gateway, ApprovalsClient(gateway.url, OWNER) as owner:
        assert await owner.devices() == []
        async with raw_client(gateway, AGENT, "pi") as device:
            await device.next(Authenticated)
            await device.request(1, "tools.provide", ProvideTools(tools=[temp]))
            await device.next(Answered)
            (row,) = await owner.devices()
            assert (row.name, row.client_id, row.face) == ("agent", "pi", "native")
            assert (row.tools, row.calls, row.address) == (["agent.temp"], 0, "127.0.0.1")
            assert row.since.endswith("Z")
            await device.request(2, "tools.provide", ProvideTools(tools=[]))
            await device.next(Answered)
            assert await owner.devices() == []
        await until(lambda: not gateway.gate.gauges().providers, "the device's end")
