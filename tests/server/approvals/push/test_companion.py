"""A person answers in Home Assistant's app: what the phone shows, what a tap does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pyotp
import pytest
from tests.server.approvals.push.harness import (
    PEOPLE,
    POLICY,
    ask,
    asked_by,
    asker,
    channel_of,
    decide_elsewhere,
    ntfy_server,
    quiet,
    reads,
    tap,
)
from tests.server.approvals.telegram.harness import FastClock
from tests.server.embedded import BOUND_S, asked, config, echo, http, until

from agentgate_cli.standins.companion import EVENT, Phone, Shown
from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_proto.connection.events import Answered
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

TOKEN = "long-lived-token-0123456789"
PIXEL = "mobile_app_pixel"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE = """
rules:
  - {pattern: "*", action: ask, approval: {code: true}}
"""


@asynccontextmanager
async def house() -> AsyncIterator[HomeAssistant]:
    """A house with one phone."""
    with anyio.fail_after(BOUND_S):
        async with HomeAssistant(token=TOKEN) as home:
            home.phones.add(PIXEL)
            yield home


@asynccontextmanager
async def gateway_on(
    home: HomeAssistant, folder: Path, policy: str = POLICY, **changes: Any
) -> AsyncIterator[Gateway]:
    """A gateway that asks on its phones."""
    companion = {"people": [{"service": f"notify.{PIXEL}", "name": "owner"}]}
    messenger = {"companion": companion, "asks_per_minute": 60, **changes.pop("messenger", {})}
    services = {"homeassistant": {"url": home.url, "token": TOKEN}}
    gateway = Gateway(
        config(folder, messenger=messenger, services=services, **changes),
        tools=[echo, asked],
        policy=Policy.parse(policy),
    )
    gateway.clock = FastClock()
    async with gateway:
        yield gateway


def pixel(home: HomeAssistant) -> Phone:
    return home.phones.phones[PIXEL]


async def asked_on(home: HomeAssistant) -> Shown:
    """The only notification with buttons."""
    (found,) = await until(lambda: pixel(home).asking, "a notification with buttons")
    return found  # type: ignore[no-any-return]


async def test_an_approval_is_asked_and_a_tap_with_an_unlocked_phone_approves(
    tmp_path: Path,
) -> None:
    async with house() as home, gateway_on(home, tmp_path) as gateway:
        async with asker(gateway) as client:
            await ask(client, text="hello")
            shown = await asked_on(home)
            assert shown.title == "agent asks"
            assert 'asked(hello)\n• text: "hello"' in shown.message
            assert shown.labels[:2] == ["Approve", "Deny"]
            assert shown.action("Approve")["authenticationRequired"] is True
            assert shown.data["visibility"] == "private"
            await home.phones.tap(PIXEL, shown, "Approve")
            assert (await client.next(Answered)).error is None
        await until(lambda: not pixel(home).shown, "nothing on the phone")
        assert len(pixel(home).rung) == 1


async def test_a_word_with_a_no_reaches_the_agent(tmp_path: Path) -> None:
    async with (
        house() as home,
        gateway_on(home, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        shown = await asked_on(home)
        assert len(shown.labels) == 3, "Android shows no more"
        await home.phones.tap(PIXEL, shown, "Deny with a word", "ask me tonight")
        error = (await client.next(Answered)).error
        assert error.code == -32001
        assert "ask me tonight" in str(error)


async def test_what_is_decided_elsewhere_is_taken_away(tmp_path: Path) -> None:
    async with (
        house() as home,
        gateway_on(home, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        shown = await asked_on(home)
        await decide_elsewhere(gateway, "deny")
        await until(lambda: not pixel(home).shown, "nothing on the phone")
        await home.phones.tap(PIXEL, shown, "Approve")
        (told,) = await until(lambda: list(pixel(home).shown.values()), "the truth")
        assert told.message.startswith("Already denied by owner (http)")


async def test_a_code_is_typed_on_the_phone_and_a_wrong_one_asks_again(tmp_path: Path) -> None:
    owner = {"name": "ann", "role": "approver", "token": "a" * 20, "totp": SECRET}
    people = [{"service": PIXEL, "name": "ann"}]
    async with (
        house() as home,
        gateway_on(
            home,
            tmp_path,
            CODE,
            principals=[owner],
            messenger={"companion": {"people": people}},
        ) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        shown = await asked_on(home)
        assert shown.labels[:2] == ["Approve with a code", "Deny"]
        await home.phones.tap(PIXEL, shown, "Approve with a code", "000000")
        again = await asked_on(home)
        assert any("code is wrong" in each.message for each in pixel(home).received)
        code = pyotp.TOTP(SECRET).now()
        await home.phones.tap(PIXEL, again, "Approve with a code", code)
        assert (await client.next(Answered)).error is None


@pytest.mark.parametrize(
    "data",
    [
        {"action": "AGENTGATE_made-up"},
        {"action": "SOMETHING_ELSE"},
        {"action": 5},
        {},
        {"action": "AGENTGATE_", "reply_text": None},
    ],
)
async def test_an_event_that_somebody_made_up_decides_nothing(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    async with (
        house() as home,
        gateway_on(home, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        shown = await asked_on(home)
        await home.sockets.tell_event(EVENT, data)
        await home.phones.tap(PIXEL, shown, "Deny")
        assert (await client.next(Answered)).error.code == -32001


async def test_its_tickets_are_good_in_the_house_alone(tmp_path: Path) -> None:
    async with (
        house() as home,
        gateway_on(home, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        ticket = (await asked_on(home)).action("Approve")["action"].removeprefix("AGENTGATE_")
        status, _, _ = await http(gateway, "POST", "/api/answers", body={"ticket": ticket})
        assert status == 404
        assert gateway.gate.desk.waiting()


async def test_a_house_that_is_away_is_said_and_all_is_asked_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with (
        house() as home,
        gateway_on(home, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        assert channel_of(gateway).problem == ""
        await home.sockets.cut()
        await until(lambda: channel_of(gateway).problem, "a problem")
        await ask(client)
        shown = await asked_on(home)
        await until(lambda: not channel_of(gateway).problem, "no problem")
        await home.phones.tap(PIXEL, shown, "Deny")
        assert (await client.next(Answered)).error.code == -32001


async def test_a_phone_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with (
        house() as home,
        gateway_on(home, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        phones, home.phones.phones = home.phones.phones, {}
        await ask(client)
        await until(lambda: "does not notify" in channel_of(gateway).problem, "a problem")
        home.phones.phones = phones
        await asked_on(home)


async def test_a_restart_asks_nothing_twice_and_its_buttons_work(tmp_path: Path) -> None:
    async with house() as home:
        async with gateway_on(home, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            shown = await asked_on(home)
            await quiet(gateway)
        async with gateway_on(home, tmp_path) as gateway:
            await channel_of(gateway).outbox.delivery.remembered.wait()
            await until(lambda: channel_of(gateway).problem == "", "the link")
            await home.phones.tap(PIXEL, shown, "Deny")
            await until(lambda: not gateway.gate.desk.waiting(), "the denial")
        assert len(pixel(home).rung) == 1


async def test_of_two_channels_the_first_answer_counts_and_the_other_says_so(
    tmp_path: Path,
) -> None:
    async with house() as home, ntfy_server() as ntfy:
        form = {"url": ntfy.url, "people": list(PEOPLE[:1])}
        async with (
            gateway_on(
                home,
                tmp_path,
                messenger={"ntfy": form},
                gateway={"public_url": "https://gate.example"},
            ) as gateway,
            asker(gateway) as client,
        ):
            await ask(client, 1)
            message, shown = await asked_by(ntfy), await asked_on(home)
            await home.phones.tap(PIXEL, shown, "Deny")
            assert (await client.next(Answered)).error.code == -32001
            assert (await reads(ntfy, "Denied", "By owner (companion)")).actions == ()
            code, told = await tap(gateway, message, "Approve")
            assert (code, told["approval"]["status"]) == (409, "denied")
            await ask(client, 2, text="again")
            message, shown = await asked_by(ntfy), await asked_on(home)
            assert (await tap(gateway, message, "Approve"))[0] == 200
            assert (await client.next(Answered)).error is None
            await until(lambda: not pixel(home).asking, "nothing to answer on the phone")
            assert set(await health_of(gateway)) >= {"ntfy", "companion"}


async def health_of(gateway: Gateway) -> dict[str, Any]:
    _, _, health = await http(gateway, "GET", "/health")
    return dict(health)
