"""Calls of a page: of ours they are taken, and of nobody else's."""

from __future__ import annotations

import json

import pytest

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.browser.asking import PageCall, read_call, refusal, result
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.wire.headers import Headers

OURS = {
    "host": "gate.lan:8443",
    "origin": "http://gate.lan:8443",
    "sec-fetch-site": "same-origin",
    "content-type": "application/json; charset=utf-8",
    "cookie": "agentgate-console=s3cret",
}


def asked(body: bytes = b'{"token": "x"}', **changes: str | None) -> HttpRequested:
    lines = OURS | {name.replace("_", "-"): value for name, value in changes.items()}
    given = [(name, value) for name, value in lines.items() if value is not None]
    return HttpRequested(method="POST", target="/console/api/me", headers=Headers(given), body=body)


def refused(request: HttpRequested, public: str = "") -> tuple[int, str]:
    reply = read_call(request, public)
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)["error"]["message"]


def test_a_page_of_ours_is_heard() -> None:
    call = read_call(asked())
    assert call == PageCall({"token": "x"}, "s3cret", False, "http://gate.lan:8443")
    assert read_call(asked(b"")) == PageCall({}, "s3cret", False, "http://gate.lan:8443")


def test_a_browser_that_tells_no_site_is_heard_by_its_origin() -> None:
    assert isinstance(read_call(asked(sec_fetch_site=None)), PageCall)


def test_over_tls_the_other_cookie_counts() -> None:
    secure = asked(origin="https://gate.lan:8443", cookie="__Host-agentgate=other")
    assert read_call(secure) == PageCall({"token": "x"}, "other", True, "https://gate.lan:8443")


def test_behind_a_proxy_that_changes_the_host_the_public_origin_is_ours() -> None:
    request = asked(origin="https://Gate.example", cookie=None)
    assert isinstance(read_call(request, "https://gate.example"), PageCall)
    assert refused(request)[0] == 403


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (None, "no Origin"),
        ("null", "none of null"),
        ("http://evil.example", "none of http://evil.example"),
        ("http://gate.lan", "none of http://gate.lan"),
        ("http://gate.lan:8443.evil.example", "none of"),
    ],
)
def test_another_origin_is_refused(origin: str | None, words: str) -> None:
    status, message = refused(asked(origin=origin))
    assert status == 403
    assert words in message


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_another_site_is_refused_whatever_origin_it_claims(site: str) -> None:
    assert refused(asked(sec_fetch_site=site))[0] == 403


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_refused(kind: str | None) -> None:
    assert refused(asked(content_type=kind)) == (415, "send application/json")


@pytest.mark.parametrize("body", [b"[]", b"{", b"1", b"[" * 8_000, b"\xff"])
def test_a_body_is_an_object(body: bytes) -> None:
    status, message = refused(asked(body))
    assert (status, message.partition(":")[0]) == (400, "the body must be a JSON object")


def test_a_refusal_says_when_to_come_again() -> None:
    reply = refusal(ErrorCode.LIMIT_EXCEEDED, "", pause_s=2.5, headers={"x": "y"})
    assert (reply.status, reply.headers) == (429, {"x": "y", "retry-after": "3"})
    error = json.loads(reply.body)["error"]
    assert error["data"] == {"retry_after_s": 2.5}
    assert error["code"] == -32006
    assert error["message"], "the code's own words"


def test_a_result_is_json() -> None:
    assert result({"a": 1}, {"set-cookie": "b"}) == Reply(200, b'{"a":1}', {"set-cookie": "b"})
