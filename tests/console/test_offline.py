"""The console on a device: it can be installed, opens without the gateway, and shows what is
pushed to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.console.hands import SLOW_MS, asked
from tests.console.house import OWNER_TOKEN, House
from tests.console.icons import PINNED, hashes
from tests.console.watched import Watched

GONE = r"Failed to load resource|WebSocket connection|net::ERR|status of 502"
POLLS_MAX = 1_000
KEPT = """async (name) => {
  const cache = await caches.open("agentgate-shell");
  return (await cache.keys()).some((request) => request.url.endsWith(name));
}"""


@pytest.fixture
def device(browser: Browser, house: House) -> Iterator[Watched]:
    """A browser that may have workers and notifications."""
    watched = Watched(browser, house, service_workers="allow", permissions=["notifications"])
    yield watched
    watched.close()
    house.end_agents()


def installed(device: Watched, *names: str) -> Page:
    """Open the console and wait until its worker has kept these files."""
    page = device.open(token=OWNER_TOKEN)
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    for name in names:
        page.wait_for_function(KEPT, arg=name)
    return page


def test_the_icons_are_drawn_from_the_icon() -> None:
    assert json.loads(PINNED.read_text()) == hashes()


def test_it_can_be_installed(device: Watched) -> None:
    page = installed(device)
    tools = device.context.new_cdp_session(page)
    manifest = tools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["name"] == "agentgate"
    found = tools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [each["errorId"] for each in found if each["errorId"] != "in-incognito"] == []


def test_without_the_gateway_the_shell_opens_and_says_so(device: Watched, house: House) -> None:
    device.allowed.append(GONE)
    page = installed(device, "/console/", "app.js", "pages/inbox.js", "vendor/lit.js")
    house.kill()
    try:
        page.reload()
        expect(page.get_by_text("No connection to the gateway")).to_be_visible()
    finally:
        house.start()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


def pushed(device: Watched, page: Page, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Deliver a message as a push service would, and return the notifications that are there."""
    tools = device.context.new_cdp_session(page)
    known: list[dict[str, Any]] = []

    def updated(event: dict[str, Any]) -> None:
        known.extend(event["registrations"])

    tools.on("ServiceWorker.workerRegistrationUpdated", updated)
    tools.send("ServiceWorker.enable")
    for _ in range(POLLS_MAX):
        if known:
            break
        page.wait_for_timeout(10)  # what the browser tells is heard while something is waited for
    registration = known[-1]["registrationId"]
    tools.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": device.house.origin,
            "registrationId": registration,
            "data": json.dumps(message),
        },
    )
    shown = """async (tag) => {
      const {ready} = navigator.serviceWorker;
      const found = await (await ready).getNotifications();
      return found.filter((each) => each.tag === tag)
        .map(({title, body, tag, data}) => ({title, body, tag, data}));
    }"""
    is_there = f"""async ([tag, title]) =>
      (await ({shown})(tag)).some((each) => each.title === title)"""
    page.wait_for_function(is_there, arg=[message["tag"], message["title"]])
    found: list[dict[str, Any]] = page.evaluate(shown, message["tag"])
    return found


def test_what_is_pushed_is_shown_and_a_later_one_takes_its_place(
    device: Watched, house: House
) -> None:
    row = asked(house)
    page = installed(device)
    message = {"title": "bot asks", "text": "turn_on", "tag": row["id"], "id": row["id"]}
    (first,) = pushed(device, page, message)
    assert (first["title"], first["body"]) == ("bot asks", "turn_on")
    assert first["data"] == {"id": row["id"]}
    house.decide(row["id"], "deny")
    (later,) = pushed(device, page, {**message, "title": "Denied", "silent": True})
    assert later["title"] == "Denied"


def test_what_push_needs_is_said_where_it_is_switched_on(device: Watched) -> None:
    device.allowed.append("Push API in incognito mode")
    page = device.open("agents/device", token=OWNER_TOKEN)
    button = page.get_by_role("button", name="Tell this device")
    expect(button).to_be_enabled()
    button.click()
    # No browser in a private window has push: that it says, and may be tried again
    expect(page.locator(".toast.bad")).to_be_visible(timeout=SLOW_MS)
    expect(button).to_be_enabled()
