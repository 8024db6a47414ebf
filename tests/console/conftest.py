"""One browser for all tests, one gateway for a file of them, one context for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.console.chromium import FLAGS, chromium
from tests.console.house import House
from tests.console.watched import Watched


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(Path(tmp_path_factory.mktemp("house"))) as house:
        yield house
        house.end_agents()


@pytest.fixture
def eyes(browser: Browser, house: House) -> Iterator[Watched]:
    """A person's browser, wide and light."""
    watched = Watched(browser, house)
    yield watched
    watched.close()
    for row in house.approvals():  # what a test left waiting is not the next one's
        house.decide(row["id"], "deny")
    house.end_agents()
