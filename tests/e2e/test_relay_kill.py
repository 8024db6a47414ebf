"""kill -9 of either of two gateways in a row, at each step of a request's life.

No call is lost and none runs twice in the house behind; what reads is read again; what nobody can
know is said to be unknown. The gateways, databases, sockets and the SDK are real.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.chance import seeds
from tests.e2e.process import AGENT_TOKEN, PERMISSIONS, GatewayProcess
from tests.e2e.test_kill import Impatient

from agent_gate import AgentGateClient, AgentGateDenied, AgentGateError, OutcomeUnknown

BOUND_S = 60.0
RELAY_TOKEN = "relay-token-0123456789abcdef"
KINDS = ("slow_read", "allowed_write", "slow_write", "asked_write")
IN_FLIGHT = 24

ALLOWED = {"defaults": [{"pattern": "*", "action": "allow"}]}
STEPS_BEHIND = ("received", "asked", "approved", "running", "done", "delivered")
STEPS_IN_FRONT = ("received", "running", "done", "delivered")

CASES = [("house", step) for step in STEPS_BEHIND] + [("office", step) for step in STEPS_IN_FRONT]


def gateways(folder: Path) -> dict[str, GatewayProcess]:
    """A house, and an office in front of it that asks nobody itself."""
    folders = {name: folder / name for name in ("house", "office")}
    for each in folders.values():
        each.mkdir()
    house = GatewayProcess(folders["house"], permissions=PERMISSIONS)
    house.config["principals"].append({"name": "office", "role": "relay", "token": RELAY_TOKEN})
    upstream = {"url": house.url, "token": RELAY_TOKEN, "tools": ["*"], "wait_s": 20}
    changes = {"tools": {}, "upstreams": {"house": upstream}}
    office = GatewayProcess(folders["office"], changes, ALLOWED)
    return {"house": house, "office": office}


async def ask(client: AgentGateClient, tool: str, key: str, outcomes: dict[str, Any]) -> None:
    try:
        outcome: Any = await client.tool_request(f"house.{tool}", key=key)
    except AgentGateError as error:
        outcome = error
    assert key not in outcomes, "a call settles once"
    outcomes[key] = outcome


async def say_yes(house: GatewayProcess) -> None:
    """The person in the house, whenever it is there."""
    while True:
        try:
            for approval in await anyio.to_thread.run_sync(house.approvals):
                await anyio.to_thread.run_sync(house.decide, approval["id"], "approve")
        except OSError:
            pass  # it is dead just now
        await anyio.sleep(0.02)


def check(tool: str, key: str, outcome: Any, starts: int) -> None:
    """Whether one answer is right, given how often the tool really began."""
    if tool == "slow_read":
        assert outcome == f"read {key}", outcome
        assert starts >= 1
    elif isinstance(outcome, OutcomeUnknown):
        assert starts <= 1, "a write begins once at most"
    elif isinstance(outcome, AgentGateError):
        assert not isinstance(outcome, AgentGateDenied), outcome
        assert starts == 0, f"it is said not to have run: {outcome}"
    else:
        assert outcome == f"wrote {key}"
        assert starts == 1


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(("victim", "step"), CASES)
async def test_either_end_may_be_killed_at_any_step(tmp_path: Path, victim: str, step: str) -> None:
    (seed,) = seeds(1)
    many = 1 if step == "delivered" else 5  # one acknowledgement is for all of a moment
    nth = Random(f"{seed} {victim} {step}").randint(1, many)
    print("seed", seed, "nth", nth)
    both = gateways(tmp_path)
    house, office = both["house"], both["office"]
    outcomes: dict[str, Any] = {}
    try:
        for each in (house, office):
            await anyio.to_thread.run_sync(
                each.start, *((step, nth) if each is both[victim] else ())
            )
        with anyio.fail_after(BOUND_S):
            client = AgentGateClient(office.url, AGENT_TOKEN, backoff=Impatient())
            async with client, anyio.create_task_group() as tasks:
                tasks.start_soon(say_yes, house)
                async with anyio.create_task_group() as calls:
                    for number in range(IN_FLIGHT):
                        tool = KINDS[number % len(KINDS)]
                        calls.start_soon(ask, client, tool, f"{tool} {number}", outcomes)
                    await anyio.to_thread.run_sync(both[victim].wait)
                    await anyio.to_thread.run_sync(both[victim].start)
                tasks.cancel_scope.cancel()
        starts = house.starts()
        for number in range(IN_FLIGHT):
            tool = KINDS[number % len(KINDS)]
            key = f"{tool} {number}"
            check(tool, key, outcomes[key], starts[tool, key])
        answered = [a for a in outcomes.values() if not isinstance(a, AgentGateError)]
        assert len(answered) >= IN_FLIGHT // 4, "most of it goes well"
    finally:
        for each in both.values():
            if each.process is not None and each.process.poll() is None:
                await anyio.to_thread.run_sync(each.kill)
