"""Who gets into the console, by real sockets: people, with what is theirs, from its own pages."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tests.server.console.browser import Browser
from tests.server.embedded import AGENT, OPERATOR, OWNER, http, raw_client, serving

from agentgate_proto.connection.events import Answered, Authenticated, Closed, Refused
from agentgate_proto.errors import ErrorCode
from agentgate_server.console import face
from agentgate_server.gateway import Gateway
from agentgate_server.store.engine import StoreError
from agentgate_server.version import VERSION

pytestmark = pytest.mark.anyio
PLAIN = "agentgate-console"


async def logged_in(gateway: Gateway, token: str = OWNER) -> Browser:
    browser = Browser(gateway)
    answer = await browser.call("login", {"token": token})
    assert answer.status == 200, answer
    return browser


async def link_of(gateway: Gateway, token: str = OWNER) -> str:
    status, _, made = await http(gateway, "POST", "/api/console-links", token=token)
    assert (status, made["expires_in_s"]) == (200, 300.0)
    start, _, secret = str(made["url"]).partition("#link=")
    assert start == "http://localhost/console/"
    return secret


# Its pages


async def test_its_pages_come_with_a_policy_that_lets_nothing_else_run(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = Browser(gateway)
        moved = await browser.get("/console?a=1")
        assert (moved.status, moved.headers["location"]) == (308, "/console/?a=1")

        page = await browser.get("/console/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
        assert not any("unsafe" in rule or "*" in rule or "http" in rule for rule in policy)
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"

        small = await browser.get("/console/app.js", accept_encoding="gzip, br")
        plain = await browser.get("/console/app.js")
        assert gzip.decompress(small.body) == plain.body
        assert small.headers["content-security-policy"] == page.headers["content-security-policy"]
        again = await browser.get("/console/", if_none_match=page.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        head = await browser.get("/console/", "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(page.body))


OUTSIDE = (
    "../__init__.py",
    "..%2f__init__.py",
    "%2e%2e/__init__.py",
    "/etc/passwd",
    "pages/../../__init__.py",
    "index.html/",
    "vendor/lit.d.ts",
    "none.js",
)


async def test_no_path_leads_out_of_its_folder(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        for path in OUTSIDE:
            answer = await Browser(gateway).get(f"/console/{path}")
            assert answer.status == 404, path
            assert answer.headers["content-type"] == "application/json"


async def test_it_can_be_elsewhere_or_nowhere(tmp_path: Path) -> None:
    async with serving(tmp_path, console={"path": "/desk"}) as gateway:
        assert (await Browser(gateway).get("/desk/")).status == 200
        assert (await Browser(gateway).get("/console/")).status == 404
    async with serving(tmp_path, console={"enabled": False}) as gateway:
        assert (await Browser(gateway).get("/console/")).status == 404
        status, _, _ = await http(gateway, "POST", "/api/console-links", token=OWNER)
        assert status == 404


# Logging in and out


async def test_a_person_logs_in_by_token_and_out_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = Browser(gateway)
        assert (await browser.call("me")).code == ErrorCode.AUTHENTICATION

        answer = await browser.call("login", {"token": OWNER})
        assert answer.json == {"who": {"name": "owner", "role": "approver"}, "secure": False}
        line = answer.headers["set-cookie"]
        assert line.endswith("Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict")
        assert answer.headers["cache-control"] == "no-store"
        secret = browser.cookies[PLAIN]

        me = (await browser.call("me")).json
        assert me["who"] == {"name": "owner", "role": "approver"}
        assert (me["version"], me["push"]) == (VERSION, "off")

        out = await browser.call("logout")
        assert (out.status, browser.cookies) == (200, {})
        browser.cookies[PLAIN] = secret
        assert (await browser.call("me")).status == 401
        assert browser.cookies == {}, "the browser forgets what counts no more"


async def test_over_tls_the_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    gate = {"public_url": "https://gate.example"}
    async with serving(tmp_path, gateway=gate) as gateway:
        browser = Browser(gateway, host="gate.example")
        answer = await browser.call("login", {"token": OWNER}, origin="https://gate.example")
        assert answer.json["secure"] is True
        assert answer.headers["set-cookie"].startswith("__Host-agentgate=")
        assert answer.headers["set-cookie"].endswith("; Secure")
        assert (await browser.call("me", origin="https://gate.example")).status == 200
        assert (await browser.call("me")).status == 401, "clear text never gets it"

        # A proxy that puts its own Host in place of the browser's
        browser.host = f"127.0.0.1:{gateway.port}"
        assert (await browser.call("me", origin="https://gate.example")).status == 200
        status, _, made = await http(gateway, "POST", "/api/console-links", token=OWNER)
        assert status == 200
        assert made["url"].startswith("https://gate.example/console/#link=")


async def test_only_people_log_in_and_wrong_tokens_are_slowed_down(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = Browser(gateway)
        refused = await browser.call("login", {"token": AGENT})
        assert refused.code == ErrorCode.FORBIDDEN
        assert "for people" in refused.message
        for body in ({}, {"token": OWNER, "link": "x"}, {"token": 7}, {"token": None, "link": []}):
            assert (await browser.call("login", body)).code == ErrorCode.INVALID_PARAMS
        status, _, _ = await http(gateway, "POST", "/api/console-links", token=AGENT)
        assert status == 403
        assert (await http(gateway, "POST", "/api/console-links"))[0] == 401

        guesses = [{"token": "x"}, {"link": "x"}] * 10
        for guess in guesses:
            assert (await browser.call("login", guess)).code == ErrorCode.AUTHENTICATION
        late = await browser.call("login", {"link": "x"})
        assert late.code == ErrorCode.LIMIT_EXCEEDED
        assert int(late.headers["retry-after"]) >= 1
        right = await browser.call("login", {"token": OWNER})
        assert right.status == 200, "whoever has the token can't help who guesses beside them"
        assert browser.cookies


async def test_a_link_logs_in_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        secret = await link_of(gateway, OPERATOR)
        first, second = Browser(gateway), Browser(gateway)
        answer = await first.call("login", {"link": secret})
        assert answer.json["who"] == {"name": "ops", "role": "operator"}
        again = await second.call("login", {"link": secret})
        assert again.code == ErrorCode.AUTHENTICATION
        assert "agent-gate console" in again.message
        assert second.cookies == {}


async def test_a_new_login_has_a_new_secret_and_ends_the_one_before(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = Browser(gateway, cookies={PLAIN: "planted-by-somebody-else"})
        await browser.call("login", {"token": OWNER})
        first = browser.cookies[PLAIN]
        assert first != "planted-by-somebody-else"
        await browser.call("login", {"token": OPERATOR})
        assert browser.cookies[PLAIN] != first
        old = Browser(gateway, cookies={PLAIN: first})
        assert (await old.call("me")).status == 401
        assert [each.principal for each in gateway.gate.logins.views(ops(gateway))] == ["ops"]


def ops(gateway: Gateway):  # type: ignore[no-untyped-def]
    return next(each for each in gateway.gate.authenticator.tokens.principals if each.name == "ops")


# Pages of others


FOREIGN: tuple[dict[str, str | None], ...] = (
    {"origin": "http://evil.example"},
    {"origin": None},
    {"origin": "null"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"content_type": "text/plain"},
    {"content_type": "application/x-www-form-urlencoded"},
    {"host": "evil.example", "origin": "http://evil.example"},
)


async def test_no_page_of_somebody_else_can_use_the_cookie(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = await logged_in(gateway)
        for headers in FOREIGN:
            for name in ("login", "me", "ticket", "logout"):
                answer = await browser.call(name, {"token": OWNER}, **headers)
                assert answer.status in (403, 415), (headers, answer)
                assert "access-control-allow-origin" not in answer.headers
                assert "set-cookie" not in answer.headers
        assert (await browser.call("me")).status == 200, "nothing has happened"


async def test_an_allowed_origin_may_connect_and_is_no_page_of_the_console(tmp_path: Path) -> None:
    gate = {"allowed_origins": ["https://friend.example"]}
    async with serving(tmp_path, gateway=gate) as gateway:
        browser = await logged_in(gateway)
        answer = await browser.call("me", origin="https://friend.example")
        assert answer.code == ErrorCode.FORBIDDEN


async def test_a_call_is_a_small_post(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = await logged_in(gateway)
        assert (await browser.get("/console/api/me")).status == 405
        assert (await browser.call("none")).code == ErrorCode.NOT_FOUND
        assert (await browser.call("me", b"x" * 8_193)).status in (401, 413)
        many = "; ".join(f"{PLAIN}={secret}" for secret in (browser.cookies[PLAIN], "other"))
        assert (await browser.call("me", cookie=many)).status == 401
        assert (await browser.call("me", cookie=f"{PLAIN}={'x' * 4_000}")).status == 401


# Its connection


async def test_a_ticket_stands_for_the_token_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = await logged_in(gateway)
        made = (await browser.call("ticket")).json
        assert made["expires_in_s"] == 30.0
        async with raw_client(gateway, made["token"]) as client:
            result = (await client.next(Authenticated)).result
            assert (result.principal, result.role) == ("owner", "approver")
        async with raw_client(gateway, made["token"]) as client:
            assert (await client.next(Refused)).message == "Invalid token"
        status, _, _ = await http(
            gateway, "GET", "/api/approvals", token=(await browser.call("ticket")).json["token"]
        )
        assert status == 401, "it is good for connections alone"


async def test_the_end_of_a_login_ends_its_connections(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        browser = await logged_in(gateway)
        ticket, unused = [(await browser.call("ticket")).json["token"] for _ in range(2)]
        async with raw_client(gateway, ticket) as client, raw_client(gateway, OWNER) as other:
            await client.next(Authenticated)
            await other.next(Authenticated)
            await browser.call("logout")
            closed = await client.next(Closed)
            assert (closed.code, closed.reason) == (4401, "the login at the console is over")
            await other.request(1, "list_console_sessions", {})
            assert bytes((await other.next(Answered)).result) == b'{"sessions":[]}'
        async with raw_client(gateway, unused) as client:
            assert await client.next(Refused)


async def test_a_token_that_is_revoked_takes_its_logins_with_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        operator = await logged_in(gateway, OPERATOR)
        async with raw_client(gateway, (await operator.call("ticket")).json["token"]) as client:
            await client.next(Authenticated)
            await client.request(1, "make_token", {"name": "anna", "role": "approver"})
            token = json.loads(bytes((await client.next(Answered)).result))["token"]
            anna = await logged_in(gateway, token)
            link = await link_of(gateway, token)
            async with raw_client(gateway, (await anna.call("ticket")).json["token"]) as page:
                await page.next(Authenticated)
                await client.request(2, "revoke_token", {"name": "anna"})
                assert (await page.next(Closed)).code == 4401
        assert (await anna.call("me")).status == 401
        assert (await anna.call("login", {"link": link})).status == 401
        assert (await operator.call("me")).status == 200


def store_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("gate.db*"))


async def test_a_login_outlives_the_gateway_and_the_audit_tells_of_it_without_secrets(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as gateway:
        browser = await logged_in(gateway)
        ticket = (await browser.call("ticket")).json["token"]
        await Browser(gateway).call("login", {"token": "a-wrong-token"})
        secret = browser.cookies[PLAIN]
    async with serving(tmp_path) as gateway:
        browser.gateway = gateway
        assert (await browser.call("me")).status == 200
        async with raw_client(gateway, ticket) as client:
            assert await client.next(Refused), "a ticket is of one process"
        await browser.call("logout")
    kept = store_of(tmp_path)
    for event in (b"console.login", b"console.logout", b"login.failed"):
        assert event in kept
    for each in (OWNER, ticket, "a-wrong-token", secret):
        assert each.encode() not in kept


async def test_behind_a_trusted_proxy_guessers_are_told_apart(tmp_path: Path) -> None:
    async with serving(tmp_path, gateway={"trusted_proxies": ["127.0.0.1"]}) as gateway:
        browser = Browser(gateway)
        for _ in range(20):
            await browser.call("login", {"token": "x"}, x_forwarded_for="203.0.113.7")
        late = await browser.call("login", {"token": "x"}, x_forwarded_for="203.0.113.7")
        assert late.status == 429
        other = await browser.call("login", {"token": "x"}, x_forwarded_for="203.0.113.8")
        assert other.status == 401
        await browser.call("login", {"token": OWNER}, x_forwarded_for="203.0.113.9")
        (view,) = gateway.gate.logins.views(ops(gateway))
        assert view.address == "203.0.113.9"


async def test_whoever_floods_keeps_nobody_out_who_has_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face, "STRANGERS_REQUESTS_PER_MINUTE", 2)
    monkeypatch.setattr(face, "FILES_PER_MINUTE", 2)
    monkeypatch.setattr(face, "LOGINS_PER_MINUTE", 2)
    async with serving(tmp_path) as gateway:
        stranger = Browser(gateway)
        asked = [await stranger.call("me") for _ in range(3)]
        assert [answer.status for answer in asked] == [401, 401, 429]
        assert asked[-1].json["error"]["data"]["retry_after_s"] > 0
        read = [(await stranger.get("/console/")).status for _ in range(3)]
        assert read == [200, 200, 429]
        browser = await logged_in(gateway)
        for _ in range(3):
            assert (await browser.call("me")).status == 200
        again = [(await browser.call("login", {"token": OWNER})).status for _ in range(2)]
        assert again == [200, 429], "each login costs a row and an entry of the audit"


async def test_on_a_full_disk_nobody_logs_in_and_everybody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as gateway:
        first, second = await logged_in(gateway), await logged_in(gateway)
        engine = gateway.gate.writer.engine
        with monkeypatch.context() as disk:
            disk.setattr(engine, "commit", full)
            answer = await Browser(gateway).call("login", {"token": OWNER})
            assert (answer.status, answer.code) == (503, ErrorCode.INTERNAL_ERROR)
            assert "could not be stored: the disk is full" in answer.message
            assert "set-cookie" not in answer.headers
            secret = first.cookies[PLAIN]
            assert (await first.call("logout")).status == 200
            (left,) = gateway.gate.logins.views(ops(gateway))
            async with raw_client(gateway, OPERATOR) as client:
                await client.next(Authenticated)
                await client.request(1, "revoke_console_session", {"id": left.id})
                error = (await client.next(Answered)).error
                assert error.code == ErrorCode.INTERNAL_ERROR
                assert "may count again after a restart" in error.message
            old = Browser(gateway, cookies={PLAIN: secret})
            assert (await old.call("me")).status == 401, "it counts no more, whatever the disk has"
            assert (await second.call("me")).status == 401
        await logged_in(gateway)
    async with serving(tmp_path) as gateway:
        assert len(gateway.gate.logins.views(ops(gateway))) == 1, "the disk has caught up"


def full(changes: object) -> None:
    raise StoreError("the disk is full")
