"""Web Push: browsers are told by a push service, which can't read it, and of what was sent only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from py_vapid import Vapid02  # type: ignore[import-untyped]
from tests.server.approvals.push.push_service import PushService, b64, push_service
from tests.server.console.browser import Browser
from tests.server.embedded import OWNER, raw_client, serving, until

from agentgate_client import ApprovalsClient
from agentgate_proto.connection.events import Authenticated
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.console_row import RowKind
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server import pushing
from agentgate_server.approvals import reach
from agentgate_server.approvals.push import subscriptions
from agentgate_server.approvals.push.ntfy import ANYWHERE
from agentgate_server.approvals.push.web_push import WebPushSender
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    with push_service(tmp_path) as service:
        sender = partial(WebPushSender, reach=ANYWHERE, ca=service.ca)
        monkeypatch.setattr(pushing, "WebPushSender", sender)
        yield service


async def owner_of(gateway: Gateway) -> Browser:
    browser = Browser(gateway)
    assert (await browser.call("login", {"token": OWNER})).status == 200
    return browser


@asynccontextmanager
async def subscribed(folder: Path, service: PushService) -> AsyncIterator[tuple[Gateway, Browser]]:
    """A gateway whose owner's phone is told."""
    async with serving(folder) as gateway:
        browser = await owner_of(gateway)
        assert (await browser.call("push/subscribe", service.subscription())).status == 200
        yield gateway, browser


@asynccontextmanager
async def asking(gateway: Gateway, text: str = "hello") -> AsyncIterator[Any]:
    async with raw_client(gateway) as agent:
        await agent.next(Authenticated)
        await agent.request(1, "tool_request", ToolRequest(tool="asked", args={"text": text}))
        yield await until(gateway.gate.desk.waiting, "the approval")


async def test_a_closed_console_is_told_of_an_ask_and_of_its_end(
    tmp_path: Path, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "UNREACHED_S", -1.0)
    async with subscribed(tmp_path, service) as (gateway, browser):
        desk = gateway.gate.desk
        async with raw_client(gateway) as agent:
            await agent.next(Authenticated)
            ask = ToolRequest(tool="asked", args={"text": "hello"})
            await agent.request(1, "tool_request", ask)
            await until(lambda: service.got, "the message")
            told = service.read(0)
            (record,) = gateway.gate.ledger.waiting
            assert (told["title"], told["id"], told["tag"]) == ("agent asks", *[record.rid] * 2)
            assert "asked(hello)" in told["text"]
            assert not told["silent"]
            path, headers, body = service.got[0]
            assert path == "/send/phone"
            assert b"hello" not in body, "the service can't read it"
            assert (headers["content-encoding"], headers["urgency"]) == ("aes128gcm", "high")
            known = (await browser.call("push/key")).json["key"]
            assert headers["authorization"].endswith(f"k={known}")
            assert Vapid02.verify(headers["authorization"])
            assert desk.reach.overdue == 1, "that it was sent reaches nobody yet"
            async with ApprovalsClient(gateway.url, OWNER) as owner:
                await owner.decide(record.rid, "deny")
            await until(lambda: len(service.got) > 1, "the end")
            assert service.read(1)["title"] == "Denied"
            assert service.read(1)["silent"]


async def test_a_browser_that_is_gone_is_told_no_more(tmp_path: Path, service: PushService) -> None:
    service.statuses = [410]
    async with subscribed(tmp_path, service) as (gateway, browser), asking(gateway):
        await until(lambda: service.got, "the message")
        await until(lambda: not gateway.gate.book.of(RowKind.PUSH), "the end of it")
        found = await browser.call("push/key", {"endpoint": service.subscription()["endpoint"]})
        assert not found.json["subscribed"]


