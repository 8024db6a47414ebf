"""The browser that the console is tested in: Chromium of the system, installed where apt-get can.

Nothing is downloaded by the driver: its own browsers are no part of any system's updates.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_S = 300.0
INSTALLING = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"),
)
MISSING = (
    "the console's tests need Chromium, and there is none: install it (Debian: apt-get install"
    " chromium), or name one in CONSOLE_BROWSER"
)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--font-render-hinting=none", "--force-color-profile=srgb", "--disable-lcd-text"),
)


def found() -> str:
    """Return where Chromium is, or ""."""
    named = os.environ.get("CONSOLE_BROWSER", "")
    if named:
        return named if shutil.which(named) else ""
    return next(filter(None, map(shutil.which, NAMES)), "")


def chromium() -> str:
    """Return where Chromium is; install it first where there is none and that can be done.

    Raises:
        RuntimeError: there is none; with what to install.
    """
    if where := found():
        return where
    if shutil.which("apt-get") and os.geteuid() == 0:
        for command in INSTALLING:
            subprocess.run(
                command,
                check=False,
                timeout=INSTALL_S,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )
    if where := found():
        return where
    raise RuntimeError(MISSING)


def version(where: str) -> str:
    """Return what a Chromium calls itself: ``Chromium 156.0.8078.114``."""
    done = subprocess.run([where, "--version"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split()[:2])


if __name__ == "__main__":
    try:
        print(version(chromium()))
    except RuntimeError as error:
        sys.exit(str(error))
