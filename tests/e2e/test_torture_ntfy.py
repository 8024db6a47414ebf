"""The hard tests, part B, with the person on ntfy: one start, the truth told, a ticket good once.

The gateway is a real process that is killed for real; the stand-in for ntfy lives in a thread, and
its phones send what their buttons say, over HTTP.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.e2e.foreign import ForeignClient
from tests.e2e.process import GatewayProcess, until

from agentgate_cli.standins.ntfy import Message, NtfyStandIn
from agentgate_cli.standins.telegram import Drop, Fault, Lose, Twice

ANN, BOB = "anns-topic-0123456789", "bobs-topic-0123456789"
YES, NO = "Approve", "Deny"

Value = TypeVar("Value")


class Phones:
    """The stand-in and its people, from the outside of its thread."""

    def __init__(self, portal: BlockingPortal, ntfy: NtfyStandIn) -> None:
        self.portal = portal
        self.ntfy = ntfy

    def do(self, act: Callable[..., Value], *args: Any) -> Value:
        """Do something in the thread of the stand-in."""
        return self.portal.call(act, *args)

    def asking(self, topic: str = ANN) -> list[Message]:
        return [each for each in self.do(self.ntfy.shown, topic) if each.actions]

    def message(self, words: str = "", topic: str = ANN) -> Message:
        """The only notification with buttons that says this."""

        def found() -> list[Message]:
            return [each for each in self.asking(topic) if words in each.text]

        (message,) = until(found, f"a notification with buttons about {words}")
        return message

    def reads(self, words: str, topic: str = ANN) -> None:
        until(
            lambda: any(
                words in f"{each.title}\n{each.text}" for each in self.do(self.ntfy.shown, topic)
            ),
            f"the phone to say {words!r}",
        )


@pytest.fixture
def phones() -> Iterator[Phones]:
    ntfy = NtfyStandIn()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(ntfy):
        yield Phones(portal, ntfy)


def config(phones: Phones, **changes: Any) -> dict[str, Any]:
    people = [{"topic": ANN, "name": "owner"}, {"topic": BOB, "name": "bob"}]
    return {
        "messenger": {
            "asks_per_minute": 60,
            "ntfy": {"url": phones.ntfy.url, "people": people},
        },
        **changes,
    }


def process(folder: Path, phones: Phones, **changes: Any) -> GatewayProcess:
    gateway = GatewayProcess(folder, config(phones, **changes))
    gateway.config["gateway"]["public_url"] = "https://gate.example"
    return gateway


@pytest.fixture
def gate(tmp_path: Path, phones: Phones) -> Iterator[GatewayProcess]:
    with process(tmp_path, phones) as gateway:
        yield gateway


def tap(gate: GatewayProcess, message: Message, label: str) -> tuple[int, Any]:
    """Send what a button says; a ticket needs no token."""
    return gate.http("/api/answers", json.loads(message.action(label).body), token="")


@pytest.mark.torture("B1")
def test_the_client_is_gone_when_the_person_taps(gate: GatewayProcess, phones: Phones) -> None:
    client = ForeignClient(gate.url, client_id="b1")
    asked = client.ask("asked_write", key="b1")
    message = phones.message()
    client.drop()
    assert tap(gate, message, YES)[1]["status"] == "approved"
    phones.reads("The tool has run.")
    with ForeignClient(gate.url, client_id="b1", first_id=50) as again:
        assert again.outcome_of(asked)["data"] == "wrote b1"
    assert gate.starts()["asked_write", "b1"] == 1


@pytest.mark.torture("B2")
@pytest.mark.parametrize("step", ["asked", "approved", "running", "done"])
def test_the_gateway_is_killed_at_each_step_and_the_phone_comes_to_the_truth(
    tmp_path: Path, phones: Phones, step: str
) -> None:
    gate = process(tmp_path, phones)
    gate.start(step, 1)
    try:
        client = ForeignClient(gate.url, client_id="b2")
        asked = client.ask("asked_write", key="b2")
        message = phones.message() if step != "asked" else None
        if message is not None:
            with suppress(OSError, HTTPException):  # it may die before it has answered
                tap(gate, message, YES)
        gate.wait()
        client.close()
        gate.start()
        if message is None:
            tap(gate, phones.message(), YES)
        with ForeignClient(gate.url, client_id="b2", first_id=50) as again:
            status = again.outcome_of(asked)["status"]
        phones.reads({"executed": "The tool has run.", "unknown": "NOBODY KNOWS"}[status])
        phones.reads("By owner (ntfy)")
        until(lambda: not phones.asking(), "no button")
        starts = gate.starts()["asked_write", "b2"]
        assert starts == 1 or (status, starts) == ("unknown", 0)
    finally:
        gate.kill()


@pytest.mark.torture("B2")
def test_a_button_from_before_a_kill_works_after_it(gate: GatewayProcess, phones: Phones) -> None:
    client = ForeignClient(gate.url, client_id="b2")
    asked = client.ask("asked_write", key="b2")
    message = phones.message()
    gate.restart()
    client.close()
    until(lambda: tap(gate, message, YES)[0] == 200, "the ticket to count again")
    with ForeignClient(gate.url, client_id="b2", first_id=50) as again:
        assert again.outcome_of(asked)["data"] == "wrote b2"
    assert gate.starts()["asked_write", "b2"] == 1


@pytest.mark.torture("B4")
def test_many_taps_at_once_are_one_start(gate: GatewayProcess, phones: Phones) -> None:
    with ForeignClient(gate.url, client_id="b4") as client:
        client.ask("asked_write", key="b4")
        told: list[int] = []
        message, other = phones.message(), phones.message(topic=BOB)
        threads = [
            threading.Thread(target=lambda m=each: told.append(tap(gate, m, YES)[0]))  # type: ignore[misc]
            for each in (message, message, message, other, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.receive()["result"]["data"] == "wrote b4"
    assert min(told) == 200
    assert set(told) <= {200, 403, 409}  # a ticket that is used, while that is being written: 403
    assert sorted(told).count(200) == 1
    assert gate.starts()["asked_write", "b4"] == 1


@pytest.mark.torture("B5")
def test_yes_of_one_and_no_of_another_have_one_winner_and_both_phones_say_so(
    gate: GatewayProcess, phones: Phones
) -> None:
    with ForeignClient(gate.url, client_id="b5") as client:
        client.ask("asked_write", key="b5")
        anns, bobs = phones.message(), phones.message(topic=BOB)
        first, second = tap(gate, anns, NO), tap(gate, bobs, YES)
        assert first[1]["status"] == "denied"
        assert second[0] == 409
        assert second[1]["error"].startswith("Already denied by owner (ntfy)")
        for topic in (ANN, BOB):
            phones.reads("By owner (ntfy)", topic)
        assert client.receive()["error"]["code"] == -32001
    assert gate.starts()["asked_write", "b5"] == 0


@pytest.mark.torture("B6")
def test_a_stale_ticket_runs_nothing_and_says_what_happened(tmp_path: Path, phones: Phones) -> None:
    with (
        process(tmp_path, phones, approval_timeout=1.0) as gate,
        ForeignClient(gate.url) as client,
    ):
        client.ask("asked_write", key="b6")
        message = phones.message()
        assert client.receive()["error"]["code"] == -32002
        phones.reads("Expired")
        status, told = tap(gate, message, YES)
        assert (status, told["error"][:15]) == (409, "Already expired")
        assert gate.starts()["asked_write", "b6"] == 0


@pytest.mark.torture("B7")
@pytest.mark.parametrize("faults", [(Lose(), Lose()), (Drop(), Drop()), (Twice(),)])
def test_a_server_that_fails_holds_nobody_up_and_its_person_can_answer(
    gate: GatewayProcess, phones: Phones, faults: tuple[Fault, ...]
) -> None:
    phones.do(phones.ntfy.fail_next, *faults)
    with (
        ForeignClient(gate.url, client_id="many") as client,
        ForeignClient(gate.url, client_id="other") as other,
    ):
        client.ask("asked_write", key="b7")
        assert other.tool("get_state", entity_id="a.b")["result"]["status"] == "executed"
        assert tap(gate, phones.message(), YES)[0] == 200
        assert client.receive()["result"]["data"] == "wrote b7"
    assert gate.starts()["asked_write", "b7"] == 1


@pytest.mark.torture("B8")
def test_what_policy_denies_reaches_no_phone(gate: GatewayProcess, phones: Phones) -> None:
    with ForeignClient(gate.url) as client:
        assert "error" in client.tool("forbidden", key="x")
    assert phones.do(phones.ntfy.shown, ANN) == []
    assert not gate.starts()