async def test_what_a_service_refuses_is_tried_again_and_said(
    tmp_path: Path, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with subscribed(tmp_path, service) as (_, browser):
        endpoint = {"endpoint": service.subscription()["endpoint"]}
        for status, words in (
            (400, "refuses a message (400)"),
            (503, "fails (503)"),
            (429, "wait"),
        ):
            service.statuses = [status]
            answer = await browser.call("push/try", endpoint)
            assert answer.code == ErrorCode.INTERNAL_ERROR
            assert words in answer.message
        assert (await browser.call("push/try", endpoint)).json == {"sent": True}
        assert service.read(-1)["title"] == "agentgate"
        service.statuses = [404]
        assert (await browser.call("push/try", endpoint)).json == {"sent": False}
        answer = await browser.call("push/try", endpoint)
        assert answer.code == ErrorCode.NOT_FOUND


async def test_who_counts_no_more_is_told_no_more(tmp_path: Path, service: PushService) -> None:
    async with subscribed(tmp_path, service) as (gateway, browser):
        (row,) = gateway.gate.book.of(RowKind.PUSH)
        changed = row.body.replace(b'"token_hash":"', b'"token_hash":"another')
        await gateway.gate.book.put(type(row)(**{**named(row), "body": changed}))
        answer = await browser.call("push/try", {"endpoint": service.subscription()["endpoint"]})
        assert answer.code == ErrorCode.NOT_FOUND
        assert not gateway.gate.book.of(RowKind.PUSH)
        assert not service.got


def named(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


async def test_a_restart_changes_neither_the_key_nor_who_is_told(
    tmp_path: Path, service: PushService
) -> None:
    async with subscribed(tmp_path, service) as (_, browser):
        key = (await browser.call("push/key")).json["key"]
    async with serving(tmp_path) as gateway:
        browser = await owner_of(gateway)
        assert (await browser.call("me")).json["push"] == "on"
        assert (await browser.call("push/key")).json["key"] == key
        async with asking(gateway):
            await until(lambda: service.got, "the message")


async def test_a_subscription_ends_when_its_owner_says_so(
    tmp_path: Path, service: PushService
) -> None:
    async with subscribed(tmp_path, service) as (gateway, browser):
        endpoint = {"endpoint": service.subscription()["endpoint"]}
        assert (await browser.call("push/unsubscribe", endpoint)).status == 200
        assert not gateway.gate.book.of(RowKind.PUSH)


async def test_who_has_logged_out_is_told_no_more(tmp_path: Path, service: PushService) -> None:
    async with subscribed(tmp_path, service) as (gateway, browser):
        other = await owner_of(gateway)
        await other.call("push/subscribe", service.subscription("other"))
        assert (await browser.call("logout")).status == 200
        (kept,) = gateway.gate.book.of(RowKind.PUSH)
        assert subscriptions.subscription_of(kept).endpoint.endswith("other")


async def test_of_a_person_s_browsers_the_oldest_goes(
    tmp_path: Path, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "OF_PERSON_MAX", 2)
    async with subscribed(tmp_path, service) as (gateway, browser):
        for name in ("second", "third"):
            await browser.call("push/subscribe", service.subscription(name))
        kept = {
            subscriptions.subscription_of(row).endpoint
            for row in gateway.gate.book.of(RowKind.PUSH)
        }
        assert kept == {service.subscription(name)["endpoint"] for name in ("second", "third")}


async def test_what_is_no_subscription_is_refused(tmp_path: Path, service: PushService) -> None:
    good = service.subscription()
    bad = [
        {"endpoint": "http://push.example/x"},
        {"endpoint": "https://user@push.example/x"},
        {"endpoint": "https://push.example/" + "x" * 1_024},
        {"endpoint": "https://[push/x"},
        {"endpoint": "https://push.example/ü"},
        {"key": "???"},
        {"key": b64(b"short")},
        {"auth": b64(b"short")},
    ]
    async with serving(tmp_path) as gateway:
        browser = await owner_of(gateway)
        for change in bad:
            answer = await browser.call("push/subscribe", {**good, **change})
            assert answer.code == ErrorCode.INVALID_PARAMS, change
        stranger = Browser(gateway)
        assert (await stranger.call("push/subscribe", good)).status == 401
        assert not gateway.gate.book.of(RowKind.PUSH)


async def test_nothing_of_the_house_is_posted_to(tmp_path: Path) -> None:
    with push_service(tmp_path) as service:
        async with subscribed(tmp_path, service) as (_, browser):
            endpoint = {"endpoint": service.subscription()["endpoint"]}
            answer = await browser.call("push/try", endpoint)
            assert answer.code == ErrorCode.INTERNAL_ERROR
        assert not service.got


async def test_without_the_extra_the_console_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "is_installed", lambda: False)
    async with serving(tmp_path) as gateway:
        browser = await owner_of(gateway)
        assert "py-vapid" in (await browser.call("me")).json["push"]
        assert (await browser.call("push/key")).code == ErrorCode.NOT_FOUND


async def test_whoever_wants_no_push_has_none(tmp_path: Path) -> None:
    async with serving(tmp_path, console={"push": False}) as gateway:
        browser = await owner_of(gateway)
        assert (await browser.call("me")).json["push"] == "off"
