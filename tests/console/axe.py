"""axe: what of a page shuts somebody out who sees, hears or points otherwise."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from tests.npm import installed

AXE = "axe-core@4.14.1"
SCRIPTS = Path(__file__).parent / "scripts"
RUN = (SCRIPTS / "violations.js").read_text("utf-8")
LAYOUT = (SCRIPTS / "layout.js").read_text("utf-8")


@cache
def source() -> str:
    """Return axe's text."""
    return (installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page: Page) -> list[str]:
    """Return axe's violations on a page as it is now, each with the elements."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(source())
    found: list[str] = page.evaluate(RUN)
    return found


def layout_faults(page: Page) -> list[str]:
    """Return what is too wide, or too small to touch."""
    found: list[Any] = page.evaluate(LAYOUT)
    return [str(fault) for fault in found]
