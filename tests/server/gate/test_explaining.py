"""People ask the running gateway what its policy would say, with the house as it is known there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import AGENT, BOUND_S, OPERATOR, OWNER, asked, config, echo

from agentgate_client import AgentGateError, ApprovalsClient, ErrorCode
from agentgate_server import tool
from agentgate_server.gate.explaining import ARGS_BYTES_MAX
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

RULES = """
rules:
  - {tool: set_lock, args: {entity_id: lock.front}, action: deny, description: Doors stay shut}
  - {tool: echo, action: ask, rate: null, approval: {approvers: 2, code: true}}
  - {tool: asked, agents: nobody, action: deny}
"""


@tool
def set_lock(entity_id: str, mode: str = "open") -> str:
    return entity_id


def gateway(folder: Path, **changes: Any) -> Gateway:
    policy = folder / "permissions.yaml"
    policy.write_text(RULES.replace(" rate: null,", ""))
    conf = config(folder, permissions=str(policy), **changes)
    return Gateway(conf, tools=[echo, asked, set_lock])


async def test_a_person_is_told_what_would_be_decided_and_why(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(tmp_path) as gate, ApprovalsClient(gate.url, OWNER) as owner:
            found = await owner.explain("set_lock", {"entity_id": "all"})
            assert (found.decision, found.rule) == ("deny", "permissions.yaml:3")
            assert found.description == "Doors stay shut"
            assert found.doubts == ("what all stands for is not known",)
            assert (found.agent, found.gets) == ("agent", "set_lock(all, open)")
            assert any("permissions.yaml:5 (deny): is about" in text for text in found.reasons)
            found = await owner.explain("echo", {"text": "x"}, agent="somebody")
            assert (found.agent, found.decision) == ("somebody", "ask")
            assert (found.approvers, found.code) == (2, True)
            assert gate.gate.ledger.active == 0, "nothing is asked by that"


async def test_what_can_t_be_asked_for_is_refused_as_it_would_be(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(tmp_path) as gate, ApprovalsClient(gate.url, OPERATOR) as operator:
            for name, args, code in (
                ("nothing", {}, ErrorCode.NOT_FOUND),
                ("echo", {}, ErrorCode.INVALID_PARAMS),
                ("echo", {"text": "x" * ARGS_BYTES_MAX}, ErrorCode.INVALID_PARAMS),
            ):
                with pytest.raises(AgentGateError) as refused:
                    await operator.explain(name, args)
                assert refused.value.code == code


async def test_agents_may_not_ask_and_questions_count_against_the_rate(tmp_path: Path) -> None:
    few = {"max_requests_per_minute": 2}
    with anyio.fail_after(BOUND_S):
        async with gateway(tmp_path, rate_limit=few) as gate:
            async with ApprovalsClient(gate.url, OWNER) as owner:
                await owner.explain("echo", {"text": "x"})
                await owner.explain("echo", {"text": "x"})
                with pytest.raises(AgentGateError) as refused:
                    await owner.explain("echo", {"text": "x"})
                assert refused.value.code == ErrorCode.LIMIT_EXCEEDED
            async with ApprovalsClient(gate.url, AGENT) as agent:
                with pytest.raises(AgentGateError) as refused:
                    await agent.explain("echo", {"text": "x"})
                assert refused.value.code == ErrorCode.FORBIDDEN
