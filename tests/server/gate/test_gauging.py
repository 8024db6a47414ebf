"""Gauges of a gate: how much there is of everything, at the moment when somebody asks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import pytest
from tests.server.embedded import AGENT, OWNER, raw_client, serving, until

from agentgate_client import AgentGateClient
from agentgate_proto.principal import Role

pytestmark = pytest.mark.anyio


async def test_a_gate_that_nobody_uses_has_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        now = gateway.gate.gauges()
        assert now.connections == {}
        assert (now.waiting, now.active, now.running, now.runs, now.grants) == (0, 0, 0, 0, 0)
        assert (now.clients, now.upstreams, now.providers) == ({}, {}, 0)
        assert not now.is_failing


async def test_who_is_there_what_runs_and_what_waits_is_counted(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as gateway,
        AgentGateClient(gateway.url, AGENT) as agent,
        raw_client(gateway, OWNER, ""),
    ):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.tool_request, "hang")
            tasks.start_soon(partial(agent.tool_request, "asked", text="x"))
            await until(lambda: gateway.gate.gauges().waiting, "the question")
            await until(lambda: gateway.gate.gauges().running, "the tool")
            await until(lambda: len(gateway.gate.gauges().connections) > 1, "the approver")
            now = gateway.gate.gauges()
            assert now.connections == {Role.AGENT: 1, Role.APPROVER: 1}
            assert (now.waiting, now.active, now.running) == (1, 2, 1)
            tasks.cancel_scope.cancel()
        await until(lambda: not gateway.gate.gauges().active, "the end of all")
        now = gateway.gate.gauges()
        assert (now.waiting, now.running) == (0, 0)
