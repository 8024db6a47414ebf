"""Gateways in a row, in a circle, and on a link that is cut at any moment."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from tests.chance import seeds
from tests.client.helpers import Impatient
from tests.e2e.cutting import cutting_proxy
from tests.held_ports import port_for
from tests.relay.street import (
    ALLOW_ALL,
    ANN,
    GARDEN,
    House,
    audit_of,
    house,
    link_of,
    office,
    waits,
)

from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient, ErrorCode
from agentgate_relay import Links
from agentgate_server.config import config_from_dict
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

BOUND_S = 60.0
ROUNDS = int(os.environ.get("RELAY_ROUNDS", "12"))
CALLS = 6
HALL = "hall-token-0123456789"


def gateway(
    folder: Path,
    name: str,
    principals: list[dict[str, Any]],
    doings: House | None = None,
    port: int = 0,
    **upstreams: Any,
) -> Gateway:
    """A gateway with others behind it, and perhaps tools of its own."""
    config = config_from_dict(
        {
            "gateway": {"port": port, "shutdown_s": 0.2},
            "principals": [*principals, {"name": "ann", "role": "approver", "token": ANN}],
            "storage": {"path": str(folder / f"{name}.db")},
            "upstreams": {
                each: {"tools": ["*"], **upstream} for each, upstream in upstreams.items()
            },
        },
        name=name,
    )
    links = partial(Links, backoff=Impatient)
    tools = doings.tools() if doings is not None else ()
    return Gateway(config, tools=tools, policy=Policy.parse(ALLOW_ALL), upstreams=links)


async def test_of_three_in_a_row_the_last_asks_and_knows_who_asked_at_the_first(
    tmp_path: Path,
) -> None:
    doings = House()
    with anyio.fail_after(BOUND_S):
        async with AsyncExitStack() as stack:
            last = await stack.enter_async_context(house(tmp_path, doings))
            relay = {"name": "front", "role": "relay", "token": HALL}
            upstream = {"url": last.url, "token": "relay-token-0123456789"}
            middle = gateway(tmp_path, "hall", [relay], house=upstream)
            await stack.enter_async_context(middle)
            agent = {"name": "garden", "role": "agent", "token": GARDEN}
            first = gateway(tmp_path, "gate", [agent], hall={"url": middle.url, "token": HALL})
            await stack.enter_async_context(first)
            client = await stack.enter_async_context(AgentGateClient(first.url, GARDEN))
            ann = await stack.enter_async_context(ApprovalsClient(last.url, ANN))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call, "hall.house.unlock", {"door": "front"})
                view = await waits(last)
                assert view.asker == "office on behalf of garden"
                await ann.decide(view.id, "approve")
            assert doings.done == ["unlock front"]
            (entry,) = (e for e in await audit_of(last) if "args" in e)
            epochs = [each.gate.authenticator.epoch for each in (first, middle)]
            assert entry["hops"] == epochs


async def test_a_circle_is_refused_where_it_closes_and_nothing_runs(tmp_path: Path) -> None:
    """Two gateways, each behind the other."""
    doings = House()
    keeper = House()
    port = port_for(keeper)
    west_url = f"ws://127.0.0.1:{port}"
    with anyio.fail_after(BOUND_S):
        async with AsyncExitStack() as stack:
            relay = {"name": "west", "role": "relay", "token": HALL}
            east = gateway(tmp_path, "east", [relay], west={"url": west_url, "token": HALL})
            await stack.enter_async_context(east)
            principals = [
                {"name": "east", "role": "relay", "token": HALL},
                {"name": "garden", "role": "agent", "token": GARDEN},
            ]
            upstream = {"url": east.url, "token": HALL}
            west = gateway(tmp_path, "west", principals, doings, port, east=upstream)
            await stack.enter_async_context(west)
            client = await stack.enter_async_context(AgentGateClient(west.url, GARDEN))
            while "east.west.note" not in {row["name"] for row in await client.list_tools()}:
                for each, name in ((east, "west"), (west, "east")):
                    links = each.gate.upstreams
                    assert isinstance(links, Links)
                    link = links.get(name)
                    if link is not None and link.state.is_up:
                        links.look(link)
                await anyio.sleep(0.01)
            with pytest.raises(AgentGateError, match="in a circle") as caught:
                await client.call("east.west.note", {"text": "round"})
            assert caught.value.code == ErrorCode.RELAY_LOOP
            assert caught.value.message.startswith("it was not started: east: it was not started")
            assert doings.done == []
            assert await client.call("note", {"text": "straight"}) == "straight"


@pytest.mark.slow
async def test_on_a_link_that_is_cut_at_any_moment_each_call_runs_once(tmp_path: Path) -> None:
    (seed,) = seeds(1)
    print("seed", seed)
    rng = Random(seed)
    doings = House()
    results: Counter[str] = Counter()

    async def ask(client: AgentGateClient, tool: str, text: str) -> None:
        key = "room" if tool == "temperature" else "text"
        await client.call(f"house.{tool}", {key: text})
        results[text] += 1

    with anyio.fail_after(BOUND_S):
        async with (
            house(tmp_path, doings) as behind,
            cutting_proxy(behind.port) as proxy,
            office(tmp_path, proxy.url) as front,
            AgentGateClient(front.url, GARDEN) as client,
        ):
            for number in range(ROUNDS):
                async with anyio.create_task_group() as tasks:
                    for call in range(CALLS):
                        tool = rng.choice(["note", "temperature"])
                        tasks.start_soon(ask, client, tool, f"{number}-{call}")
                    for _ in range(rng.randrange(1, 4)):
                        await anyio.sleep(rng.random() * 0.01)
                        proxy.cut()
                assert link_of(front).calls_waiting <= CALLS
            assert proxy.cuts > ROUNDS / 2
    assert results == Counter({f"{n}-{c}": 1 for n in range(ROUNDS) for c in range(CALLS)})
    notes = Counter(done for done in doings.done if done.startswith("note"))
    assert all(count == 1 for count in notes.values()), "a write runs once"
    assert {done.split()[1] for done in doings.done} == results.keys()
