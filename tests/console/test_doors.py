"""What another page, another name, an old cookie or a used link must not get."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect
from tests.console.house import OWNER_TOKEN, House
from tests.console.watched import Watched

COOKIE = "agentgate-console"


def test_a_link_logs_in_once_and_leaves_no_trace_in_the_address(
    house: House, browser: Browser
) -> None:
    status, made = house.http("/api/console-links", {})
    assert status == 200
    link = made["url"].replace("127.0.0.1", "localhost")
    first, second = Watched(browser, house), Watched(browser, house)
    page = first.context.new_page()
    page.goto(link)
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    assert "link=" not in page.url
    second.allowed.append(r"status of 40[0-9]")
    late = second.context.new_page()
    late.goto(link)
    expect(late.get_by_role("alert").first).to_contain_text("link")
    expect(late.get_by_label("Your token")).to_be_visible()
    first.close()
    second.close()


def test_the_cookie_is_for_the_gateway_alone_and_a_login_makes_a_new_one(eyes: Watched) -> None:
    eyes.open(token=OWNER_TOKEN)
    (first,) = eyes.context.cookies()
    assert (first["httpOnly"], first["sameSite"], first["path"]) == (True, "Strict", "/")
    eyes.log_in(OWNER_TOKEN)
    (second,) = eyes.context.cookies()
    assert first["value"] != second["value"]


def test_a_secret_that_somebody_planted_is_no_login_and_does_not_become_one(
    house: House, eyes: Watched
) -> None:
    """Fixation: the victim logs in with the attacker's cookie in their browser."""
    planted = "A" * 43
    eyes.context.add_cookies([{"name": COOKIE, "value": planted, "url": house.origin}])
    eyes.open(token=OWNER_TOKEN)
    (cookie,) = eyes.context.cookies()
    assert cookie["value"] != planted


def test_after_logging_out_the_old_cookie_is_worth_nothing(house: House, eyes: Watched) -> None:
    page = eyes.open(token=OWNER_TOKEN)
    (cookie,) = eyes.context.cookies()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Your token")).to_be_visible()
    eyes.context.add_cookies(
        [{"name": COOKIE, "value": str(cookie.get("value")), "url": house.origin}]
    )
    answer = eyes.context.request.post("/console/api/me", data={}, headers={"Origin": house.origin})
    assert answer.status == 401


@pytest.mark.parametrize("path", ["login", "me", "ticket", "logout"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
        {"Host": "evil.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_what_is_not_asked_by_the_console_itself_is_refused(
    eyes: Watched, path: str, headers: dict[str, str]
) -> None:
    eyes.log_in(OWNER_TOKEN)
    own = {"Origin": eyes.house.origin, "Content-Type": "application/json"}
    answer = eyes.context.request.post(
        f"/console/api/{path}", data="{}", headers={**own, **headers}
    )
    assert answer.status in (400, 403, 415, 421), answer.text()
    (cookie,) = eyes.context.cookies()
    assert cookie["value"]


class Elsewhere(BaseHTTPRequestHandler):
    """A page of somebody else, which tries the gateway with the victim's cookies."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>elsewhere</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_another_page_can_neither_ask_nor_frame_nor_connect(house: House, eyes: Watched) -> None:
    eyes.allowed.append(".")  # all of it is refused, and Chromium says so in many ways
    eyes.log_in(OWNER_TOKEN)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = eyes.context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        asked = page.evaluate(
            """async (origin) => {
              const ask = (options) => fetch(`${origin}/console/api/ticket`, {
                method: "POST", credentials: "include", body: "{}", ...options,
              }).then((answer) => answer.type === "opaque" ? "opaque" : answer.text(), () => "");
              return [await ask({headers: {"content-type": "application/json"}}),
                await ask({mode: "no-cors"})];
            }""",
            house.origin,
        )
        assert asked[0] == ""
        assert asked[1] in ("", "opaque")
        page.evaluate(
            """(origin) => { const frame = document.createElement("iframe");
              frame.src = `${origin}/console/`; document.body.append(frame);
              return new Promise((done) => (frame.onload = done)); }""",
            house.origin,
        )
        assert not any("agentgate" in (frame.title() or "") for frame in page.frames[1:])
    finally:
        server.shutdown()
        server.server_close()
