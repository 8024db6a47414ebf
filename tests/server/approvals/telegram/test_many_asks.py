"""Hundreds of asks through ten minutes without Telegram, lost and doubled answers, and restarts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from tests.held_ports import port_for
from tests.server.approvals.telegram.harness import (
    ANN,
    BOB,
    FastClock,
    channel_of,
    gateway_on,
    http,
    phone,
    until,
    waiting,
)
from tests.server.embedded import AGENT, OPERATOR

from agent_gate import AgentGateClient, AgentGateDenied
from agentgate_cli.standins.telegram import (
    Drop,
    Fault,
    Lose,
    Params,
    Refuse,
    TelegramStandIn,
    Twice,
)
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.records.storage import ListRequests
from agentgate_server.approvals.notes import Asked
from agentgate_server.gateway import Gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ASKS = int(os.environ.get("TELEGRAM_ASKS", "300"))
"""``make kills`` has a thousand."""
OUTAGE_S = 600.0
BOUND_S = 600.0
"""Thousands of real HTTP requests take 45 s of one core, of which a busy machine gives little."""
GRACE_S = 30.0
"""A tool that has started ends, however busy the machine is."""
LIMITS = {"max_pending_approvals": ASKS, "max_requests_per_minute": 1_000_000}
NUMBER = re.compile(r'text: "(\d+)"')
EVERYTHING = ListRequests(None, 10_000)
YES, NO = "✅ Approve", "❌ Deny"


class Impatient(Backoff):
    """Comes back at once."""

    def failed(self, now: float) -> float | None:
        super().failed(now)
        return now + 0.02


def troubles(clock: FastClock, ends: Callable[[], float], random: Random) -> Any:
    """Telegram is gone until then; after that, one call in five goes wrong somehow."""
    usual: list[Fault] = [
        Drop(),
        Lose(),
        Lose(),
        Twice(),
        Refuse(429, "Too Many Requests: retry after 3", 3),
        Refuse(500, "Internal Server Error"),
    ]

    def rule(method: str, _: Params) -> Fault | None:
        if clock.time < ends():
            return Drop()
        return random.choice(usual) if random.random() < 0.2 else None

    return rule


async def taps(telegram: TelegramStandIn) -> None:
    """People: of three asks one gets a yes, one a no, and one both at once."""
    done: set[int] = set()
    while True:
        for message in list(telegram.chats.with_buttons(ANN)):
            if message.id in done:
                continue
            done.add(message.id)
            kind = number_in(message.text) % 3
            if kind != 1:
                telegram.chats.tap(ANN, message, YES)
            if kind != 0:
                telegram.chats.tap(BOB, message, NO)
        await anyio.sleep(0.01)


def number_in(text: str) -> int:
    found = NUMBER.search(text)
    assert found is not None
    return int(found[1])


async def asks(client: AgentGateClient, number: int, outcomes: dict[int, str]) -> None:
    try:
        outcomes[number] = await client.tool_request("asked", text=str(number))
    except AgentGateDenied:
        outcomes[number] = "denied"


async def settled(gateway: Gateway) -> None:
    """Wait until nobody waits and every message says so."""
    channel = channel_of(gateway)
    await until(
        lambda: not waiting(gateway) and not channel.outbox.board.turns.cards, "all to settle"
    )


async def test_many_asks_end_as_people_decided_and_each_is_shown_so(tmp_path: Path) -> None:
    clock, outcomes = FastClock(), dict[int, str]()
    ends = clock.time + OUTAGE_S
    async with phone(BOUND_S) as telegram, anyio.create_task_group() as people:
        telegram.rule = troubles(clock, lambda: ends, Random(4))
        telegram.deliver_twice = True
        people.start_soon(taps, telegram)
        port = port_for(telegram)
        async with anyio.create_task_group() as agents:
            for life in range(4):
                changes = {"gateway": {"port": port, "shutdown_s": GRACE_S}, "rate_limit": LIMITS}
                async with gateway_on(telegram, tmp_path, clock=clock, **changes) as gateway:
                    if life == 0:
                        client = AgentGateClient(gateway.url, AGENT, backoff=Impatient())
                        await client.connect()
                        for number in range(ASKS):
                            agents.start_soon(asks, client, number, outcomes)
                        await until(lambda: len(waiting(gateway)) > ASKS // 2, "asks")
                        await until(lambda: clock.time > ends - 200, "the outage")
                    elif life < 3:
                        goal = life * ASKS // 3
                        await until(lambda goal=goal: len(outcomes) > goal, "answers")
                    else:
                        await until(lambda: len(outcomes) == ASKS, "all answers")
                        await settled(gateway)
                        rows = await listed(gateway)
                        await client.close()
        people.cancel_scope.cancel()
    check(telegram, outcomes, rows)


async def listed(gateway: Gateway) -> dict[int, Any]:
    """What the gateway itself has on record of each ask."""
    records = await channel_of(gateway).link.notes.all(10_000)
    assert records == {}, "what is over needs no note"
    assert (await http(gateway, "GET", "/health", token=OPERATOR))[2]["waiting_approvals"] == 0
    reply = Asked()
    gateway.gate.writer.ask(EVERYTHING, reply)
    await reply.done.wait()
    found = reply.answer
    assert isinstance(found, list)
    return {int(record.signature.removeprefix("asked(").strip('")')): record for record in found}


def check(telegram: TelegramStandIn, outcomes: dict[int, str], records: dict[int, Any]) -> None:
    """Every ask ended as people said, and the chat tells the same."""
    asked: dict[int, str] = {}
    for message in telegram.chats.seen(ANN):
        assert message.rows == [], "nothing is left to tap"
        if "more of agent" in message.text or "held back" in message.text:
            continue  # how many had to wait for their turn
        number = number_in(message.text)
        if len(message.versions) == 1:
            assert "look at the newer messages" in message.text, "what was left has no buttons"
        else:
            assert number not in asked, f"{number} was asked twice"
            asked[number] = message.text
    assert set(asked) == set(outcomes) == set(range(ASKS))
    for number, outcome in outcomes.items():
        record, text = records[number], asked[number]
        if outcome == "denied":
            assert number % 3 != 0
            assert "Denied by " in text
        else:
            assert (number % 3 != 1, outcome) == (True, str(number))
            assert "Approved by owner" in text
            assert "The tool has run." in text
        assert record.approver == ("owner" if outcome != "denied" else f"telegram:{BOB}")
        assert f" by {record.approver}, " in text
