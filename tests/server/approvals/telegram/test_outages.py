"""Telegram fails in every way that it has: nobody is asked twice, and nothing shown is untrue."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.names.silence import SILENT, assert_nothing_waits
from tests.server.approvals.telegram.harness import (
    ANN,
    GROUP,
    FastClock,
    answered,
    ask,
    asker,
    channel_of,
    decide_elsewhere,
    gateway_on,
    http,
    phone,
    reads,
    shown,
    until,
    waiting,
)

from agentgate_cli.standins.telegram import EXAMPLE_BOT, Delay, Drop, Fault, Lose, Refuse, Twice
from agentgate_proto.connection.events import Answered
from agentgate_server.approvals.telegram.api import Api
from agentgate_server.config import TelegramConfig
from agentgate_server.config.texts import BaseUrl
from agentgate_server.secrets.secret import Secret

pytestmark = pytest.mark.anyio


async def test_an_ask_during_an_outage_is_shown_once_when_it_is_over(tmp_path: Path) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path) as gateway:
        telegram.rule = lambda *_: Drop()
        async with asker(gateway) as client:
            await ask(client)
            await until(lambda: telegram.calls.get("sendMessage", 0) > 5, "tries")
            assert not telegram.chats.seen(ANN)
            telegram.rule = None
            message = await shown(telegram)
            telegram.chats.tap(ANN, message, "✅ Approve")
            assert (await client.next(Answered)).error is None
        await reads(message, "The tool has run.")
        assert telegram.chats.seen(ANN) == [message]


async def test_what_was_settled_during_an_outage_is_never_asked(tmp_path: Path) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path) as gateway:
        telegram.rule = lambda *_: Drop()
        async with asker(gateway) as client:
            await ask(client)
            await until(lambda: telegram.calls.get("sendMessage", 0) > 1, "tries")
            await decide_elsewhere(gateway, "deny")
            await client.next(Answered)
            await until(
                lambda: not channel_of(gateway).outbox.board.turns.cards, "it to be forgotten"
            )
            telegram.rule = None
            await ask(client, 2, text="second")
            message = await shown(telegram)
        assert "second" in message.text
        assert telegram.chats.seen(ANN) == [message]


async def test_what_was_answered_elsewhere_is_edited_when_the_outage_is_over(
    tmp_path: Path,
) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram)
        telegram.rule = lambda *_: Refuse(502, "Bad Gateway")
        await decide_elsewhere(gateway, "approve")
        await until(lambda: telegram.calls.get("editMessageText", 0) > 4, "tries")
        assert message.rows, "it still shows what was so before"
        telegram.rule = None
        text = await reads(message, "The tool has run.")
        assert "Approved by owner (http), " in text
        assert not message.rows


@pytest.mark.parametrize(
    "fault",
    [
        Lose(),
        Twice(),
        Drop(),
        Refuse(500, "Internal Server Error"),
        Refuse(429, "Too Many Requests: retry after 7", retry_after=7),
    ],
    ids=lambda fault: type(fault).__name__ + str(getattr(fault, "status", "")),
)
@pytest.mark.parametrize("method", ["sendMessage", "editMessageText"])
async def test_one_call_that_goes_wrong_leaves_one_message_with_buttons(
    tmp_path: Path, method: str, fault: Fault
) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path) as gateway:
        telegram.fail_next(method, fault, fault)
        async with asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
            tap = telegram.chats.tap(ANN, message, "❌ Deny")
            assert await answered(tap) == "Denied"
            assert (await client.next(Answered)).error is not None
        await reads(message, "Denied by owner")
        await until(lambda: not list(telegram.chats.with_buttons(ANN)), "no buttons")
        left = [other for other in telegram.chats.seen(ANN) if other is not message]
        orphans = {Lose(): 2, Twice(): 1} if method == "sendMessage" else {}
        assert len(left) == orphans.get(fault, 0)
        for orphan in left:
            assert "look at the newer messages" in orphan.text
            assert "waiting" not in orphan.text
            assert len(orphan.versions) == 1


async def test_telegrams_wish_to_wait_is_obeyed(tmp_path: Path) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path) as gateway:
        clock = gateway.clock
        assert isinstance(clock, FastClock)
        began = clock.time
        telegram.fail_next("sendMessage", Refuse(429, "Too Many Requests", retry_after=90))
        async with asker(gateway) as client:
            await ask(client)
            await shown(telegram)
        assert clock.time >= began + 90
        assert telegram.calls["sendMessage"] == 2


async def test_updates_that_come_twice_decide_once(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        telegram.deliver_twice = True
        for number in (1, 2):
            await ask(client, number, text=str(number))
            message = await shown(telegram)
            tap = telegram.chats.tap(ANN, message, "✅ Approve")
            assert (await client.next(Answered)).error is None
            await reads(message, "The tool has run.")
            assert tap.answers == ["Approved"]


async def test_a_tap_whose_notice_is_lost_is_decided_all_the_same(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram)
        telegram.fail_next("answerCallbackQuery", Drop(), Refuse(400, "Bad Request: too old"))
        tap = telegram.chats.tap(ANN, message, "✅ Approve")
        assert (await client.next(Answered)).error is None
        await reads(message, "The tool has run.")
        await until(lambda: telegram.calls["answerCallbackQuery"] == 2, "two tries")
        assert tap.answer is None


async def test_polling_goes_on_after_each_of_its_failures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with phone() as telegram:
        telegram.webhook = "https://elsewhere.example"
        conflict = Refuse(409, "Conflict: terminated by other getUpdates request")
        telegram.fail_next("deleteWebhook", Drop())
        telegram.fail_next("getUpdates", Lose(), conflict, Delay(0.01), Refuse(429, "x", 3))
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
            telegram.chats.tap(ANN, message, "❌ Deny")
            await reads(message, "Denied")
            await until(lambda: "are heard again" in caplog.text, "the log to say so")
        assert "another program uses the bot" in caplog.text
        assert telegram.webhook == ""
        assert {row["command"] for row in telegram.commands} >= {"pending", "help"}


async def test_a_message_that_somebody_deleted_is_asked_again_and_no_harm_when_it_is_over(
    tmp_path: Path,
) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram)
        message.deleted = True
        await decide_elsewhere(gateway, "deny")
        await client.next(Answered)
        await ask(client, 2, text="next")
        after = await shown(telegram)
        assert "next" in after.text
        assert waiting(gateway)[0].signature == "asked(next)"


async def test_a_message_that_telegram_refuses_keeps_no_other_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        no = Refuse(400, "Bad Request: SOME_THING_NEW")
        telegram.rule = lambda _, params: no if "first" in params.get("text", "") else None
        await ask(client, 1, text="first")
        await until(lambda: "refuses the message" in caplog.text, "the log")
        await ask(client, 2, text="second")
        second = await shown(telegram)
        assert "second" in second.text
        _, _, health = await http(gateway, "GET", "/health")
        assert health["telegram"] == "1 messages are refused and tried again: Some_thing_new"
        telegram.rule = None
        await until(lambda: len(list(telegram.chats.with_buttons(ANN))) == 2, "the first as well")
        await until(lambda: not channel_of(gateway).problem, "all to be well")


@pytest.mark.parametrize("thread_id", [0, 5])
async def test_a_closed_topic_is_waited_for_and_health_says_so(
    tmp_path: Path, thread_id: int
) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, chat_id=GROUP, thread_id=thread_id) as gateway,
        asker(gateway) as client,
    ):
        telegram.chats.closed.add((GROUP, thread_id))
        await ask(client)
        await until(lambda: telegram.calls.get("sendMessage", 0) > 2, "tries")
        _, _, health = await http(gateway, "GET", "/health")
        assert "Topic_closed" in health["telegram"]
        assert "message_thread_id" in health["telegram"]
        telegram.chats.closed.clear()
        message = await shown(telegram, GROUP)
        assert message.thread_id == thread_id
        await until(lambda: not channel_of(gateway).problem, "all to be well")


@pytest.mark.parametrize(
    "words", ["CHAT_WRITE_FORBIDDEN", "message thread not found", "need administrator rights"]
)
async def test_what_is_the_chats_fault_is_waited_for(tmp_path: Path, words: str) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        telegram.rule = lambda *_: Refuse(400, f"Bad Request: {words}")
        await ask(client)
        await until(lambda: telegram.calls.get("sendMessage", 0) > 2, "tries")
        assert "the bot's rights" in channel_of(gateway).problem
        telegram.rule = None
        assert await shown(telegram)


async def test_a_chat_that_the_bot_is_not_in_is_tried_again_until_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = -777
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, chat_id=elsewhere) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        await until(lambda: "check messenger.telegram.chat_id" in caplog.text, "the log")
        telegram.chats.add_group(elsewhere)
        assert await shown(telegram, elsewhere)


async def test_an_approval_that_reached_nobody_is_told_to_the_operator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        telegram.rule = lambda *_: Drop()
        await ask(client)
        await until(lambda: telegram.calls.get("sendMessage", 0) > 1, "tries")
        reach = gateway.gate.desk.reach
        reach.utc = lambda: gateway.gate.utc() + 61
        reach.look()
        assert "have reached nobody for 60 s: 1" in caplog.text
        _, _, health = await http(gateway, "GET", "/health")
        assert health["unreached_approvals"] == 1
        assert health["telegram"].startswith("no answer from Telegram")
        telegram.rule = None
        await shown(telegram)
        await until(lambda: not reach.overdue, "it to be seen")
        await until(lambda: not channel_of(gateway).problem, "all to be well")
        _, _, health = await http(gateway, "GET", "/health")
        assert (health["unreached_approvals"], health["telegram"]) == (0, "ok")


async def test_a_group_that_became_a_supergroup_is_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moved = -1001234
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, chat_id=GROUP) as gateway,
        asker(gateway) as client,
    ):
        telegram.chats.add_group(moved)
        await ask(client)
        before = await shown(telegram, GROUP)
        gone = Refuse(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=moved)
        telegram.rule = lambda _, params: gone if params.get("chat_id") == str(GROUP) else None
        telegram.chats.tap(ANN, before, "⏱ Approve 10 min")
        after = await shown(telegram, moved)
        assert f"set messenger.telegram.chat_id to {moved}" in caplog.text
        telegram.chats.tap(ANN, after, "↩️ Back")
        await until(lambda: "❌ Deny" in after.labels, "the answers")
        telegram.chats.tap(ANN, after, "❌ Deny")
        assert (await client.next(Answered)).error is not None
        await reads(after, "Denied by owner")


async def test_what_waits_in_a_group_is_asked_again_where_it_has_moved(tmp_path: Path) -> None:
    moved = -1001234
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, chat_id=GROUP) as gateway,
        asker(gateway) as client,
    ):
        await ask(client, 1, text="first")
        await ask(client, 2, text="second")
        await until(lambda: len(list(telegram.chats.with_buttons(GROUP))) == 2, "both")
        telegram.chats.upgrade(GROUP, moved)
        await until(lambda: len(list(telegram.chats.with_buttons(moved))) == 2, "both again")
        for message in list(telegram.chats.with_buttons(moved)):
            telegram.chats.tap(ANN, message, "❌ Deny")
        for _ in range(2):
            assert (await client.next(Answered)).error is not None


async def test_a_bug_in_a_part_of_the_channel_ends_neither_the_gate_nor_the_channel(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        channel_of(gateway).notices.add(broken, 10.0)
        await until(lambda: "it starts again" in caplog.text, "the log")
        await ask(client)
        message = await shown(telegram)
        tap = telegram.chats.tap(ANN, message, "❌ Deny")
        assert await answered(tap) == "Denied"
        telegram.chats.updated({"callback_query": {"id": "nonsense"}})
        await until(lambda: "was passed over" in caplog.text, "the log")
        assert (await http(gateway, "GET", "/health"))[0] == 200


def test_a_silent_name_server_holds_up_nobody_who_stops() -> None:
    """Neither a poll nor a call."""
    config = TelegramConfig(token=Secret(EXAMPLE_BOT), base_url=BaseUrl(f"http://{SILENT}"))

    async def poll() -> None:
        await Api(config).updates(0)

    async def call() -> None:
        await Api(config).delete(ANN, 1)

    for work in (poll, call):
        assert_nothing_waits(work, "asyncio")
