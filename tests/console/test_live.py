"""Sessions in the browser: they stream, their tools ask in place, and what is shown is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect
from tests.console.hands import STILL
from tests.console.house import OPERATOR_TOKEN, House
from tests.console.test_restart import GONE, SOON_MS
from tests.console.watched import Watched
from tests.e2e.process import OWNER_TOKEN

from agent_gate.sync import AgentGateClient

STORY = " ".join(f"word{number}" for number in range(600))
FRAME_MS = 50
FRAMES = 100
SCENES = [
    {
        "when": "turn on the {lamp}",
        "think": "A lamp is meant.",
        "say": "I ask for it.",
        "call": {"tool": "turn_on", "args": {"entity": "{lamp}", "brightness": 40}},
        "then": [{"say": "The house says: {result}", "if_failed": "It did not work: {result}"}],
    },
    {"when": "say <{markup}", "say": "<{markup}"},
    {"when": "a story", "say": STORY},
    {"say": "Good morning."},
]
AT_END = """() => {
  const log = document.querySelector(".live-log");
  return log.scrollTop > 0 && log.scrollHeight - log.scrollTop - log.clientHeight < 3;
}"""
COUNT = """async (count) => {
  const page = document.querySelector("page-live");
  let renders = 0, frames = 0;
  const { render } = page;
  page.render = () => { renders += 1; return render.call(page); };
  await new Promise((resolve) => {
    const next = () => { if (++frames < count) requestAnimationFrame(next); else resolve(); };
    requestAnimationFrame(next);
  });
  delete page.render;
  return renders;
}"""
WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
"""What a frame takes of the browser's main thread, painting left out: that is not the page's."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = Path(tmp_path_factory.mktemp("house"))
    script = folder / "script.yaml"
    script.write_text(yaml.safe_dump({"pause_ms": 20, "scenes": SCENES}))
    model = {"backend": "rehearsal", "script": str(script), "price": {"input": 3, "output": 15}}
    house = House(folder, {"sessions": {"models": {"rehearsal": model}}})
    with house:
        yield house


def begin(eyes: Watched, text: str, token: str = OWNER_TOKEN) -> Page:
    """Begin a session of one's own by the page, and say something in it."""
    page = eyes.open("live", token)
    page.get_by_role("button", name="New session").click()
    page.get_by_role("dialog").get_by_role("button", name="Begin").click()
    say(page, text)
    return page


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def log(page: Page) -> Locator:
    return page.get_by_role("log", name="Conversation")


def work_s(tools: CDPSession) -> float:
    """Return the seconds that the page has worked so far."""
    rows = tools.send("Performance.getMetrics")["metrics"]
    return float(sum(row["value"] for row in rows if row["name"] in WORK))


