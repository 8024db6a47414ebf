"""Pictures of pages, compared with those that somebody has looked at.

Pictures differ between versions of Chromium and sets of fonts, so those that the goldens were made
with are recorded beside them. Elsewhere nothing is compared, and a warning on standard error says
so. ``make console-goldens`` makes them anew.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page
from tests.console.chromium import chromium, version

FOLDER = Path(__file__).parent / "goldens"
RECORD = FOLDER / "made_with.json"
MADE_ANEW = os.environ.get("CONSOLE_GOLDENS") == "new"
SEEN = Path(os.environ.get("CONSOLE_SEEN", "/tmp/console-seen"))
"""Where a picture goes that isn't as its golden, beside the difference."""

NOTICED = 24
"""By how much, of 255, a colour must differ: less is the edge of a letter."""
PIXELS_MAX = 0.002
"""The part of a picture's pixels that may differ: less is a caret or a letter's edge."""

STEADY = (Path(__file__).parent / "scripts" / "steady.js").read_text("utf-8")


@cache
def here() -> dict[str, str]:
    """Return what decides how this machine draws a page."""
    fonts = subprocess.run(["fc-list"], capture_output=True, text=True, check=False).stdout
    names = sorted({line.partition(":")[0].rpartition("/")[2] for line in fonts.splitlines()})
    return {
        "browser": version(chromium()),
        "fonts": sha256("\n".join(names).encode()).hexdigest()[:16],
    }


@cache
def are_comparable() -> bool:
    """Whether this machine draws as the one that made the goldens; say so if it doesn't."""
    if MADE_ANEW:
        return True
    made_with = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else None
    if made_with != here():
        said = f"WARNING: pictures of the console ARE NOT COMPARED: {here()} is not {made_with}"
        print(said, file=sys.__stderr__)
    return made_with == here()


def picture(page: Page) -> bytes:
    """Take a picture of a page as it is on the screen, with steady texts."""
    page.evaluate("document.fonts.ready")
    page.evaluate(STEADY)
    return page.screenshot(
        animations="disabled", caret="hide", mask=[page.locator("canvas")], mask_color="#888888"
    )


def compare(name: str, png: bytes) -> str:
    """Compare a picture with its golden; return what is wrong, or "".

    Args:
        name: the golden's, without its ending.
        png: as ``picture`` returns it.
    """
    seen = Image.open(io.BytesIO(png)).convert("RGB")
    path = FOLDER / f"{name}.webp"
    if MADE_ANEW:
        FOLDER.mkdir(exist_ok=True)
        seen.quantize(256).convert("RGB").save(path, lossless=True, method=6)
        RECORD.write_text(json.dumps(here(), indent=2) + "\n", "utf-8")
        return ""
    if not are_comparable():
        return ""
    if not path.exists():
        return f"{name}: there is no golden; look at the page, then: make console-goldens"
    with Image.open(path) as file:
        golden = file.convert("RGB")
    part = difference(golden, seen)
    if part <= PIXELS_MAX:
        return ""
    SEEN.mkdir(parents=True, exist_ok=True)
    seen.save(SEEN / f"{name}.png")
    return f"{name}: {part:.2%} of the pixels are others; see {SEEN}, or make console-goldens"


def difference(golden: Image.Image, seen: Image.Image) -> float:
    """Return which part of the pixels differs to the eye, from 0 to 1."""
    if golden.size != seen.size:
        return 1.0
    bands = ImageChops.difference(golden, seen).split()
    worst = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    return sum(worst.histogram()[NOTICED:]) / (seen.width * seen.height)
