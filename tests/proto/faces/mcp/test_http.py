"""The rules of Streamable HTTP."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.http import (
    End,
    Listen,
    Post,
    Problem,
    read,
    settled,
    unknown_session,
)
from agentgate_proto.rpc.jsonrpc import Notification, Request, Success
from agentgate_proto.wire.headers import Headers

MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
COMMON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
HEAD = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "set_light"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
TOLD = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(params: dict[str, Any] | None = None, method: str = "tools/call") -> dict[str, Any]:
    known = {"name": "set_light", "_meta": META}
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": known | (params or {})}


def post(
    body: Any,
    headers: dict[str, str] | None = None,
    *,
    without: tuple[str, ...] = (),
    more: list[tuple[str, str]] | None = None,
) -> Problem | Post | Listen | End:
    lines = [(k, v) for k, v in (COMMON | (headers or {})).items() if k not in without]
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read("POST", Headers(lines + (more or [])), data)


def problem(found: object, status: int, code: int, request_id: Any = None) -> str:
    """Check a refusal, and return its words."""
    assert isinstance(found, Problem)
    assert found.status == status
    answer = json.loads(found.body)
    assert answer.get("id") == request_id
    assert answer["error"]["code"] == code
    message: str = answer["error"]["message"]
    return message


# The head


@pytest.mark.parametrize(
    "accept", ["application/json, text/event-stream;q=0.9", "*/*", "application/*,TEXT/*", None]
)
def test_a_client_must_take_json_and_events(accept: str | None) -> None:
    headers = {} if accept is None else {"accept": accept}
    assert isinstance(post(PING, headers, without=() if accept else ("accept",)), Post)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html", ""])
def test_a_client_that_takes_one_alone_is_refused(accept: str) -> None:
    assert "must accept" in problem(post(PING, {"accept": accept}), 406, -32600)


def test_a_body_must_say_that_it_is_json() -> None:
    assert isinstance(post(PING, {"content-type": "Application/JSON; charset=utf-8"}), Post)
    problem(post(PING, {"content-type": "text/plain"}), 415, -32600)
    problem(post(PING, without=("content-type",)), 415, -32600)


@pytest.mark.parametrize(
    "name",
    ["mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name", "last-event-id"],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_no_header_comes_twice(name: str, method: str) -> None:
    found = read(method, Headers([(name, "a"), (name, "a")]), b"")
    assert name in problem(found, 400, -32020)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_none(method: str) -> None:
    found = read(method, Headers([("mcp-session-id", "s")]), b"")
    problem(found, 405, -32600)
    assert isinstance(found, Problem)
    assert found.headers == (("allow", "POST"),)


# Streams and ends of legacy sessions


def test_a_session_has_a_stream() -> None:
    headers = Headers([("mcp-session-id", "s"), ("accept", "text/event-stream")])
    assert read("GET", headers, b"") == Listen("s", "")
    resumed = Headers([*headers, ("last-event-id", "e1")])
    assert read("GET", resumed, b"") == Listen("s", "e1")
    problem(
        read("GET", Headers([("mcp-session-id", "s"), ("accept", "text/html")]), b""), 406, -32600
    )


def test_a_session_can_be_ended() -> None:
    assert read("DELETE", Headers([("mcp-session-id", "s")]), b"") == End("s")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("headers", [{}, {"mcp-session-id": "s", "mcp-protocol-version": MODERN}])
def test_there_is_neither_without_a_session(method: str, headers: dict[str, str]) -> None:
    lines = {"accept": "text/event-stream"} | headers
    problem(read(method, Headers(lines.items()), b""), 405, -32600)


def test_a_session_that_is_unknown_is_not_found() -> None:
    assert "initialize" in problem(unknown_session(), 404, -32600)


# Bodies


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'"\xff"', -32700),
        (b"7", -32600),
        (b"[]", -32600),
        (b'{"jsonrpc":"2.0"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"result":{}}', -32600),
    ],
)
def test_a_body_that_is_no_message_is_refused(body: bytes, code: int) -> None:
    problem(post(body), 400, code)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_post_or_a_problem(body: bytes) -> None:
    assert isinstance(post(body), Problem | Post)


# The legacy era


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26"])
def test_a_legacy_request_names_its_revision(version: str) -> None:
    found = post(PING, {"mcp-protocol-version": version, "mcp-session-id": "s"})
    assert isinstance(found, Post)
    assert (found.era, found.version, found.session) == (Era.LEGACY, version, "s")
    assert settled(found, "2025-03-26") == found


def test_a_request_that_names_none_is_of_its_session() -> None:
    found = post(call({"_meta": {"progressToken": 3}}), {"mcp-session-id": "s"})
    assert isinstance(found, Post)
    assert (found.era, found.version) == (Era.LEGACY, "")
    with_session = settled(found, "2025-06-18")
    assert isinstance(with_session, Post)
    assert with_session.version == "2025-06-18"
    without = settled(found, "")
    assert isinstance(without, Post)
    assert without.version == "2025-03-26"


def test_a_legacy_client_may_say_its_revision_in_meta() -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": LEGACY}
    found = post(call({"_meta": meta}), {"mcp-protocol-version": LEGACY})
    assert isinstance(found, Post)
    assert found.era is Era.LEGACY


@pytest.mark.parametrize("version", ["2024-11-05", "1900-01-01", "x"])
def test_an_unknown_revision_is_told_the_known_ones(version: str) -> None:
    found = post(PING, {"mcp-protocol-version": version})
    assert "2026-07-28" in problem(found, 400, -32022, 1)
    problem(post(TOLD, {"mcp-protocol-version": version}), 400, -32022)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (TOLD, Notification),
        ({"jsonrpc": "2.0", "id": 3, "result": {}}, Success),
        (PING | {"params": {"_meta": {"progressToken": [1]}}}, Request),
    ],
)
def test_legacy_messages_of_each_kind(body: dict[str, Any], kind: type) -> None:
    found = post(body)
    assert isinstance(found, Post)
    assert found.era is Era.LEGACY
    assert [type(each) for each in found.messages] == [kind]


def test_batches_are_of_one_revision() -> None:
    found = post([PING, TOLD], {"mcp-protocol-version": "2025-03-26"})
    assert isinstance(found, Post)
    assert found.batch
    assert [type(each) for each in found.messages] == [Request, Notification]
    assert settled(found, "") == found
    unnamed = post([PING])
    assert isinstance(unnamed, Post)
    assert isinstance(settled(unnamed, ""), Post)
    problem(settled(unnamed, "2025-06-18"), 400, -32600)


@pytest.mark.parametrize("version", [MODERN, "1900-01-01"])
def test_there_are_no_batches_elsewhere(version: str) -> None:
    assert "batches" in problem(post([PING], {"mcp-protocol-version": version}), 400, -32600)


@pytest.mark.parametrize(
    "body", [[PING, 7], [PING, {"jsonrpc": "2.0", "id": None, "method": "x"}], [PING] * 101]
)
def test_a_batch_is_good_as_a_whole_or_not_at_all(body: list[Any]) -> None:
    problem(post(body), 400, -32600)


# The modern era


def test_a_modern_request_belongs_to_no_session() -> None:
    found = post(call(), HEAD | {"mcp-session-id": "s"})
    assert isinstance(found, Post)
    assert (found.era, found.version, found.session) == (Era.MODERN, MODERN, "")
    assert settled(found, "2025-06-18") == found


@pytest.mark.parametrize(
    ("changed", "without", "words"),
    [
        ({}, ("mcp-protocol-version",), "mcp-protocol-version is missing"),
        ({"mcp-protocol-version": LEGACY}, (), "says '2025-11-25', _meta '2026-07-28'"),
        ({}, ("mcp-method",), "mcp-method is missing"),
        ({"mcp-method": "Tools/Call"}, (), "says 'Tools/Call', the body 'tools/call'"),
        ({}, ("mcp-name",), "mcp-name is missing"),
        ({"mcp-name": "other"}, (), "says 'other', the body 'set_light'"),
        ({"mcp-name": "set_light\x80"}, (), "can't be read"),
        ({"mcp-name": "=?base64?%%?="}, (), "can't be read"),
        ({"mcp-name": "=?base64?gA==?="}, (), "can't be read"),
    ],
)
def test_headers_must_say_what_the_body_says(
    changed: dict[str, str], without: tuple[str, ...], words: str
) -> None:
    assert words in problem(post(call(), HEAD | changed, without=without), 400, -32020, 7)


@pytest.mark.parametrize(
    ("method", "member", "value"),
    [
        ("tools/call", "name", "set_light"),
        ("prompts/get", "name", "été"),
        ("resources/read", "uri", "file:///a b"),
        ("tasks/get", "taskId", "t1"),
        ("tasks/update", "taskId", " t"),
        ("tasks/cancel", "taskId", "=?base64?eA==?="),
    ],
)
def test_the_name_may_be_written_in_base64(method: str, member: str, value: str) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {member: value, "_meta": META}}
    encoded = f"=?base64?{b64encode(value.encode()).decode()}?="
    assert isinstance(post(body, HEAD | {"mcp-method": method, "mcp-name": encoded}), Post)
    other = f"=?base64?{b64encode(b'other').decode()}?="
    problem(post(body, HEAD | {"mcp-method": method, "mcp-name": other}), 400, -32020, 7)


def test_a_name_that_can_not_be_read_is_not_the_header_s() -> None:
    problem(post(call({"name": 7}), HEAD), 400, -32020, 7)


def test_a_method_without_a_name_has_no_such_header() -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": META}}
    assert isinstance(
        post(body, {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}), Post
    )


@pytest.mark.parametrize("missing", list(META))
def test_a_modern_request_says_who_asks(missing: str) -> None:
    meta = {key: value for key, value in META.items() if key != missing}
    assert "_meta must have" in problem(post(call({"_meta": meta}), HEAD), 400, -32602, 7)
    bare = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
    problem(post(bare, HEAD | {"mcp-method": "tools/list"}), 400, -32602, 7)


def test_a_future_revision_is_told_the_known_ones() -> None:
    body = call({"_meta": META | {"io.modelcontextprotocol/protocolVersion": "2030-01-01"}})
    problem(post(body, HEAD | {"mcp-protocol-version": "2030-01-01"}), 400, -32022, 7)


def test_a_modern_notification_needs_no_headers() -> None:
    told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    found = post(told, {"mcp-protocol-version": MODERN})
    assert isinstance(found, Post)
    assert (found.era, found.version) == (Era.MODERN, MODERN)
    without = post(told | {"params": {"_meta": META}})
    assert isinstance(without, Post)
    assert (without.era, without.version) == (Era.MODERN, MODERN)


def test_a_modern_client_answers_nothing_unless_it_has_a_legacy_session() -> None:
    answer = {"jsonrpc": "2.0", "id": 3, "result": {}}
    head = {"mcp-protocol-version": MODERN}
    problem(post(answer, head), 400, -32600)
    found = post(answer, head | {"mcp-session-id": "s"})
    assert isinstance(found, Post)
    assert (found.era, found.session) == (Era.LEGACY, "s")
