"""An agent that asks all day: phones ring for others, and for it no more than its share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from tests.server.approvals.telegram.harness import (
    ANN,
    FastClock,
    ask,
    gateway_on,
    phone,
    replies,
    until,
    waiting,
)
from tests.server.embedded import RawClient, raw_client

from agentgate_cli.standins.telegram import TelegramStandIn
from agentgate_cli.standins.telegram_chats import Message
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.rpc.messages import CancelRequest
from agentgate_server.approvals.summaries import EVERY_S
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

TOKENS = {"evil": "evil-token-0123456789", "evil2": "evil2-token-0123456789"}
AGENTS = [{"name": name, "role": "agent", "token": token} for name, token in TOKENS.items()]


class HandClock(FastClock):
    """Time passes when somebody lets it."""

    async def wait(self, event: anyio.Event, seconds: float) -> None:
        until = self.time + seconds
        while self.time < until and not event.is_set():
            with anyio.move_on_after(0.005):
                await event.wait()


@asynccontextmanager
async def flooded(
    folder: Path, clock: FastClock
) -> AsyncIterator[tuple[TelegramStandIn, Gateway, RawClient]]:
    """A gateway with an agent that asks too much."""
    async with (
        phone() as telegram,
        gateway_on(telegram, folder, clock=clock, asks_per_minute=6, principals=AGENTS) as gateway,
        raw_client(gateway, TOKENS["evil"]) as evil,
    ):
        await evil.next(Authenticated)
        yield telegram, gateway, evil


def asked(telegram: TelegramStandIn) -> list[Message]:
    return list(telegram.chats.with_buttons(ANN))


async def line(telegram: TelegramStandIn, words: str) -> Message:
    """The message that says so."""

    def find() -> Message | None:
        return next((a for a in telegram.chats.seen(ANN) if words in a.text), None)

    found: Message = await until(find, words)
    return found


async def test_many_asks_ring_six_times_and_are_counted_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock()
    async with flooded(tmp_path, clock) as (telegram, gateway, evil):
        for number in range(10):
            await ask(evil, number + 1, text=str(number))
        more = await line(telegram, "and 4 more of evil")
        assert "evil has had its share (asks)" in caplog.text
        assert "/mute evil silences it" in more.text
        assert len(asked(telegram)) == 6
        async with raw_client(gateway) as honest:
            await honest.next(Authenticated)
            await ask(honest, 1, text="honest")
            await until(lambda: "honest" in asked(telegram)[-1].text, "the honest ask, at once")
        assert telegram.calls["sendMessage"] == 8
        clock.time += 20.0
        await until(lambda: len(asked(telegram)) == 9, "two more")
        await until(lambda: "and 2 more of evil" in more.text, "the line, edited")
        clock.time += 20.0
        await until(lambda: len(asked(telegram)) == 11, "all of them")
        clock.time += EVERY_S
        await until(lambda: more.text == "No more asks of evil are held back.", "the line, edited")
        assert telegram.calls["sendMessage"] == 12


async def test_who_asks_and_withdraws_all_day_rings_less_and_less(tmp_path: Path) -> None:
    clock = HandClock()
    async with flooded(tmp_path, clock) as (telegram, gateway, evil):
        for number in range(1, 40, 2):
            await ask(evil, number, text=str(number))
            await until(lambda: len(waiting(gateway)) == 1, "the ask")
            await evil.request(number + 1, "cancel_request", CancelRequest(request_id=number))
            await evil.next(Answered)
            await until(lambda: not waiting(gateway), "its end")
            clock.time += 3.0
        rings = telegram.calls["sendMessage"]
        assert 3 <= rings <= 8, "twenty asks in a minute"
        for number in range(101, 110):
            await ask(evil, number, text=str(number))
        await until(lambda: len(waiting(gateway)) == 9, "the asks")
        clock.time += 60.0
        await line(telegram, "more of evil")
        assert telegram.calls["sendMessage"] <= rings + 3


async def test_pending_lists_those_of_each_agent_however_long_those_of_one_are(
    tmp_path: Path,
) -> None:
    async with flooded(tmp_path, FastClock()) as (telegram, gateway, evil):
        async with (
            raw_client(gateway, TOKENS["evil2"], "b") as evil2,
            raw_client(gateway, client_id="c") as honest,
        ):
            for client in (evil2, honest):
                await client.next(Authenticated)
            for number in range(1, 11):
                for client in (evil, evil2):
                    await ask(client, number, text=f"{number}" + "😀" * 500)
            await until(lambda: len(waiting(gateway)) == 20, "the asks")
            await ask(honest, 1, text="honest")
            await until(lambda: len(waiting(gateway)) == 21, "the honest ask")
            listed = await replies(telegram, telegram.chats.say(ANN, "/pending"))
        assert "21 waiting" in listed
        assert "asked(honest)" in listed
        assert "more" in listed.splitlines()[-1]


async def test_an_agent_is_muted_from_the_phone_and_heard_again(tmp_path: Path) -> None:
    clock = HandClock()
    async with flooded(tmp_path, clock) as (telegram, gateway, evil):
        chats = telegram.chats
        assert "Nobody is muted" in await replies(telegram, chats.say(ANN, "/mute"))
        for number in range(8):
            await ask(evil, number + 1, text=str(number))
        more = await line(telegram, "and 2 more of evil")
        told = await replies(telegram, chats.say(ANN, "/mute evil 30"))
        assert told.startswith("nobody is asked about evil until ")
        assert told.endswith(": muted by owner")
        assert await replies(telegram, chats.say(ANN, "/mute")) == told
        await ask(evil, 9, text="more")
        refused = await evil.next(Answered)
        assert refused.error is not None
        assert "muted by owner until" in refused.error.message
        clock.time += 60.0
        await until(lambda: "held back" in more.text, "the line, edited")
        assert len(asked(telegram)) == 6, "what was not told of stays so"
        assert len(waiting(gateway)) == 8
        assert "again" in await replies(telegram, chats.say(ANN, "/unmute evil"))
        await until(lambda: len(asked(telegram)) == 8, "the others")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("/mute nobody", "There is no agent of this name"),
        ("/mute evil ever", "For how many minutes?"),
        ("/mute evil 0", "For how many minutes?"),
        ("/unmute", "Nobody is muted"),
    ],
)
async def test_a_command_that_mutes_nobody_says_why(tmp_path: Path, words: str, told: str) -> None:
    async with flooded(tmp_path, FastClock()) as (telegram, gateway, _):
        assert told in await replies(telegram, telegram.chats.say(ANN, words))
        assert gateway.gate.desk.mutes() == []
