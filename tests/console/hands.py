"""What a person does at the Inbox, in steps that several tests take."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect
from tests.console.house import House

SLOW_MS = 20_000
"""However busy the machine is."""

STILL = """() => {
  const card = document.querySelector("approval-card");
  return Boolean(card) && performance.now() > card.stillUntil;
}"""
"""A card that has only just come takes no answer: the click may be meant for the one before."""


def card(page: Page) -> Locator:
    """Return the open approval."""
    return page.get_by_role("region", name="The approval")


def look(page: Page) -> Locator:
    """Wait until the open approval takes an answer, and return it."""
    expect(card(page).get_by_role("button", name="Deny")).to_be_visible(timeout=SLOW_MS)
    page.wait_for_function(STILL)
    return card(page)


def press(page: Page, name: str) -> None:
    """Press a button of the open approval, once it takes an answer."""
    look(page).get_by_role("button", name=name, exact=True).click()


def expect_nothing_waits(page: Page) -> None:
    """Wait until the page says that nothing waits."""
    expect(page.get_by_role("main").get_by_text("Nothing waits").first).to_be_visible()


def asked(house: House, tool: str = "turn_on", **args: Any) -> dict[str, Any]:
    """Let a fresh agent ask for something; return the approval, as the gateway lists it."""
    args = args or {"entity": "light.kitchen", "brightness": 40}
    house.agent().ask(tool, **args)
    (row,) = house.wait_for_approvals()
    return row
