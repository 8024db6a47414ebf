"""A browser's context that keeps an eye on what no page of the console may ever do.

A test fails when a page violates its content security policy, asks another origin for anything,
throws, or complains on the browser's console, unless the test has said that it will.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebSocket
from tests.console.house import House

VIOLATION = "Content-Security-Policy violated:"
REPORT = f"""addEventListener("securitypolicyviolation", (event) =>
  console.error("{VIOLATION} " + event.violatedDirective + " " + event.blockedURI));"""
OWN_SCHEMES = ("data", "blob", "about")

NOBODY_YET = re.compile(r"status of 401 .*/console/api/me")
"""What Chromium says when a page asks who is logged in, and nobody is."""

BLOCKED = re.compile(r"Service Worker registration blocked")
"""What the driver says where a test wants no workers, which would answer for the gateway."""

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}


class Watched:
    """One context: one person's browser, with its own cookies.

    Attributes:
        context: Playwright's.
        faults: what a page did that it must not.
        allowed: what may be said on the browser's console, as regular expressions.
    """

    def __init__(self, browser: Browser, house: House, **options: Any) -> None:
        self.house = house
        self.faults: list[str] = []
        self.allowed: list[str] = []
        options = {"viewport": WIDE, "color_scheme": "light", "reduced_motion": "reduce"} | options
        options = {"service_workers": "block"} | options
        self.context: BrowserContext = browser.new_context(
            base_url=house.origin, locale="en-GB", timezone_id="UTC", **options
        )
        self.context.set_default_timeout(10_000)
        self.context.add_init_script(REPORT)
        self.context.on("request", self._requested)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.faults.append(f"thrown: {error.error}"))
        self.context.on("page", lambda page: page.on("websocket", self._connected))

    def log_in(self, token: str) -> None:
        """Log in as a person does, without the form; its cookie is the context's."""
        answer = self.context.request.post(
            "/console/api/login", data={"token": token}, headers={"Origin": self.house.origin}
        )
        assert answer.ok, answer.text()

    def open(self, address: str = "inbox", token: str = "") -> Page:
        """Open a page of the console, logged in by this token.

        Args:
            address: what stands after ``#/``.
            token: "": as whoever is logged in.
        """
        if token:
            self.log_in(token)
        page = self.context.new_page()
        page.goto(f"/console/#/{address}")
        page.locator("main h1").wait_for()
        return page

    def close(self) -> None:
        """Close it; complain of all that a page did."""
        self.context.close()
        said = [fault for fault in self.faults if not self._is_allowed(fault)]
        assert not said, "\n".join(said)

    def _is_allowed(self, fault: str) -> bool:
        return any(re.search(pattern, fault) for pattern in (NOBODY_YET, BLOCKED, *self.allowed))

    def _requested(self, request: Request) -> None:
        self._asked(request.url)

    def _connected(self, socket: WebSocket) -> None:
        self._asked(re.sub(r"^ws", "http", socket.url))

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        is_own = f"{parts.scheme}://{parts.netloc}" == self.house.origin
        if not is_own and parts.scheme not in OWN_SCHEMES:
            self.faults.append(f"another origin: {url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            where = message.location.get("url", "")
            self.faults.append(f"{message.type}: {message.text} {where}")
