"""Who comes in, and how."""

from __future__ import annotations

from playwright.sync_api import expect
from tests.console.house import OWNER_TOKEN, House
from tests.console.watched import Watched


def test_a_person_logs_in_by_token_and_sees_that_nothing_waits(house: House, eyes: Watched) -> None:
    page = eyes.context.new_page()
    page.goto("/console/")
    page.get_by_label("Your token").fill(OWNER_TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    expect(page.get_by_role("navigation", name="Pages").get_by_text("owner")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert OWNER_TOKEN not in page.evaluate("JSON.stringify({...localStorage})")
