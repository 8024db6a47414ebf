"""The console is fast because it is small: files and bytes until it can be used."""

from __future__ import annotations

import gzip

from playwright.sync_api import Response, expect
from tests.console.hands import look
from tests.console.house import OWNER_TOKEN, House
from tests.console.watched import Watched

SHELL_BYTES_MAX = 120 * 1024
COMPRESSED_BYTES_MAX = 45 * 1024
FILES_MAX = 12
LATER = ("icon.svg", "elements/installed.js", "worker.js", ".webmanifest")
"""What is fetched once the page can be used."""

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
}


def test_the_shell_is_within_its_budget_and_is_sent_compressed(house: House, eyes: Watched) -> None:
    files: dict[str, Response] = {}

    def keep(response: Response) -> None:
        if "/api/" not in response.url and not response.url.endswith(LATER):
            files[response.url] = response

    eyes.log_in(OWNER_TOKEN)
    page = eyes.context.new_page()
    page.on("response", keep)
    page.goto("/console/")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    expect(page.get_by_text("Nothing waits").first).to_be_visible()
    page.remove_listener("response", keep)
    bodies = {url: response.body() for url, response in files.items()}
    sizes = {url.rpartition("/console/")[2]: len(body) for url, body in bodies.items()}
    assert len(files) <= FILES_MAX, sizes
    assert sum(sizes.values()) <= SHELL_BYTES_MAX, sizes
    compressed = sum(len(gzip.compress(body)) for body in bodies.values())
    assert compressed <= COMPRESSED_BYTES_MAX, compressed
    for url, response in files.items():
        headers = response.all_headers()
        assert headers.get("content-encoding") == "gzip" or len(bodies[url]) < 1_024, url
        assert headers["x-content-type-options"] == "nosniff", url
    policy = files[f"{house.origin}/console/"].all_headers()["content-security-policy"]
    assert {part.strip() for part in policy.split(";")} >= POLICY


def test_an_ask_more_makes_one_row_and_touches_no_other(house: House, eyes: Watched) -> None:
    agent = house.agent()
    for number in range(20):
        agent.ask("write_note", text=f"note {number}")
    house.wait_for_approvals(20)
    page = eyes.open(token=OWNER_TOKEN)
    look(page)
    page.evaluate(
        """() => { window.made = [];
          const list = document.querySelector("ul[aria-label^=Waiting]");
          new MutationObserver((changes) => {
            for (const {addedNodes} of changes)
              for (const node of addedNodes) if (node.nodeType === 1) made.push(node.localName);
          }).observe(list, {childList: true, subtree: true}); }"""
    )
    agent.ask("write_note", text="one more")
    rows = page.get_by_role("list", name="Waiting").get_by_role("listitem")
    expect(rows).to_have_count(21)
    assert page.evaluate("made.filter((name) => name === 'li').length") == 1
