"""By keyboard alone: nobody needs a mouse, and no key answers what it wasn't meant for."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from tests.console.hands import asked, card, expect_nothing_waits, look
from tests.console.house import OPERATOR_TOKEN, OWNER_TOKEN, House
from tests.console.watched import Watched

FOCUSED = """() => {
  const it = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(it);
  const isOutlined = outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  return [it.innerText.trim(), isOutlined || boxShadow !== "none"];
}"""


def test_j_and_k_choose_and_a_and_d_answer(house: House, eyes: Watched) -> None:
    agent = house.agent()
    for count, text in enumerate(("first", "second"), 1):
        agent.ask("write_note", text=text)
        house.wait_for_approvals(count)
    page = eyes.open(token=OWNER_TOKEN)
    expect(card(page)).to_contain_text("first")
    page.keyboard.press("j")
    expect(card(page)).to_contain_text("second")
    page.keyboard.press("k")
    expect(card(page)).to_contain_text("first")
    look(page)
    page.keyboard.press("d")
    expect(card(page)).to_contain_text("second")
    look(page)
    page.keyboard.press("a")
    expect_nothing_waits(page)
    agent.wait()
    assert house.starts()["write_note", "second"] == 1
    assert house.starts()["write_note", "first"] == 0


def test_e_edits_and_escape_lets_be(house: House, eyes: Watched) -> None:
    asked(house)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog", name="Edit, then approve")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("a")  # within a dialog it is a letter, and no answer
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(house.approvals()) == 1


def test_a_letter_in_a_field_answers_nothing(house: House, eyes: Watched) -> None:
    asked(house)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    page.keyboard.press("w")
    field = page.get_by_label("A word to the agent")
    expect(field).to_be_focused()
    page.keyboard.type("add a lamp")
    expect(field).to_have_value("add a lamp")
    assert len(house.approvals()) == 1


def test_a_key_before_one_can_have_read_what_came_answers_nothing(
    house: House, eyes: Watched
) -> None:
    page = eyes.open(token=OWNER_TOKEN)
    expect_nothing_waits(page)
    page.evaluate(
        """new MutationObserver((changes, observer) => {
          if (!document.querySelector("approval-card button")) return;
          observer.disconnect();
          dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true, composed: true}));
          document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true}));
        }).observe(document.body, {childList: true, subtree: true})"""
    )
    asked(house)
    look(page)
    assert len(house.approvals()) == 1


def test_the_question_mark_lists_the_keys(eyes: Watched, house: House) -> None:
    asked(house)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog")
    for label in ("Approve", "Deny", "Edit, then approve", "Go to Live"):
        expect(keys.get_by_text(label, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_tab_reaches_every_page_and_shows_where_it_is(eyes: Watched) -> None:
    page = eyes.open(token=OPERATOR_TOKEN)
    reached = tabbed(page, 16)
    assert reached[0] == "Skip to the page"
    for title in ("Inbox", "Live", "Audit", "Health", "Log out"):
        assert title in reached


def tabbed(page: Page, times: int) -> list[str]:
    """Press Tab so often; return the names of what had the focus, each of which must show it."""
    names = []
    for _ in range(times):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(FOCUSED)
        assert outline, f"the focus on {name!r} can't be seen"
        names.append(name)
    return names


def test_letters_can_be_switched_off_for_who_talks_to_the_machine(
    house: House, eyes: Watched
) -> None:
    row = asked(house, "write_note", text="said aloud")
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    page.keyboard.press("?")
    page.get_by_label("Use these keys").uncheck()
    page.keyboard.press("Escape")
    look(page)
    page.keyboard.press("a")
    page.keyboard.press("w")
    expect(page.get_by_label("A word to the agent")).to_have_count(0)
    assert [waiting["id"] for waiting in house.approvals()] == [row["id"]]
    page.keyboard.press("?")
    page.get_by_label("Use these keys").check()
    page.keyboard.press("Escape")
    look(page)
    page.keyboard.press("d")
    house.agents[-1].wait()
