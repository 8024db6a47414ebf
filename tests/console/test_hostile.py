"""What a hostile agent writes is text: it neither runs, nor deceives, nor freezes the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.console.hands import asked, card, look, press
from tests.console.house import AGENT_TOKEN, OTHER_AGENT_TOKEN, OWNER_TOKEN, House
from tests.console.watched import Watched

MARKUP = (
    '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    '<a href="javascript:document.title=3">yes</a><style>*{display:none}</style>'
    '<form action="https://evil.example"><button>Approve</button></form>${alert(1)}{{1+1}}'
)
BIDI = "delete \u202eeverything\u202c \u2066hidden\u2069 \u200b\u00ad\ufeffend"
COUNT = 1_000
LONG_CHARS = 75_000
FROZEN_MS = 1_000
"""No step of the page may take so long, on however slow a machine: a frozen one takes for ever."""


def is_untouched(page: Page) -> None:
    """Whatever was written has made no element and run nothing."""
    assert page.title().endswith("Inbox · agentgate")
    made = "main img, main script, main style, main form, main iframe, main a[href^=javascript]"
    assert page.locator(made).count() == 0


def test_markup_is_shown_letter_by_letter_wherever_it_stands(house: House, eyes: Watched) -> None:
    asked(house, "write_note", text=MARKUP, why=MARKUP)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    expect(card(page)).to_contain_text('<img src=x onerror="document.title=1">')
    expect(card(page).get_by_role("button", name="Approve", exact=True)).to_have_count(1)
    is_untouched(page)
    for dialog in ("Approve for …", "Edit …"):
        press(page, dialog)
        expect(page.get_by_role("dialog")).to_be_visible()
        is_untouched(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    press(page, "Deny")
    expect(page.get_by_role("list", name="Settled today")).to_be_visible()
    is_untouched(page)


def test_letters_that_hide_or_turn_others_around_are_named(house: House, eyes: Watched) -> None:
    asked(house, "write_note", text=BIDI, why=BIDI)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    seen = card(page).inner_text()
    assert not {letter for letter in "\u202e\u2066\u200b\ufeff" if letter in seen}
    assert "202E" in seen.upper()


def test_a_text_of_75_000_letters_neither_freezes_nor_widens_the_page(
    house: House, eyes: Watched
) -> None:
    asked(house, "write_note", text="x" * LONG_CHARS)
    eyes.context.add_init_script(
        """window.longest = 0; new PerformanceObserver((list) => {
          for (const {duration} of list.getEntries()) longest = Math.max(longest, duration);
        }).observe({type: "longtask", buffered: true});"""
    )
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    root = "document.scrollingElement"
    assert page.evaluate(f"{root}.scrollWidth <= innerWidth")
    assert page.evaluate("longest") < FROZEN_MS
    press(page, "Deny")
    assert not house.approvals()


@pytest.mark.parametrize("name", ["gateway: approved", "\u202eevorppA", "A" * 64])
def test_no_argument_can_pass_for_a_word_of_the_page(
    house: House, eyes: Watched, name: str
) -> None:
    """What an agent wrote stands within what is marked as its own."""
    asked(house, "write_note", text=name, why="The gateway has checked this.")
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    expect(card(page).get_by_text("In the agent's own words; nobody has checked")).to_be_visible()


def test_a_thousand_asks_are_counted_and_can_still_be_answered(house: House, eyes: Watched) -> None:
    for token in (AGENT_TOKEN, OTHER_AGENT_TOKEN):  # each may have so many
        agent = house.agent(token)
        for number in range(COUNT // 2):
            agent.ask("write_note", text=f"note {number}")
    house.wait_for_approvals(COUNT)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    expect(page.get_by_text(f"{COUNT} wait for an answer")).to_be_visible()
    elements = page.evaluate("document.getElementsByTagName('*').length")
    assert elements < 15 * COUNT
    press(page, "Deny")
    expect(page.get_by_text(f"{COUNT - 1} wait for an answer")).to_be_visible()
