"""A yes that takes more than a click: a code, several people, and time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import expect
from tests.console.hands import asked, card, look, press
from tests.console.house import OWNER_TOKEN, PEOPLE, SECOND_TOKEN, House
from tests.console.watched import Watched

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
POLICY = {
    "defaults": [{"pattern": "*", "action": "ask"}],
    "rules": [
        {"pattern": "unlock_door*", "action": "ask", "approval": {"code": True}},
        {"pattern": "write_note*", "action": "ask", "approval": {"approvers": 2}},
    ],
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    owner, *others = PEOPLE
    people = {"principals": [{**owner, "totp": SECRET}, *others]}
    with House(Path(tmp_path_factory.mktemp("house")), people, POLICY) as house:
        yield house
        house.end_agents()


def test_a_yes_that_needs_a_code_asks_for_it_and_a_wrong_one_is_told(
    house: House, eyes: Watched
) -> None:
    asked(house, "unlock_door", door="front")
    page = eyes.open(token=OWNER_TOKEN)
    press(page, "Approve")
    code = page.get_by_label("Your one-time code")
    expect(code).to_be_focused()
    code.fill("000 000")
    press(page, "Approve")
    expect(card(page).locator(".note.bad")).to_contain_text("code")
    expect(card(page).get_by_role("button", name="Approve for …")).to_be_disabled()
    code.fill(pyotp.TOTP(SECRET).now())
    press(page, "Approve")
    assert house.agents[-1].wait() == ["front is open"]


def test_where_two_must_say_yes_the_card_says_who_has(house: House, eyes: Watched) -> None:
    row = asked(house, "write_note", text="Paint the door")
    page = eyes.open(token=OWNER_TOKEN)
    expect(look(page)).to_contain_text("2 must say yes, nobody has yet")
    press(page, "Approve")
    expect(card(page)).to_contain_text("2 must say yes; owner has")
    press(page, "Approve")
    expect(page.get_by_text("You have said yes already.").first).to_be_visible()
    house.decide(row["id"], "approve", token=SECOND_TOKEN)
    assert house.agents[-1].wait() == ["it hangs there"]
    expect(card(page)).to_contain_text("it ran")


def test_what_nobody_answered_in_time_is_said_aloud_and_can_be_answered_no_more(
    house: House, eyes: Watched
) -> None:
    asked(house, "turn_on", entity="light.hall")
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    page.evaluate(
        """() => {
          const { gateway } = document.querySelector("console-app");
          const [view] = gateway.waiting.values();
          gateway.settle({ ...view, status: "expired" });
        }"""
    )
    expect(page.get_by_role("alert").filter(has_text="Nobody answered in time")).to_be_attached()
    expect(card(page)).to_contain_text("nobody answered in time")
    expect(card(page).get_by_role("button", name="Approve")).to_have_count(0)
