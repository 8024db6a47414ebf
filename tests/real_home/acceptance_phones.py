"""A person answers in the companion app of a real Home Assistant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.real_home.furnished import BOUND_S, TOKEN, URL, linked, say
from tests.real_home.phone import Phone, phone_of
from tests.server.approvals.push.harness import POLICY, ask, asker, decide_elsewhere
from tests.server.approvals.telegram.harness import FastClock
from tests.server.embedded import asked, config, echo, until

from agentgate_cli.doctor.companion import phones_of
from agentgate_cli.standins.companion import EVENT
from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_proto.connection.events import Answered
from agentgate_server.errors import ToolFailed
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.tools.home_assistant.backend import HomeAssistant

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def gateway_for(phone: Phone, folder: Path) -> AsyncIterator[Gateway]:
    """A gateway that asks on a phone."""
    people = [{"service": phone.service, "name": "owner"}]
    gateway = Gateway(
        config(
            folder,
            messenger={"companion": {"people": people}, "asks_per_minute": 60},
            services={"homeassistant": {"url": URL, "token": TOKEN}},
        ),
        tools=[echo, asked],
        policy=Policy.parse(POLICY),
    )
    gateway.clock = FastClock()
    with anyio.fail_after(BOUND_S):
        async with gateway:
            yield gateway


async def asked_on(phone: Phone) -> dict[str, Any]:
    """The only notification with buttons."""
    (found,) = await until(lambda: phone.asking, "a notification with buttons")
    return found  # type: ignore[no-any-return]


async def test_a_tap_approves_and_the_notification_goes(tmp_path: Path) -> None:
    async with (
        phone_of("Pixel") as phone,
        gateway_for(phone, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client, text="hello")
        shown = await asked_on(phone)
        assert shown["title"] == "agent asks"
        assert 'asked(hello)\n• text: "hello"' in shown["message"]
        yes = shown["data"]["actions"][0]
        assert (yes["title"], yes["authenticationRequired"]) == ("Approve", True)
        await phone.tap(shown, "Approve")
        assert (await client.next(Answered)).error is None
        await until(lambda: not phone.asking, "nothing on the phone")
        assert phone.received[-1]["message"] == "clear_notification"


async def test_a_word_with_a_no_reaches_the_agent(tmp_path: Path) -> None:
    async with (
        phone_of("Galaxy") as phone,
        gateway_for(phone, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        shown = await asked_on(phone)
        await phone.tap(shown, "Deny with a word", "ask me tonight")
        error = (await client.next(Answered)).error
        assert error.code == -32001
        assert "ask me tonight" in str(error)


async def test_a_tap_that_is_late_hears_the_truth(tmp_path: Path) -> None:
    async with (
        phone_of("Fairphone") as phone,
        gateway_for(phone, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        shown = await asked_on(phone)
        await decide_elsewhere(gateway, "deny")
        await until(lambda: not phone.asking, "nothing on the phone")
        await phone.tap(shown, "Approve")

        def told() -> bool:
            return "Already denied by owner (http)" in phone.received[-1]["message"]

        await until(told, "the truth")


async def test_an_event_that_somebody_makes_up_approves_nothing(tmp_path: Path) -> None:
    async with (
        phone_of("Nokia") as phone,
        gateway_for(phone, tmp_path) as gateway,
        asker(gateway) as client,
        linked() as house,
    ):
        await ask(client)
        shown = await asked_on(phone)
        for action in ("AGENTGATE_guess", "approve", "", None, 5):
            data = {"action": action, "tag": shown["data"]["tag"]}
            await say(house.watching.link, "fire_event", event_type=EVENT, event_data=data)
        await phone.tap(shown, "Deny")  # events come in order: those before were nothing
        assert (await client.next(Answered)).error.code == -32001


async def test_doctor_sees_the_services_of_phones() -> None:
    async with phone_of("Oneplus") as phone, linked() as house:
        there = await phones_of(house.config)
        assert there is not None
        assert phone.service.removeprefix("notify.") in there


async def words_of(backend: HomeAssistant, service: str, data: dict[str, Any]) -> str:
    """What Home Assistant says to a call."""
    call = {"domain": "notify", "service": service, "service_data": data}
    try:
        return str(sorted(await say(backend.watching.link, "call_service", **call)))
    except ToolFailed as error:
        return str(error)


async def test_the_stand_in_refuses_what_a_real_phone_service_refuses() -> None:
    async with (
        phone_of("Moto") as phone,
        linked() as real,
        StandIn(token=TOKEN) as home,
        linked(home.url) as stand_in,
    ):
        name = phone.service.removeprefix("notify.")
        home.phones.add(name)
        for data in (
            {"title": "no message"},
            {"message": "x", "foo": 1},
            {"message": "x", "data": 5},
            {"message": "x", "title": "y", "data": {"tag": "t", "actions": []}},
        ):
            said = await words_of(real, name, data)
            assert await words_of(stand_in, name, data) == said
        gone = await words_of(real, "mobile_app_lost", {"message": "x"})
        assert await words_of(stand_in, "mobile_app_lost", {"message": "x"}) == gone


async def test_the_stand_in_tells_a_tap_as_a_real_one_does() -> None:
    async def told(backend: HomeAssistant, fire: Any) -> set[str]:
        heard: list[dict[str, Any]] = []

        def hear(event: msgspec.Raw) -> None:
            heard.append(msgspec.json.decode(event))

        link = backend.watching.link
        await link.subscribe("subscribe_events", hear, timeout_s=20, event_type=EVENT)
        await fire()
        (event,) = await until(lambda: heard, "the event")
        assert event["data"]["reply_text"] == "no"
        return set(event)

    shown = {"message": "x", "data": {"tag": "t", "actions": [NO]}}
    async with (
        phone_of("Xperia") as phone,
        linked() as real,
        StandIn(token=TOKEN) as home,
        linked(home.url) as stand_in,
    ):
        pixel = home.phones.add("mobile_app_pixel")
        pixel.notify(shown)
        (ours,) = pixel.asking

        async def tap_ours() -> None:
            await home.phones.tap("mobile_app_pixel", ours, "No", "no")

        async def tap_real() -> None:
            await phone.tap(shown, "No", "no")

        assert await told(stand_in, tap_ours) == await told(real, tap_real)


NO = {"action": "NO", "title": "No", "behavior": "textInput"}
