"""A person answers on Telegram: what they see, what they tap, what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.approvals.telegram.harness import (
    ANN,
    BOB,
    STRANGER,
    answered,
    ask,
    asker,
    gateway_on,
    phone,
    reads,
    shown,
    until,
    waiting,
)

from agentgate_proto.connection.events import Answered

pytestmark = pytest.mark.anyio


async def test_an_approval_is_asked_with_all_that_a_person_needs_to_decide(tmp_path: Path) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path) as gateway:
        async with asker(gateway) as client:
            await ask(client, text="hello")
            message = await shown(telegram)
        assert "agent asks" in message.text
        assert "asked(hello)" in message.text
        assert 'text: "hello"' in message.text
        assert "Rule: ask for everything (permissions.yaml:5)" in message.text
        assert "expires" in message.text
        assert message.labels == ["✅ Approve", "❌ Deny", "⏱ Approve 10 min"]


@pytest.mark.parametrize(("label", "status"), [("✅ Approve", "approved"), ("❌ Deny", "denied")])
async def test_a_tap_decides_and_the_message_says_who_and_when_and_how_it_ended(
    tmp_path: Path, label: str, status: str
) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path) as gateway:
        async with asker(gateway) as client:
            await ask(client, text="hello")
            message = await shown(telegram)
            tap = telegram.chats.tap(ANN, message, label)
            outcome = await client.next(Answered)
        assert (outcome.error is None) is (status == "approved")
        assert await answered(tap) == status.capitalize()
        text = await reads(message, f"{status.capitalize()} by owner, ")
        if status == "approved":
            await reads(message, "The tool has run.")
        assert "asked(hello)" in text
        assert message.rows == []
        await until(lambda: not waiting(gateway), "nothing to wait")


async def test_somebody_without_a_name_is_called_by_the_id(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client, text="hello")
        message = await shown(telegram)
        telegram.chats.tap(BOB, message, "❌ Deny")
        await reads(message, f"Denied by telegram:{BOB}, ")


async def test_a_stranger_who_taps_is_refused_and_nothing_happens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client, text="hello")
        message = await shown(telegram)
        tap = telegram.chats.tap(STRANGER, message, "✅ Approve")
        assert "You may not answer here" in await answered(tap)
        assert tap.alert
        assert len(waiting(gateway)) == 1
        assert f"user {STRANGER}" in caplog.text
        telegram.chats.tap(ANN, message, "❌ Deny")
        await reads(message, "Denied by owner")
