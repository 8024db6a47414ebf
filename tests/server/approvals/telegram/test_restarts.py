"""The gateway ends and comes back: the same messages, brought to the truth, and no new ones."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from tests.server.approvals.telegram.harness import (
    ANN,
    GROUP,
    answered,
    ask,
    asker,
    channel_of,
    decide_elsewhere,
    gateway_on,
    is_quiet,
    phone,
    reads,
    shown,
    until,
    waiting,
)

from agentgate_cli.standins.telegram import Drop, Lose, Refuse

pytestmark = pytest.mark.anyio


async def test_what_waits_is_not_asked_again_and_its_buttons_work(tmp_path: Path) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
            await until(lambda: is_quiet(gateway), "its note")
        edits = telegram.calls["editMessageText"]
        async with gateway_on(telegram, tmp_path):
            tap = telegram.chats.tap(ANN, message, "❌ Deny")
            assert await answered(tap) == "Denied"
            await reads(message, "Denied by owner")
        assert telegram.chats.seen(ANN) == [message]
        assert telegram.calls["editMessageText"] == edits + 1


async def test_a_tap_while_the_gateway_is_down_decides_when_it_is_back(tmp_path: Path) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
        tap = telegram.chats.tap(ANN, message, "✅ Approve")
        async with gateway_on(telegram, tmp_path) as gateway:
            assert await answered(tap) == "Approved"
            await reads(message, "The tool has run.")


async def test_a_tap_at_the_last_moment_of_a_shutdown_is_left_for_the_next_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
            end_audit = gateway._end_audit

            async def at_last() -> None:
                telegram.chats.tap(ANN, message, "✅ Approve")
                with anyio.move_on_after(0.3):
                    await until(lambda: not waiting(gateway), "somebody who still hears it")
                assert waiting(gateway), "what starts now would not be waited for"
                await end_audit()

            monkeypatch.setattr(gateway, "_end_audit", at_last)
        async with gateway_on(telegram, tmp_path):
            await reads(message, "Approved by owner", "The tool has run.")


async def test_what_was_decided_and_not_shown_before_the_end_is_shown_after(
    tmp_path: Path,
) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
            telegram.rule = lambda *_: Drop()
            await decide_elsewhere(gateway, "approve")
            await until(lambda: not gateway.gate.ledger.running, "the tool to end")
        assert message.rows
        telegram.rule = None
        async with gateway_on(telegram, tmp_path):
            await reads(message, "Approved by owner (http)", "The tool has run.")
            assert not message.rows
        assert telegram.chats.seen(ANN) == [message]


async def test_what_expired_while_the_gateway_was_down_says_so(tmp_path: Path) -> None:
    async with phone() as telegram:
        async with (
            gateway_on(telegram, tmp_path, approval_timeout=0.3) as gateway,
            asker(gateway) as client,
        ):
            await ask(client)
            message = await shown(telegram)
        async with gateway_on(telegram, tmp_path):
            await reads(message, "Expired", "nothing was run")
            stale = telegram.chats.tap_data(ANN, message, f"a:{'0' * 36}")
            assert "no approval with this id" in await answered(stale)


async def test_an_end_between_the_message_and_its_note_leaves_no_second_set_of_buttons(
    tmp_path: Path,
) -> None:
    async with phone() as telegram:
        telegram.fail_next("sendMessage", Lose())
        telegram.rule = lambda method, _: Drop() if telegram.calls.get("sendMessage") else None
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            await until(lambda: telegram.chats.seen(ANN), "the first message")
        (orphan,) = telegram.chats.seen(ANN)
        telegram.rule = None
        async with gateway_on(telegram, tmp_path):
            message = await shown(telegram)
            assert message is not orphan
            telegram.chats.tap(ANN, message, "✅ Approve")
            await reads(message, "The tool has run.")
        assert orphan.labels == []
        assert "look at the newer messages" in orphan.text


async def test_a_tap_that_is_heard_again_after_a_restart_decides_nothing_new(
    tmp_path: Path,
) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
            data = message.button("✅ Approve").data
            telegram.chats.tap(ANN, message, "✅ Approve")
            await reads(message, "The tool has run.")
        tap = telegram.chats.tap_data(ANN, message, data)
        async with gateway_on(telegram, tmp_path) as gateway:
            assert (await answered(tap)).startswith("Already approved by owner (telegram)")
            assert not waiting(gateway)
        assert telegram.chats.seen(ANN) == [message]


async def test_a_message_of_a_lost_database_loses_its_buttons_when_they_are_tapped(
    tmp_path: Path,
) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await shown(telegram)
        async with gateway_on(telegram, tmp_path / "another"):
            tap = telegram.chats.tap(ANN, message, "✅ Approve")
            assert "no approval with this id" in await answered(tap)
            await until(lambda: not message.rows, "the buttons to go")


async def test_another_chat_in_the_configuration_is_asked_and_the_old_buttons_go(
    tmp_path: Path,
) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client, 1, text="first")
            message = await shown(telegram)
        async with gateway_on(telegram, tmp_path, chat_id=GROUP):
            moved = await shown(telegram, GROUP)
            await until(lambda: not message.rows, "the old buttons to go")
            telegram.chats.tap(ANN, moved, "❌ Deny")
            await reads(moved, "Denied by owner")


async def test_a_former_chat_that_is_closed_to_the_bot_holds_nobody_up(tmp_path: Path) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client, 1, text="first")
            await shown(telegram)
        blocked = Refuse(403, "Forbidden: bot was blocked by the user")
        telegram.rule = lambda _, params: blocked if params.get("chat_id") == str(ANN) else None
        async with gateway_on(telegram, tmp_path, chat_id=GROUP) as gateway:
            assert "first" in (await shown(telegram, GROUP)).text
            async with asker(gateway, "another") as client:
                await ask(client, 1, text="second")
                await until(lambda: len(list(telegram.chats.with_buttons(GROUP))) == 2, "both")


async def test_a_note_that_nobody_can_read_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with phone() as telegram:
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            await shown(telegram)
            (view,) = waiting(gateway)
            await until(lambda: is_quiet(gateway), "its note")
            await channel_of(gateway).link.notes.put(view.id, "nonsense")
        async with gateway_on(telegram, tmp_path):
            await until(lambda: len(list(telegram.chats.with_buttons(ANN))) == 2, "another")
    assert "is of no use" in caplog.text


async def test_a_group_that_has_moved_is_known_after_a_restart_and_nothing_is_asked_twice(
    tmp_path: Path,
) -> None:
    moved = -1001234
    async with phone() as telegram:
        async with (
            gateway_on(telegram, tmp_path, chat_id=GROUP) as gateway,
            asker(gateway) as client,
        ):
            await ask(client)
            await shown(telegram, GROUP)
            telegram.chats.upgrade(GROUP, moved)
            await shown(telegram, moved)
            await until(lambda: is_quiet(gateway), "its note")
        sent = telegram.calls["sendMessage"]
        async with gateway_on(telegram, tmp_path, chat_id=GROUP) as gateway:
            await until(lambda: is_quiet(gateway), "the truth")
            (message,) = telegram.chats.with_buttons(moved)
            telegram.chats.tap(ANN, message, "❌ Deny")
            await reads(message, "Denied by owner")
        assert telegram.calls["sendMessage"] == sent
