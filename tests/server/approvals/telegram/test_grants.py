"""More than yes or no: grants, rules that need two people, rules that need a code, commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.approvals.telegram.harness import (
    ANN,
    BOB,
    GROUP,
    STRANGER,
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

from agentgate_proto.connection.events import Answered

pytestmark = pytest.mark.anyio

TEN = "⏱ Approve 10 min"
CONFIRM = "✅ Confirm 10 min"
BACK = "↩️ Back"
NAMED = ({"id": ANN, "name": "owner"}, {"id": BOB, "name": "bob"}, 4003)
TWO_PEOPLE = """
rules:
  - {pattern: "asked*", action: ask, approval: {approvers: 2}}
"""


async def test_a_grant_is_shown_in_words_before_it_is_confirmed(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client, 1, text="hello")
        message = await shown(telegram)
        telegram.chats.tap(ANN, message, TEN)
        await reads(message, "This would be allowed", "agent may call asked with text=hello")
        assert message.labels == [CONFIRM, BACK]
        assert len(waiting(gateway)) == 1, "nothing is decided yet"
        tap = telegram.chats.tap(ANN, message, CONFIRM)
        assert (await client.next(Answered)).error is None
        assert await answered(telegram.chats.tap_data(BOB, message, f"a:{'0' * 36}"))
        assert tap.answers == ["Approved"]
        await reads(message, "Allowed with it", "/revoke_g", "The tool has run.")
        await ask(client, 2, text="hello")
        assert (await client.next(Answered)).error is None
        assert telegram.chats.seen(ANN) == [message], "the grant answers, nobody is asked"


async def test_back_shows_the_approval_alone_again(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram)
        before = message.text
        telegram.chats.tap(ANN, message, TEN)
        await until(lambda: BACK in message.labels, "the words")
        telegram.chats.tap(ANN, message, BACK)
        await until(lambda: TEN in message.labels, "the approval")
        assert message.text == before
        assert not gateway.gate.desk.grants()


async def test_a_stranger_can_neither_preview_nor_confirm_a_grant(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, chat_id=GROUP) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram, GROUP)
        first = telegram.chats.tap(STRANGER, message, TEN)
        assert "may not answer" in await answered(first)
        telegram.chats.tap(ANN, message, TEN)
        await until(lambda: CONFIRM in message.labels, "the words")
        telegram.chats.tap(STRANGER, message, CONFIRM)
        telegram.chats.tap(ANN, message, BACK)
        await until(lambda: TEN in message.labels, "the approval")
        assert len(waiting(gateway)) == 1


async def test_words_that_a_restart_forgot_cannot_be_confirmed(tmp_path: Path) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
            telegram.chats.tap(ANN, message, TEN)
            await until(lambda: CONFIRM in message.labels, "the words")
            data = message.button(CONFIRM).data
        async with gateway_on(telegram, tmp_path) as gateway:
            tap = telegram.chats.tap_data(ANN, message, data)
            assert "look at it again" in await answered(tap)
            await until(lambda: TEN in message.labels, "the approval")
            assert len(waiting(gateway)) == 1


async def test_grants_are_listed_and_revoked(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        said = telegram.chats.say(ANN, "/grants")
        assert "No grant is in force" in await replies(telegram, said)
        await ask(client)
        message = await shown(telegram)
        telegram.chats.tap(ANN, message, TEN)
        await until(lambda: CONFIRM in message.labels, "the words")
        telegram.chats.tap(ANN, message, CONFIRM)
        await client.next(Answered)
        listed = await replies(telegram, telegram.chats.say(ANN, "/grants"))
        assert "agent may call asked with text=hello" in listed
        command = next(word for word in listed.split() if word.startswith("/revoke_"))
        refused = await replies(telegram, telegram.chats.say(STRANGER, command))
        assert "may not answer" in refused
        assert gateway.gate.desk.grants()[0].status == "active"
        assert "revoked" in await replies(telegram, telegram.chats.say(ANN, command))
        await ask(client, 2)
        again = await shown(telegram)
        assert again is not message
        unknown = await replies(telegram, telegram.chats.say(ANN, "/revoke nothing"))
        assert "no grant with this id" in unknown
        assert "/revoke ID" in await replies(telegram, telegram.chats.say(ANN, "/revoke"))


async def test_a_rule_for_two_people_shows_who_said_yes_and_takes_two(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, policy=TWO_PEOPLE, chat_id=GROUP, users=NAMED) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram, GROUP)
        assert TEN not in message.labels
        assert "Takes 2 people; yes from nobody yet" in message.text
        first = telegram.chats.tap(ANN, message, "✅ Approve")
        assert await answered(first) == "Your yes counts: 1 of 2 people"
        await reads(message, "yes from owner")
        again = telegram.chats.tap(ANN, message, "✅ Approve")
        assert "you have said yes already" in await answered(again)
        telegram.chats.add_person(4003, "Cleo")
        nameless = telegram.chats.tap(4003, message, "✅ Approve")
        assert "the operator must give you a name" in await answered(nameless)
        second = telegram.chats.tap(BOB, message, "✅ Approve")
        assert await answered(second) == "Approved"
        assert (await client.next(Answered)).error is None
        await reads(message, "yes from owner, bob", "The tool has run.")


async def test_pending_lists_what_waits(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        said = telegram.chats.say(ANN, "/pending@gate_bot")
        assert await replies(telegram, said) == "Nothing waits for an answer."
        for number in range(3):
            await ask(client, number + 1, text=f"<b>{number}")
        await until(lambda: len(waiting(gateway)) == 3, "the asks")
        listed = await replies(telegram, telegram.chats.say(ANN, "/pending"))
        assert "3 waiting" in listed
        assert 'asked("<b>2")' in listed


async def test_start_tells_the_ids_and_nothing_else_to_anybody(tmp_path: Path) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path):
        told = await replies(telegram, telegram.chats.say(STRANGER, "/start"))
        assert told == f"This chat has the id {STRANGER}, you have {STRANGER}."
        in_group = telegram.chats.say(STRANGER, "/start", chat_id=GROUP)
        assert await replies(telegram, in_group) == (
            f"This chat has the id {GROUP}, you have {STRANGER}."
        )


async def test_people_get_help_and_strangers_one_refusal_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path):
        for number in range(5):
            telegram.chats.say(STRANGER, f"let me in {number}")
        telegram.chats.say(STRANGER, "just talking", chat_id=GROUP)
        help_text = await replies(telegram, telegram.chats.say(ANN, "hello"))
        assert "/pending: what waits for an answer" in help_text
        from_bot = [m for m in telegram.chats.seen(STRANGER) if m.sender_id != STRANGER]
        assert len(from_bot) == 1
        assert caplog.text.count(f"user {STRANGER}") == 1


async def test_without_a_chat_the_bot_only_tells_ids(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, chat_id=0) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        await replies(telegram, telegram.chats.say(ANN, "/start"))
        assert "sendMessage" in telegram.calls
        assert not list(telegram.chats.with_buttons(ANN))
        assert any("nobody is asked yet" in text for text in gateway.warnings)
