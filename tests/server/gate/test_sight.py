"""What lists a house leaves out what the policy denies to be read one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import AGENT, BOUND_S, config

from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_client import AgentGateClient, DeniedByPolicy
from agentgate_server.gate.sight import Sight
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

TOKEN = "long-lived-token-0123456789"
LOCKS = """
rules:
  - {pattern: "ha_get_state(lock.*)", action: deny}
  - {pattern: "ha_get_state(climate.*)", action: ask}
defaults:
  - {pattern: "*", action: allow}
"""
NIGHT = """
rules:
  - {pattern: "ha_get_state(lock.*)", action: deny, hours: {between: "00:00-24:00", tz: UTC}}
defaults:
  - {pattern: "*", action: allow}
"""
NOTHING = """
rules: [{tool: ha_get_states, action: allow}]
defaults: [{pattern: "*", action: deny}]
"""
ALL = 'defaults: [{pattern: "*", action: allow}]'


async def shown(folder: Path, policy: str) -> tuple[dict[str, Any], set[str], set[str]]:
    """What is shown of a house: the answer, the domains in it, those that there are."""
    path = folder / "permissions.yaml"
    path.write_text(policy)
    with anyio.fail_after(BOUND_S):
        async with StandIn(token=TOKEN) as home:
            services = {"homeassistant": {"url": home.url, "token": TOKEN}}
            conf = config(folder, permissions=str(path), services=services)
            async with Gateway(conf) as gateway, AgentGateClient(gateway.url, AGENT) as client:
                answer = await client.call("ha_get_states", {})
                assert await client.call("ha_get_states", {}) == answer, "what is known is the same"
            there = {name.partition(".")[0] for name in home.home.entities}
    return answer, {each["entity_id"].partition(".")[0] for each in answer["states"]}, there


@pytest.mark.parametrize("policy", [LOCKS, NIGHT])
async def test_what_is_denied_is_left_out_and_counted(tmp_path: Path, policy: str) -> None:
    answer, domains, there = await shown(tmp_path, policy)
    assert "lock" in there
    assert domains == there - {"lock"}
    assert answer["left_out"] > 0
    assert "the policy denies ha_get_state" in answer["note"]


async def test_nothing_is_left_out_where_nothing_is_denied(tmp_path: Path) -> None:
    answer, domains, there = await shown(tmp_path, ALL)
    assert domains == there
    assert list(answer) == ["states"]


async def test_where_nothing_may_be_read_nothing_is_shown(tmp_path: Path) -> None:
    answer, domains, _ = await shown(tmp_path, NOTHING)
    assert domains == set()
    assert answer["left_out"] > 0


async def test_whoever_is_not_known_sees_nothing(tmp_path: Path) -> None:
    (tmp_path / "permissions.yaml").write_text(ALL)
    conf = config(tmp_path, permissions=str(tmp_path / "permissions.yaml"))
    with anyio.fail_after(BOUND_S):
        async with Gateway(conf) as gateway:
            gate = gateway.gate
            shows = Sight(gate.judge, gate.ledger, gate.utc)()
            assert shows is not None
            assert not shows("light.hall")


async def test_what_may_not_be_read_has_no_history_either(tmp_path: Path) -> None:
    path = tmp_path / "permissions.yaml"
    path.write_text(LOCKS)
    with anyio.fail_after(BOUND_S):
        async with StandIn(token=TOKEN) as home:
            services = {"homeassistant": {"url": home.url, "token": TOKEN}}
            conf = config(tmp_path, permissions=str(path), services=services)
            async with Gateway(conf) as gateway, AgentGateClient(gateway.url, AGENT) as client:
                for tool in ("ha_get_history", "ha_get_logbook"):
                    with pytest.raises(DeniedByPolicy):
                        await client.call(tool, {"entity_id": ["light.hall", "lock.front"]})
                answer = await client.call("ha_get_history", {"entity_id": "light.hall"})
                assert answer["nothing"] == ["light.hall"]
                assert "is not told" in (await client.call("ha_get_logbook", {}))["note"]
