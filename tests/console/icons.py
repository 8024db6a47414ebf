"""The console's icons as pictures: drawn from ``icon.svg`` by ``python -m tests.console.icons``.

Browsers install a page with pictures of these sizes only. What was drawn is pinned by the hash of
what it was drawn from (``icons.json``).
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

STATIC = Path(__file__).parents[2] / "src" / "agentgate_console" / "static"
PINNED = Path(__file__).with_name("icons.json")
SIZES = (192, 512)


def name_of(size: int) -> str:
    """Return what the picture of a size is called."""
    return f"icon-{size}.png"


def hashes() -> dict[str, str]:
    """Return the hash of each file."""
    names = ("icon.svg", *map(name_of, SIZES))
    return {name: sha256((STATIC / name).read_bytes()).hexdigest() for name in names}


def draw() -> None:
    """Draw them anew, in Chromium."""
    from playwright.sync_api import sync_playwright
    from tests.console.chromium import FLAGS, chromium

    drawing = (STATIC / "icon.svg").read_text()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        for size in SIZES:
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{drawing}")
            page.screenshot(path=STATIC / name_of(size), omit_background=True)
            page.close()
        browser.close()
    PINNED.write_text(json.dumps(hashes(), indent=2) + "\n")


if __name__ == "__main__":
    draw()
