"""The Inbox: a person answers, and the agent hears it."""

from __future__ import annotations

import json

from playwright.sync_api import Browser, WebSocketRoute, expect
from tests.console.hands import asked, card, expect_nothing_waits, look, press
from tests.console.house import OPERATOR_TOKEN, OWNER_TOKEN, SECOND_TOKEN, House
from tests.console.watched import Watched


def test_a_yes_by_click_runs_the_exact_call_that_was_shown(house: House, eyes: Watched) -> None:
    asked(house, "turn_on", entity="light.hall", brightness=33, why="It is dark.")
    page = eyes.open(token=OWNER_TOKEN)
    shown = look(page)
    for text in ("turn_on", "light.hall", "33", "It is dark.", "Everything else is asked", "left"):
        expect(shown.get_by_text(text, exact=False).first).to_be_visible()
    press(page, "Approve")
    assert house.agents[-1].wait() == ["light.hall is on"]
    expect_nothing_waits(page)
    assert house.starts()["turn_on", "light.hall"] == 1


def test_a_no_with_a_word_reaches_the_agent_with_the_word(house: House, eyes: Watched) -> None:
    asked(house, "write_note", text="Sell the house")
    page = eyes.open(token=OWNER_TOKEN)
    press(page, "A word …")
    page.get_by_label("A word to the agent").fill("Not while I live here.")
    press(page, "Deny")
    (answer,) = house.agents[-1].wait()
    assert "Not while I live here." in str(answer.data)
    assert house.starts()["write_note", "Sell the house"] == 0


def test_an_edit_is_shown_before_it_runs_and_runs_as_shown(house: House, eyes: Watched) -> None:
    asked(house, "turn_on", entity="light.bedroom", brightness=100)
    page = eyes.open(token=OWNER_TOKEN)
    press(page, "Edit …")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("brightness JSON").fill("15")
    expect(dialog.get_by_text("15", exact=False).first).to_be_visible()
    dialog.get_by_role("button", name="Approve this instead").click()
    house.agents[-1].wait()
    journal = [json.loads(line) for line in house.journal_path.read_text().splitlines()]
    assert {"entity": "light.bedroom", "brightness": 15} in [row["args"] for row in journal]


def test_what_was_edited_for_one_is_no_answer_to_another(house: House, eyes: Watched) -> None:
    asked(house, "turn_on", entity="light.bedroom", brightness=100)
    asked(house, "turn_on", entity="light.kitchen", brightness=90)
    first, second = sorted(house.approvals(), key=lambda view: view["created_at"])
    page = eyes.open(f"inbox/{first['id']}", OWNER_TOKEN)
    press(page, "Edit …")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("brightness JSON").fill("15")
    page.evaluate("id => { location.hash = `#/inbox/${id}`; }", second["id"])
    expect(page.locator("approval-card").get_by_text("light.kitchen").first).to_be_attached()
    dialog.get_by_role("button", name="Approve this instead").click()
    expect(page.get_by_text("nothing was answered").first).to_be_visible()
    assert {view["id"] for view in house.approvals()} == {first["id"], second["id"]}


def test_a_grant_is_given_after_a_look_at_what_it_would_have_covered(
    house: House, eyes: Watched
) -> None:
    asked(house, "turn_on", entity="light.porch", brightness=10)
    house.decide(house.approvals()[0]["id"], "approve")
    house.agents[-1].wait()
    asked(house, "turn_on", entity="light.porch", brightness=20)
    page = eyes.open(token=OWNER_TOKEN)
    press(page, "Approve for …")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("brightness").check()
    expect(dialog.get_by_text("that people approved")).to_be_visible()
    expect(dialog.get_by_role("list", name="Calls that it would have covered")).to_contain_text(
        "light.porch"
    )
    dialog.get_by_role("button", name="give the grant").click()
    agent = house.agents[-1]
    assert agent.wait() == ["light.porch is on"]
    assert agent.client.call("turn_on", {"entity": "light.porch", "brightness": 99})
    page.get_by_role("link", name="Grants").first.click()
    expect(page.get_by_role("main")).to_contain_text("light.porch")
    assert not house.approvals()


