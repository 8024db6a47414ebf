"""kill -9 of the gateway at each step of a request's life, with fifty requests in flight.

No call is lost, no ``write`` tool runs twice, every answer is right after the restart. The gateway
kills itself at the very step (see ``serve``); the database, the sockets and the SDK are real.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.e2e.process import AGENT_TOKEN, GatewayProcess
from tests.e2e.serve import STEPS

from agent_gate import AgentGateClient, AgentGateDenied, OutcomeUnknown
from agentgate_proto.client.backoff import Backoff

ROUNDS = int(os.environ.get("KILL_ROUNDS", "7"))
IN_FLIGHT = 50
BOUND_S = 30.0


class Impatient(Backoff):
    """The schedule of seed 001 is pinned elsewhere; here it would only cost time."""

    def failed(self, now: float) -> float | None:
        super().failed(now)
        return now + 0.02


def plan(life: str) -> list[tuple[str, str]]:
    """Fifty requests: tool and key; the key tells what the person will say."""
    kinds = [
        ("get_state", "state"),
        ("slow_read", "read"),
        ("allowed_write", "write"),
        ("slow_write", "slow"),
        ("asked_write", "yes"),
        ("asked_write", "no"),
        ("forbidden", "never"),
    ]
    return [
        (tool, f"{life}-{number}-{kind}")
        for number in range(IN_FLIGHT)
        for tool, kind in [kinds[number % len(kinds)]]
    ]


async def ask(
    client: AgentGateClient, tool: str, key: str, outcomes: dict[tuple[str, str], Any]
) -> None:
    args = {"entity_id" if tool == "get_state" else "key": key}
    try:
        outcome: Any = await client.tool_request(tool, **args)
    except (AgentGateDenied, OutcomeUnknown) as error:
        outcome = error
    assert (tool, key) not in outcomes, "a call settles once"
    outcomes[tool, key] = outcome


async def decide_all(gate: GatewayProcess) -> None:
    """The person: yes to some, no to others, and again whenever the gateway is back."""
    while True:
        try:
            for approval in await anyio.to_thread.run_sync(gate.approvals):
                yes = approval["args"]["key"].endswith("yes")
                verdict = "approve" if yes else "deny"
                await anyio.to_thread.run_sync(gate.decide, approval["id"], verdict)
        except OSError:
            pass  # it is dead just now
        await anyio.sleep(0.01)


def check(tool: str, key: str, outcome: Any, starts: int) -> None:
    """Whether one answer is right, given how often the tool really began."""
    if key.endswith(("no", "never")):
        assert isinstance(outcome, AgentGateDenied), (key, outcome)
        assert outcome.code == (-32001 if key.endswith("no") else -32003)
        assert starts == 0
    elif isinstance(outcome, OutcomeUnknown):
        assert tool in ("allowed_write", "slow_write", "asked_write"), key
        assert starts <= 1
    elif tool == "get_state":
        assert outcome == {"entity_id": key, "state": "21.3"}
        assert starts >= 1
    elif tool == "slow_read":
        assert outcome == f"read {key}"
        assert starts >= 1
    else:
        assert outcome == f"wrote {key}"
        assert starts == 1, f"{key} ran {starts} times"


async def live_through(gate: GatewayProcess, life: str, wait_for_death: Callable[[], Any]) -> int:
    """Fifty requests through one death; returns how many ended unknown."""
    outcomes: dict[tuple[str, str], Any] = {}
    requests = plan(life)
    with anyio.fail_after(BOUND_S):
        async with (
            AgentGateClient(gate.url, AGENT_TOKEN, backoff=Impatient()) as client,
            anyio.create_task_group() as person,
        ):
            person.start_soon(decide_all, gate)
            async with anyio.create_task_group() as agents:
                for tool, key in requests:
                    agents.start_soon(ask, client, tool, key, outcomes)
                await anyio.to_thread.run_sync(wait_for_death)
                await anyio.to_thread.run_sync(gate.start)
            person.cancel_scope.cancel()
    starts = gate.starts()
    assert set(outcomes) == set(requests), "no call is lost"
    for (tool, key), outcome in outcomes.items():
        check(tool, key, outcome, starts[tool, key])
    return sum(isinstance(outcome, OutcomeUnknown) for outcome in outcomes.values())


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_gateway_killed_at_any_step_loses_nothing_and_repeats_nothing(
    step: str, tmp_path: Path
) -> None:
    gate = GatewayProcess(tmp_path)
    unknown = 0
    for number in range(ROUNDS):
        nth = 1 + number % (2 if step == "delivered" else 7)  # receipts come in few batches
        gate.start(step, nth)
        try:
            unknown += anyio.run(live_through, gate, f"{step}-{number}", gate.wait)
            assert gate.approvals() == []
        finally:
            gate.kill()
    assert unknown or step != "running", "a write that died while it ran is unknown"
