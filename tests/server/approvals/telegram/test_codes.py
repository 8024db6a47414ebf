"""A rule that needs a one-time code: asked for, taken from the answer, deleted, never logged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pyotp
import pytest
from tests.server.approvals.telegram.harness import (
    ANN,
    BOB,
    GROUP,
    POLICY,
    answered,
    ask,
    asker,
    gateway_on,
    phone,
    reads,
    replies,
    shown,
    until,
    waiting,
)
from tests.server.embedded import RawClient

from agentgate_cli.standins.telegram import EXAMPLE_BOT, Drop, TelegramStandIn
from agentgate_cli.standins.telegram_chats import Message
from agentgate_proto.connection.events import Answered
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE_POLICY = """
rules:
  - {pattern: "asked*", action: ask, approval: {code: true}}
"""
PEOPLE = [{"name": "ann", "role": "approver", "token": "ann-token-0123456789", "totp": SEED}]
USERS = [{"id": ANN, "name": "ann"}, BOB]
YES = "✅ Approve"


@asynccontextmanager
async def asked_for_a_code(
    folder: Path,
) -> AsyncIterator[tuple[TelegramStandIn, Gateway, RawClient, Message, Message]]:
    """An approval that Ann has tapped, and the message that asks for her code."""
    async with (
        phone() as telegram,
        gateway_on(
            telegram, folder, policy=CODE_POLICY, principals=PEOPLE, users=USERS, chat_id=GROUP
        ) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram, GROUP)
        tap = telegram.chats.tap(ANN, message, YES)
        assert "one-time code" in await answered(tap)
        await until(lambda: len(telegram.chats.seen(GROUP)) == 2, "the prompt")
        prompt = telegram.chats.seen(GROUP)[1]
        assert "Ann, answer this message with your one-time code" in prompt.text
        yield telegram, gateway, client, message, prompt


async def test_the_right_code_approves_and_disappears(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    code = pyotp.TOTP(SEED).now()
    async with asked_for_a_code(tmp_path) as (telegram, _, client, message, prompt):
        assert "Approving takes a one-time code" in message.text
        assert "⏱ Approve 10 min" not in message.labels
        said = telegram.chats.say(ANN, f"{code[:3]} {code[3:]}", chat_id=GROUP, reply_to=prompt.id)
        assert (await client.next(Answered)).error is None
        await reads(message, "Approved by ann, ", "The tool has run.")
        await until(lambda: said.deleted and prompt.deleted, "the code to disappear")
    assert code not in caplog.text
    assert f"{code[:3]} {code[3:]}" not in caplog.text


async def test_a_wrong_code_approves_nothing_and_the_next_may_be_right(tmp_path: Path) -> None:
    async with asked_for_a_code(tmp_path) as (telegram, gateway, client, message, prompt):
        wrong = telegram.chats.say(ANN, "000000", chat_id=GROUP, reply_to=prompt.id)
        assert "wrong" in await replies(telegram, wrong)
        assert len(waiting(gateway)) == 1
        await until(lambda: wrong.deleted, "it to disappear")
        telegram.chats.say(ANN, pyotp.TOTP(SEED).now(), chat_id=GROUP)
        assert (await client.next(Answered)).error is None
        await reads(message, "Approved by ann")


async def test_a_code_that_somebody_else_sends_counts_for_nobody(tmp_path: Path) -> None:
    async with asked_for_a_code(tmp_path) as (telegram, gateway, _, message, prompt):
        code = pyotp.TOTP(SEED).now()
        said = telegram.chats.say(BOB, code, chat_id=GROUP, reply_to=prompt.id)
        assert "tap Approve first" in await replies(telegram, said)
        assert len(waiting(gateway)) == 1
        assert not said.deleted, "Bob was not asked for one"
        telegram.chats.tap(BOB, message, "❌ Deny")
        await reads(message, f"Denied by telegram:{BOB}")


async def test_a_number_of_somebody_who_is_asked_for_none_is_left_alone(tmp_path: Path) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path, chat_id=GROUP):
        said = telegram.chats.say(ANN, "20261129", chat_id=GROUP)
        alone = telegram.chats.say(ANN, "123456")
        assert "No code is waited for" in await replies(telegram, alone)
        assert not said.deleted
        assert not alone.deleted
        assert telegram.chats.seen(GROUP) == [said], "people talk among themselves there"


async def test_of_two_that_are_asked_for_the_answered_one_counts(tmp_path: Path) -> None:
    async with asked_for_a_code(tmp_path) as (telegram, gateway, client, message, prompt):
        await ask(client, 2, text="another")
        await until(lambda: len(list(telegram.chats.with_buttons(GROUP))) == 2, "another")
        (other,) = [a for a in telegram.chats.with_buttons(GROUP) if a is not message]
        telegram.chats.tap(ANN, other, YES)
        await until(lambda: len(telegram.chats.seen(GROUP)) == 4, "another prompt")
        said = telegram.chats.say(ANN, pyotp.TOTP(SEED).now(), chat_id=GROUP)
        assert "the very message" in await replies(telegram, said)
        await until(lambda: said.deleted, "it to disappear")
        assert len(waiting(gateway)) == 2
        telegram.chats.say(ANN, pyotp.TOTP(SEED).now(), chat_id=GROUP, reply_to=prompt.id)
        await reads(message, "Approved by ann")
        assert len(waiting(gateway)) == 1


async def test_the_bots_token_is_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, policy=POLICY) as gateway,
        asker(gateway) as client,
    ):
        telegram.fail_next("sendMessage", Drop())
        await ask(client)
        await shown(telegram)
        telegram.token = "another"
        await ask(client, 2, text="second")
        await until(lambda: "the bot is unknown" in caplog.text, "the log")
    assert caplog.records
    assert EXAMPLE_BOT not in caplog.text
    assert EXAMPLE_BOT.partition(":")[2] not in caplog.text
