"""The gateway goes, and comes again: the page says so, and is true again soon."""

from __future__ import annotations

from playwright.sync_api import expect
from tests.console.hands import asked, card, look, press
from tests.console.house import OWNER_TOKEN, House
from tests.console.watched import Watched

SOON_MS = 2_000
GONE = r"Failed to load resource|WebSocket connection|net::ERR|status of 502"


def test_after_a_restart_the_page_is_true_again_with_nothing_lost_or_doubled(
    house: House, eyes: Watched
) -> None:
    eyes.allowed.append(GONE)
    kept = asked(house, "write_note", text="kept")
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    house.kill()
    expect(page.get_by_text("No connection to the gateway")).to_be_visible(timeout=SOON_MS)
    house.start()
    expect(page.get_by_text("No connection to the gateway")).to_be_hidden(timeout=SOON_MS)
    rows = page.get_by_role("list", name="Waiting").get_by_role("listitem")
    expect(rows).to_have_count(1)
    agent = house.agent()
    agent.ask("write_note", text="new")
    house.wait_for_approvals(2)
    expect(rows).to_have_count(2)
    assert house.approvals()[0]["id"] == kept["id"]
    press(page, "Approve")
    expect(rows).to_have_count(1)
    expect(card(page)).to_contain_text("new")


def test_what_was_answered_while_the_page_was_away_is_not_offered_again(
    house: House, eyes: Watched
) -> None:
    eyes.allowed.append(GONE)
    row = asked(house)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    eyes.context.set_offline(True)
    house.restart()
    house.decide(row["id"], "deny")
    eyes.context.set_offline(False)
    expect(card(page).get_by_role("button", name="Approve", exact=True)).to_have_count(0)
