"""The hard tests, part B, with the person on Telegram: one start, the truth told.

The gateway is a real process that is killed for real; the stand-in for Telegram lives in a thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.e2e.foreign import ForeignClient
from tests.e2e.process import PERMISSIONS, GatewayProcess, until

from agentgate_cli.standins.telegram import EXAMPLE_BOT, Lose, TelegramStandIn
from agentgate_cli.standins.telegram_chats import Message, Tap

ANN, BOB, STRANGER, GROUP = 4001, 4002, 6666, -5001
YES, NO = "✅ Approve", "❌ Deny"
ROUNDS = 10

Value = TypeVar("Value")


class Phones:
    """The stand-in and its people, from the outside of its thread."""

    def __init__(self, portal: BlockingPortal, telegram: TelegramStandIn) -> None:
        self.portal = portal
        self.telegram = telegram

    def do(self, act: Callable[..., Value], *args: Any) -> Value:
        """Do something in the thread of the stand-in."""
        return self.portal.call(act, *args)

    def tap(self, user_id: int, message: Message, label: str) -> Tap:
        return self.do(self.telegram.chats.tap, user_id, message, label)

    def tap_data(self, user_id: int, message: Message, data: str) -> Tap:
        """Tap a button that a phone still shows."""
        return self.do(self.telegram.chats.tap_data, user_id, message, data)

    def message(self, words: str = "") -> Message:
        """The only message with buttons that says this."""

        def found() -> list[Message]:
            chats = self.telegram.chats
            return [m for m in chats.with_buttons(GROUP) if words in m.text]

        (message,) = until(lambda: self.do(found), f"a message with buttons about {words}")
        return message

    def answer(self, tap: Tap) -> str:
        """What the person was told."""
        until(lambda: tap.answers, "a notice")
        return tap.answers[0]

    def reads(self, message: Message, words: str) -> None:
        until(lambda: words in message.text, f"the message to say {words!r}")

    def with_buttons(self) -> list[Message]:
        return self.do(lambda: list(self.telegram.chats.with_buttons(GROUP)))


@pytest.fixture
def phones() -> Iterator[Phones]:
    telegram = TelegramStandIn()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(telegram):
        for user_id, name in ((ANN, "Ann"), (BOB, "Bob"), (STRANGER, "Mallory")):
            portal.call(telegram.chats.add_person, user_id, name)
        portal.call(telegram.chats.add_group, GROUP)
        yield Phones(portal, telegram)


def config(phones: Phones, **changes: Any) -> dict[str, Any]:
    telegram = {
        "token": EXAMPLE_BOT,
        "chat_id": GROUP,
        "allowed_users": [{"id": ANN, "name": "owner"}, BOB],
        "base_url": phones.telegram.url,
    }
    return {"messenger": {"type": "telegram", "telegram": telegram}, **changes}


@pytest.fixture
def gate(tmp_path: Path, phones: Phones) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, config(phones)) as gateway:
        yield gateway


@pytest.mark.torture("B1")
def test_the_client_is_gone_when_the_person_taps(gate: GatewayProcess, phones: Phones) -> None:
    client = ForeignClient(gate.url, client_id="b1")
    asked = client.ask("asked_write", key="b1")
    message = phones.message()
    client.drop()
    assert phones.answer(phones.tap(ANN, message, YES)) == "Approved"
    phones.reads(message, "The tool has run.")
    with ForeignClient(gate.url, client_id="b1", first_id=50) as again:
        assert again.outcome_of(asked)["data"] == "wrote b1"
    assert gate.starts()["asked_write", "b1"] == 1


@pytest.mark.torture("B2")
def test_the_gateway_is_killed_while_an_approval_waits_and_the_tap_comes_meanwhile(
    gate: GatewayProcess, phones: Phones
) -> None:
    client = ForeignClient(gate.url, client_id="b2")
    asked = client.ask("asked_write", key="b2")
    message = phones.message()
    gate.kill()
    client.close()
    tap = phones.tap(ANN, message, YES)
    gate.start()
    assert phones.answer(tap) == "Approved"
    phones.reads(message, "The tool has run.")
    with ForeignClient(gate.url, client_id="b2", first_id=50) as again:
        assert again.outcome_of(asked)["data"] == "wrote b2"
    assert gate.starts()["asked_write", "b2"] == 1
    assert phones.do(phones.telegram.chats.seen, GROUP) == [message], "asked once"


@pytest.mark.torture("B2")
@pytest.mark.parametrize("step", ["asked", "approved", "running", "done"])
def test_the_gateway_is_killed_at_each_step_and_the_message_comes_to_the_truth(
    tmp_path: Path, phones: Phones, step: str
) -> None:
    gate = GatewayProcess(tmp_path, config(phones))
    gate.start(step, 1)
    try:
        client = ForeignClient(gate.url, client_id="b2")
        asked = client.ask("asked_write", key="b2")
        if step != "asked":
            phones.tap(ANN, phones.message(), YES)
        gate.wait()
        client.close()
        gate.start()
        if step == "asked":
            phones.tap(ANN, phones.message(), YES)
        with ForeignClient(gate.url, client_id="b2", first_id=50) as again:
            status = again.outcome_of(asked)["status"]
        (message,) = phones.do(phones.telegram.chats.seen, GROUP)
        ends = {"executed": "The tool has run.", "unknown": "Nobody knows whether"}
        phones.reads(message, ends[status])
        phones.reads(message, "Approved by owner")
        assert not message.rows
        starts = gate.starts()["asked_write", "b2"]
        assert starts == 1 or (status, starts) == ("unknown", 0)
    finally:
        gate.kill()


@pytest.mark.torture("B3")
def test_the_gateway_is_killed_while_the_tool_runs_and_asks_before_a_second_time(
    tmp_path: Path, phones: Phones
) -> None:
    with GatewayProcess(tmp_path, config(phones), ASK_SLOW) as gate:
        client = ForeignClient(gate.url, client_id="b3")
        asked = client.ask("slow_write", key="b3", seconds=30.0)
        message = phones.message()
        phones.tap(ANN, message, YES)
        until(lambda: gate.starts()["slow_write", "b3"], "the tool to start")
        gate.restart()
        client.close()
        phones.reads(message, "Nobody knows whether the tool took effect")
        with ForeignClient(gate.url, client_id="b3", first_id=50) as again:
            assert again.outcome_of(asked)["status"] == "unknown"
            again.ask("slow_write", key="b3", seconds=30.0)
            second = phones.message("may already have run")
            phones.tap(ANN, second, NO)
            assert again.receive()["error"]["code"] == -32001
        assert gate.starts()["slow_write", "b3"] == 1


ASK_SLOW = {**PERMISSIONS, "rules": [{"pattern": "get_state*", "action": "allow"}]}


@pytest.mark.torture("B4")
def test_the_same_ask_twice_is_one_message_and_a_doubled_tap_one_start(
    gate: GatewayProcess, phones: Phones
) -> None:
    phones.telegram.deliver_twice = True
    with ForeignClient(gate.url, client_id="b4") as client:
        for _ in range(2):
            client.ask("asked_write", request_id=1, key="b4")
        message = phones.message()
        taps = [phones.tap(ANN, message, YES) for _ in range(3)]
        assert client.receive()["result"]["data"] == "wrote b4"
        assert phones.answer(taps[0]) == "Approved"
        for tap in taps[1:]:
            assert phones.answer(tap).startswith("Already approved by owner (telegram)")
    assert gate.starts()["asked_write", "b4"] == 1
    assert phones.do(phones.telegram.chats.seen, GROUP) == [message]


@pytest.mark.torture("B5")
def test_approve_and_deny_at_once_have_one_winner_and_everybody_hears_the_truth(
    gate: GatewayProcess, phones: Phones
) -> None:
    with ForeignClient(gate.url, client_id="b5") as client:
        for number in range(ROUNDS):
            key = f"b5-{number}"
            client.ask("asked_write", key=key)
            message = phones.message(key)
            first, second = (YES, NO) if number % 2 else (NO, YES)

            def both(a: str = first, b: str = second, m: Message = message) -> list[Tap]:
                chats = phones.telegram.chats
                return [chats.tap(ANN, m, a), chats.tap(BOB, m, b)]

            told = [phones.answer(tap) for tap in phones.do(both)]
            yes = "result" in client.receive()
            status = "approved" if yes else "denied"
            (late,) = [words for words in told if words != status.capitalize()]
            assert late.startswith(f"Already {status} by ")
            name = "owner" if yes == (first == YES) else f"telegram:{BOB}"
            phones.reads(message, f"{status.capitalize()} by {name}, ")
            assert gate.starts()["asked_write", key] == yes


@pytest.mark.torture("B6")
def test_a_stale_tap_runs_nothing_and_says_what_happened(tmp_path: Path, phones: Phones) -> None:
    with (
        GatewayProcess(tmp_path, config(phones, approval_timeout=1.0)) as gate,
        ForeignClient(gate.url) as client,
    ):
        client.ask("asked_write", key="b6")
        message = phones.message()
        data = message.button(YES).data
        assert client.receive()["error"]["code"] == -32002
        phones.reads(message, "Expired")
        assert phones.answer(phones.tap_data(ANN, message, data)).startswith("Already expired")
        assert not message.rows
        assert gate.starts()["asked_write", "b6"] == 0


@pytest.mark.torture("B6")
def test_what_expired_while_the_gateway_was_down_is_expired_for_a_tap_too(
    tmp_path: Path, phones: Phones
) -> None:
    with GatewayProcess(tmp_path, config(phones, approval_timeout=1.5)) as gate:
        client = ForeignClient(gate.url, client_id="b6")
        client.ask("asked_write", key="b6")
        message = phones.message()
        gate.kill()
        client.close()
        expired_while_down(gate)
        tap = phones.tap(ANN, message, YES)
        gate.start()
        assert phones.answer(tap).startswith("Already expired")
        phones.reads(message, "Expired")
        assert gate.starts()["asked_write", "b6"] == 0


def expired_while_down(gate: GatewayProcess) -> None:
    """Wait, with the gateway down, until its approval is past its time."""
    with sqlite3.connect(gate.folder / "gate.db") as store:
        (expires_at,) = store.execute("SELECT expires_at FROM requests").fetchone()
    store.close()
    until(lambda: time.time() > expires_at, "the approval to lapse")


@pytest.mark.torture("B7b")
def test_strangers_taps_decide_nothing_however_many(gate: GatewayProcess, phones: Phones) -> None:
    with ForeignClient(gate.url, client_id="b7") as client:
        client.ask("asked_write", key="b7")
        message = phones.message()
        taps = [phones.tap(STRANGER, message, label) for label in (YES, NO, YES)]
        assert "may not answer" in phones.answer(taps[0])
        phones.tap(BOB, message, NO)
        phones.reads(message, f"Denied by telegram:{BOB}")
        assert client.receive()["error"]["code"] == -32001
        assert [tap.answers for tap in taps[1:]] == [[], []], "one refusal a minute is enough"
    assert gate.starts()["asked_write", "b7"] == 0


@pytest.mark.torture("B7")
def test_a_lost_answer_of_telegram_holds_nobody_up(gate: GatewayProcess, phones: Phones) -> None:
    phones.do(phones.telegram.fail_next, "sendMessage", Lose(), Lose())
    with (
        ForeignClient(gate.url, client_id="many") as client,
        ForeignClient(gate.url, client_id="other") as other,
    ):
        for number in range(20):
            client.ask("asked_write", key=str(number))
        assert other.tool("get_state", entity_id="a.b")["result"]["status"] == "executed"
        gate.wait_for_approvals(20)


@pytest.mark.torture("B8")
def test_what_policy_denies_reaches_no_phone(gate: GatewayProcess, phones: Phones) -> None:
    with ForeignClient(gate.url) as client:
        for name in ("forbidden", "FORBIDDEN", "f\u043erbidden", "forbidden\n"):
            assert "error" in client.tool(name, key="x")
    assert phones.do(phones.telegram.chats.seen, GROUP) == []
    assert not gate.starts()