def test_the_card_says_what_changed_since_the_last_yes(house: House, eyes: Watched) -> None:
    asked(house, "turn_on", entity="light.stairs", brightness=40)
    house.decide(house.approvals()[0]["id"], "approve")
    house.agents[-1].wait()
    asked(house, "turn_on", entity="light.stairs", brightness=80)
    page = eyes.open(token=OWNER_TOKEN)
    since = card(page)
    expect(since.get_by_text("Since the last approved call")).to_be_visible()
    expect(since.get_by_role("listitem").filter(has_text="brightness").first).to_contain_text("80")


def test_who_was_slower_is_told_who_was_faster(house: House, eyes: Watched) -> None:
    row = asked(house)
    page = eyes.open(f"inbox/{row['id']}", OWNER_TOKEN)
    look(page)
    house.decide(row["id"], "deny", token=SECOND_TOKEN)
    expect(card(page).get_by_text("denied by second").first).to_be_visible()
    expect(card(page).get_by_role("button", name="Approve")).to_have_count(0)


def test_a_click_that_comes_too_late_is_told_the_truth(house: House, eyes: Watched) -> None:
    """Between the other's answer and the news of it: the gateway, not the page, knows."""
    row = asked(house)

    def keep_news_back(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: None if '"method"' in str(text) else socket.send(text))
        socket.on_message(server.send)

    eyes.log_in(OWNER_TOKEN)
    page = eyes.context.new_page()
    page.route_web_socket("**", keep_news_back)
    page.goto("/console/#/inbox")
    look(page)
    house.decide(row["id"], "deny", token=SECOND_TOKEN)
    press(page, "Approve")
    expect(page.get_by_text("Somebody was faster: denied by second").first).to_be_visible()
    assert house.starts()["turn_on", "light.kitchen"] == 0


def test_an_operator_answers_as_well(house: House, eyes: Watched) -> None:
    asked(house, "write_note", text="Feed the cat")
    page = eyes.open(token=OPERATOR_TOKEN)
    press(page, "Approve")
    assert house.agents[-1].wait() == ["it hangs there"]


def test_what_comes_while_one_reads_is_announced_and_takes_no_focus(
    house: House, eyes: Watched
) -> None:
    asked(house, "write_note", text="one")
    page = eyes.open(token=OWNER_TOKEN)
    deny = look(page).get_by_role("button", name="Deny")
    deny.focus()
    house.agent().ask("write_note", text="two")
    house.wait_for_approvals(2)
    expect(page.get_by_role("list", name="Waiting").get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_role("status").filter(has_text="write_note").first).to_be_attached()
    expect(deny).to_be_focused()


def test_on_a_phone_the_list_leads_to_the_card_and_the_card_back(
    house: House, browser: Browser
) -> None:
    phone = Watched(browser, house, viewport={"width": 360, "height": 740}, has_touch=True)
    row = asked(house, "write_note", text="for a phone")
    page = phone.open(token=OWNER_TOKEN)
    page.get_by_role("list", name="Waiting").get_by_role("link").tap()
    look(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    page.get_by_role("main").get_by_role("link", name="Inbox").tap()
    expect(page.get_by_role("list", name="Waiting")).to_be_visible()
    phone.close()
    house.decide(row["id"], "deny")


def test_an_address_of_what_was_settled_before_says_so(house: House, eyes: Watched) -> None:
    row = asked(house, "write_note", text="long ago")
    house.decide(row["id"], "deny", token=SECOND_TOKEN)
    page = eyes.open(f"inbox/{row['id']}", OWNER_TOKEN)
    expect(page.get_by_text("does not wait any more")).to_be_visible()
    page.close()
    page = eyes.open(f"inbox/{row['id']}", OPERATOR_TOKEN)
    expect(card(page).get_by_text("denied by second").first).to_be_visible()


def test_a_number_that_a_page_cannot_hold_is_not_passed_off_as_the_exact_one(
    house: House, eyes: Watched
) -> None:
    number = 2**53 + 1
    asked(house, "turn_on", entity="light.hall", brightness=number)
    page = eyes.open(token=OWNER_TOKEN)
    shown = look(page)
    expect(shown.get_by_text("rounded by this page")).to_be_visible()
    expect(shown.get_by_text(str(number), exact=False).first).to_be_visible()