def test_a_person_talks_and_answers_what_the_model_asks_in_its_place(
    house: House, eyes: Watched
) -> None:
    page = begin(eyes, "turn on the lamp")
    expect(log(page).get_by_text("waits for a person")).to_be_visible()
    expect(log(page).get_by_text("I ask for it.")).to_be_visible()
    assert not log(page).get_by_text("A lamp is meant.").is_visible(), "reasoning is folded"
    page.wait_for_function(STILL)
    log(page).get_by_role("button", name="Approve", exact=True).click()
    expect(log(page).get_by_text("The house says: lamp is on")).to_be_visible()
    expect(log(page).get_by_text("Done", exact=True)).to_be_visible()
    expect(log(page).get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    expect(page.get_by_role("meter", name="Context used")).to_be_visible()
    page.get_by_text("turn_on", exact=True).click()
    expect(log(page).get_by_text("approved by owner")).to_be_visible()
    assert house.starts()["turn_on", "lamp"] == 1


def test_who_has_scrolled_away_stays_there_until_they_jump_to_the_newest(
    house: House, eyes: Watched
) -> None:
    page = begin(eyes, "a story")
    page.set_viewport_size({"width": 390, "height": 500})
    expect(log(page).get_by_text("word100")).to_be_visible()
    page.wait_for_function(AT_END)
    log(page).evaluate("log => { log.scrollTop = 0 }")
    jump = page.get_by_role("button", name=re.compile("Jump to the newest"))
    expect(jump).to_be_visible()
    expect(log(page).get_by_text("word130")).to_be_attached()
    assert log(page).evaluate("log => log.scrollTop") == 0
    jump.click()
    expect(jump).to_be_hidden()
    page.wait_for_function(AT_END)
    page.get_by_role("button", name="Cancel the run").click()
    expect(log(page).get_by_text("Cancelled", exact=True)).to_be_visible()


def test_what_is_said_during_a_run_waits_its_turn(house: House, eyes: Watched) -> None:
    page = begin(eyes, "turn on the lantern")
    expect(log(page).get_by_text("waits for a person")).to_be_visible()
    say(page, "and then?")
    expect(log(page).get_by_text("waits its turn")).to_be_visible()
    page.wait_for_function(STILL)
    log(page).get_by_role("button", name="Deny", exact=True).click()
    expect(log(page).get_by_text("Good morning.")).to_be_visible()
    expect(log(page).get_by_text("waits its turn")).to_have_count(0)


def test_an_operator_looks_on_and_may_end_the_run_in_their_name(
    house: House, eyes: Watched, browser: Browser
) -> None:
    with AgentGateClient(house.url, OWNER_TOKEN) as client:
        session = client.sessions.create()
        run = session.send("a story")
        run.started()
    page = eyes.open(f"live/{session.id}", OPERATOR_TOKEN)
    expect(page.get_by_text("only owner speaks here")).to_be_visible()
    expect(log(page).get_by_text("word5", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    expect(log(page).get_by_text("Cancelled by warden")).to_be_visible()


def test_what_a_model_writes_is_text_and_never_markup(house: House, eyes: Watched) -> None:
    markup = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    page = begin(eyes, f"say {markup}")
    expect(log(page).get_by_text("Done", exact=True)).to_be_visible()
    answer = page.locator(".live-answer")
    expect(answer).to_contain_text(markup)
    assert answer.locator("img, script").count() == 0


def test_after_a_restart_the_session_is_true_again_with_nothing_lost_or_doubled(
    house: House, eyes: Watched
) -> None:
    eyes.allowed.append(GONE)
    page = begin(eyes, "a story")
    expect(log(page).get_by_text("word40", exact=False).first).to_be_visible()
    house.kill()
    expect(page.get_by_text("No connection to the gateway")).to_be_visible(timeout=SOON_MS)
    house.start()
    expect(log(page).get_by_text("Interrupted", exact=True)).to_be_visible(timeout=SOON_MS)
    shown = " ".join(page.locator(".live-answer .live-text").all_inner_texts()).split()
    assert shown == STORY.split()[: len(shown) - 1] + shown[-1:], "each word once, in order"
    say(page, "hello")
    expect(log(page).get_by_text("Good morning.")).to_be_visible()


def test_ten_streams_leave_the_page_its_frames(house: House, eyes: Watched) -> None:
    with AgentGateClient(house.url, OWNER_TOKEN) as client:
        for number in range(10):
            client.sessions.create().send("a story", message_id=f"m{number}").started()
    page = eyes.open("live", OWNER_TOKEN)
    expect(page.locator(".live-list .live-runs")).to_have_count(10)
    tools = eyes.context.new_cdp_session(page)
    tools.send("Performance.enable")
    before = work_s(tools)
    assert page.evaluate(COUNT, FRAMES) <= FRAMES + 2, "it is shown once a frame, whatever comes"
    assert (work_s(tools) - before) * 1_000 / FRAMES <= FRAME_MS


def test_the_context_shows_its_parts_and_what_a_text_would_change(
    house: House, eyes: Watched
) -> None:
    with AgentGateClient(house.url, OWNER_TOKEN) as client:
        session = client.sessions.create()
        assert session.send("hello").text() == "Good morning."
    page = eyes.open(f"context/{session.id}", OWNER_TOKEN)
    table = page.get_by_role("region", name="Sections").get_by_role("table")
    expect(table.get_by_role("row", name=re.compile("^History"))).to_be_visible()
    expect(page.get_by_text("are as in the last request")).to_be_visible()
    page.get_by_label("What would this change").fill("x" * 1_000)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("With your text")).to_be_visible()
    expect(table.get_by_role("row", name=re.compile(r"^History.*\+1\.0 kB"))).to_be_visible()
    page.get_by_text(re.compile("^History .* letters")).click()
    expect(page.get_by_text("Good morning.")).to_be_visible()
