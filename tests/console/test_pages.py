"""Each page, in a house in which something has happened: for everybody's eyes, hands and ears."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.console.axe import layout_faults, violations
from tests.console.goldens import compare, picture
from tests.console.house import OPERATOR_TOKEN, House
from tests.console.lived_in import PAGES, live_in
from tests.console.watched import NARROW, WIDE, Watched

COLOURS = ("light", "dark", "forced")
WIDTHS = {"narrow": NARROW, "wide": WIDE}


@pytest.fixture(scope="module")
def lived_in(house: House) -> House:
    live_in(house)
    return house


@pytest.fixture(scope="module")
def visit(browser: Browser, lived_in: House) -> Iterator[Page]:
    """One page, which goes from place to place."""
    watched = Watched(browser, lived_in)
    yield watched.open(token=OPERATOR_TOKEN)
    watched.close()


def go(visit: Page, name: str) -> None:
    """Go to a page, and wait until it shows what it has."""
    visit.evaluate("(name) => { location.hash = `#/${name}`; }", name)
    expect(visit.locator(f"page-{name}")).to_be_visible()
    expect(visit.locator("main [aria-busy=true]")).to_have_count(0)
    visit.wait_for_load_state("networkidle")


def colour(visit: Page, name: str) -> None:
    visit.emulate_media(
        color_scheme="dark" if name == "dark" else "light",
        forced_colors="active" if name == "forced" else "none",
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shuts_nobody_out(visit: Page, name: str) -> None:
    """axe finds nothing in light, dark and forced colours; nothing is too wide or too small."""
    faults: list[str] = []
    for width, size in WIDTHS.items():
        visit.set_viewport_size(size)
        go(visit, name)
        faults += [f"{width}: {fault}" for fault in layout_faults(visit) + violations(visit)]
    for colours in COLOURS[1:]:
        colour(visit, colours)
        faults += [f"{colours}: {fault}" for fault in violations(visit)]
    colour(visit, "light")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_as_it_did_when_somebody_looked(visit: Page, name: str) -> None:
    faults: list[str] = []
    for width, size in WIDTHS.items():
        visit.set_viewport_size(size)
        for colours in ("light", "dark"):
            colour(visit, colours)
            go(visit, name)
            faults.append(compare(f"{name}-{width}-{colours}", picture(visit)))
    colour(visit, "light")
    assert not any(faults), "\n".join(filter(None, faults))
