"""What whoever runs the gateway does at the console: cost, policy, grants, audit, tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.console.house import OPERATOR_TOKEN, OWNER_TOKEN, House
from tests.console.lived_in import live_in
from tests.console.watched import Watched


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which something has happened."""
    with House(Path(tmp_path_factory.mktemp("house"))) as house:
        live_in(house)
        yield house
        house.end_agents()


@pytest.fixture
def eyes(browser: Browser, house: House) -> Iterator[Watched]:
    watched = Watched(browser, house)
    yield watched
    watched.close()


@pytest.fixture
def page(eyes: Watched) -> Page:
    """An operator's, at the Inbox."""
    return eyes.open(token=OPERATOR_TOKEN)


def at(page: Page, address: str) -> Page:
    """Go to a page of the console."""
    page.evaluate("(address) => (location.hash = '#/' + address)", address)
    return page


def test_cost_is_told_by_model_and_by_day_in_figures_and_in_words(page: Page) -> None:
    at(page, "cost")
    row = page.get_by_role("row", name="rehearsal")
    expect(row).to_contain_text("$0.")
    expect(page.get_by_role("img", name=re.compile("The dearest was"))).to_be_visible()
    page.get_by_role("link", name="By day").click()
    expect(page.get_by_role("columnheader", name="day")).to_be_visible()
    page.keyboard.press("[")
    expect(page.get_by_role("columnheader", name="principal")).to_be_visible()


def test_a_call_is_explained_with_its_rule(page: Page) -> None:
    at(page, "policy")
    page.get_by_label("Tool", exact=True).fill("unlock_door")
    page.get_by_label("Arguments").fill('{"door": "front"}')
    page.get_by_role("button", name="Explain").click()
    answer = page.get_by_label("The answer")
    expect(answer).to_contain_text("It is denied.")
    expect(answer).to_contain_text("Doors stay shut")
    page.get_by_label("Arguments").fill("[")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("alert").filter(has_text="no JSON object")).to_be_visible()


def test_a_recorded_call_can_be_taken_to_be_explained(page: Page) -> None:
    at(page, "policy")
    calls = page.get_by_label("A call that was made")
    expect(calls.locator("option", has_text="get_temperature")).to_have_count(1)
    calls.select_option(calls.locator("option", has_text="get_temperature").get_attribute("value"))
    expect(page.get_by_label("The answer")).to_contain_text("It is allowed")
    expect(page.get_by_label("Arguments")).to_have_value(re.compile("kitchen"))


def test_a_grant_is_revoked_after_a_question(page: Page) -> None:
    at(page, "grants")
    page.get_by_role("button", name=re.compile("Revoke the grant")).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name=re.compile("Revoke the grant"))).to_be_visible()
    page.get_by_role("button", name=re.compile("Revoke the grant")).click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("revoked by warden")).to_be_visible()
    expect(page.get_by_text("No grant is in force.")).to_be_visible()


def test_an_agent_is_muted_and_unmuted(page: Page) -> None:
    at(page, "grants")
    page.get_by_role("textbox", name="Agent").fill("gardener")
    page.get_by_role("button", name="Mute", exact=True).click()
    page.get_by_role("button", name="Unmute gardener").click()
    expect(page.get_by_role("button", name="Unmute gardener")).to_have_count(0)


def test_the_audit_is_searched_opened_and_verified(page: Page) -> None:
    at(page, "audit")
    page.get_by_label("Words").fill("BUY NOTHING")
    page.get_by_role("button", name="Search").click()
    entries = page.get_by_role("list", name="Entries, newest first").get_by_role("listitem")
    expect(entries).to_have_count(1)
    entries.locator("summary").click()
    page.get_by_role("button", name="All that became of this request").click()
    expect(entries.filter(has_text="denied by owner")).to_have_count(1)
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("The audit is whole.")).to_be_visible()


def test_the_audit_is_taken_away_as_lines_of_json(page: Page) -> None:
    at(page, "audit")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    path = download.value.path()
    entries = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert entries[0]["seq"] == len(entries)
    assert entries[-1]["event"] == "gateway.started"
    assert download.value.suggested_filename.endswith(".jsonl")


def test_a_token_is_made_shown_once_used_and_revoked(page: Page, house: House) -> None:
    at(page, "agents")
    page.get_by_role("textbox", name="Name").fill("shed")
    page.get_by_role("button", name="Make a token").click()
    token = page.locator("#made-token").inner_text()
    agent = house.agent(token)
    assert agent.client.call("get_temperature", {"room": "shed"}) is not None
    page.get_by_role("button", name="I have it").click()
    expect(page.get_by_text(token)).to_have_count(0)
    page.get_by_role("button", name="Revoke the token of shed").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("is cut off")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name="Revoke the token of shed")).to_have_count(0)


def test_another_policy_is_replayed_over_what_is_on_record(page: Page) -> None:
    at(page, "policy/replay")
    page.get_by_role("button", name="Begin with the one in force").click()
    text = page.get_by_label("Its text")
    expect(text).to_have_value(re.compile("Looking does no harm"))
    text.fill(text.input_value().replace("allow", "deny"))
    page.get_by_role("button", name="Replay", exact=True).click()
    found = page.get_by_role("region", name="The difference")
    expect(found).to_contain_text(re.compile(r"\d of \d+ calls"))
    expect(found).to_contain_text("get_temperature(kitchen)")
    text.fill("rules: [")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(found.get_by_role("alert")).to_contain_text("candidate.yaml")


def test_health_is_told_in_words(page: Page) -> None:
    at(page, "health")
    expect(page.get_by_role("status").filter(has_text="The gateway is well.")).to_be_visible()
    expect(page.get_by_role("region", name="What is kept")).to_contain_text("365 days")


def test_a_login_is_ended_from_another_browser(browser: Browser, house: House, page: Page) -> None:
    at(page, "agents/sessions")
    other = Watched(browser, house)
    other.allowed.append("401|4401")
    theirs = other.open(token=OWNER_TOKEN)
    at(page, "agents/tokens")
    at(page, "agents/sessions")
    page.get_by_role("button", name=re.compile("End the login of owner")).click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(theirs.get_by_label("Your token")).to_be_visible()
    other.close()


def test_an_approver_sees_what_is_theirs_and_is_told_of_the_rest(eyes: Watched) -> None:
    page = eyes.open("agents", token=OWNER_TOKEN)
    expect(page.get_by_text("Who may connect is for operators to see.")).to_be_visible()
    at(page, "upstreams")
    expect(page.get_by_text("Only an operator sees these.")).to_be_visible()
    at(page, "policy")
    expect(page.get_by_text("An operator also sees the policy's text")).to_be_visible()
    assert page.get_by_role("link", name="Try another one").count() == 0
