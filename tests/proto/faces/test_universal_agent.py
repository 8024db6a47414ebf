"""The universal_agent face over plain HTTP: seed 003's requests and responses."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.stories import VIEW

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.faces.universal_agent import (
    EXECUTE,
    ROUTES,
    error_reply,
    problem,
    read_request,
    result_reply,
)
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    DeleteSession,
    GetSession,
    ListSessions,
    SessionDeleted,
    SessionList,
)
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Routes

ASKED = GetSession(session="s1")


def request(method: str, target: str, body: bytes = b"") -> HttpRequested:
    found = Routes(ROUTES).find(target)
    assert found is not None
    return HttpRequested(
        method=method,
        target=target,
        headers=Headers([]),
        body=body,
        route=found.place.by_method[method],
        values=found.values,
    )


def creation(value: Any) -> msgspec.Struct | Reply:
    return read_request(request("POST", "/sessions", json.dumps(value).encode()))


def detail(reply: msgspec.Struct | Reply) -> tuple[int, Any]:
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)["detail"]


# Requests


def test_a_session_is_created_as_the_seed_does() -> None:
    asked = creation({"user_id": "user_123", "workspace_dir": "/home/user/project"})
    assert asked == CreateSession(user_id="user_123", workspace="/home/user/project")
    assert creation({"user_id": "user"}) == CreateSession(user_id="user")
    assert creation({"user_id": "u", "workspace_dir": None}) == CreateSession(user_id="u")
    assert creation({"metadata": {"a": 1}, "model": "m"}) == CreateSession(
        metadata={"a": 1}, model="m"
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "json_invalid"),
        (b"{", "json_invalid"),
        (b'{"x": ' + b"[" * 100_000, "json_invalid"),
        (b'{"metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 101, "value_error"),
        (b'{"user_id": "\xff"}', "json_invalid"),
        (b"[]", "value_error"),
        (b'{"user_id": 1}', "value_error"),
        (b'{"metadata": []}', "value_error"),
        (b'{"workspace_dir": "%s"}' % (b"x" * 5_000), "value_error"),
    ],
)
def test_a_body_that_does_not_fit_is_422(body: bytes, kind: str) -> None:
    status, found = detail(read_request(request("POST", "/sessions", body)))
    assert status == 422
    assert (found[0]["loc"], found[0]["type"]) == (["body"], kind)
    assert found[0]["msg"]


def test_a_session_is_asked_for_and_deleted() -> None:
    target = "/sessions/sess_abc123def456"
    assert read_request(request("GET", target)) == GetSession(session="sess_abc123def456")
    assert read_request(request("DELETE", target)) == DeleteSession(session="sess_abc123def456")
    assert read_request(request("GET", "/sessions/a%2Fb")) == GetSession(session="a/b")


def test_an_id_that_none_can_have_is_not_found() -> None:
    target = "/sessions/" + "x" * (NAME_CHARS_MAX + 1)
    for method in ("GET", "DELETE"):
        assert detail(read_request(request(method, target))) == (404, "Session not found")


def test_sessions_are_listed_for_a_user_and_page_by_page() -> None:
    assert read_request(request("GET", "/sessions")) == ListSessions()
    assert read_request(request("GET", "/sessions?user_id=user_123")) == ListSessions(
        user_id="user_123"
    )
    target = "/sessions?user_id=a%20b&limit=5&before=s1&other=1"
    assert read_request(request("GET", target)) == ListSessions(user_id="a b", limit=5, before="s1")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "&".join(["a=1"] * 65)])
def test_a_question_that_does_not_fit_is_422(query: str) -> None:
    status, found = detail(read_request(request("GET", f"/sessions?{query}")))
    assert (status, found[0]["loc"]) == (422, ["query"])


def test_the_path_of_a_run_is_for_websockets_alone() -> None:
    found = Routes(ROUTES).find("/sessions/s1/execute")
    assert found is not None
    assert found.place.websocket is not None
    assert (found.place.websocket.path, found.place.by_method) == (EXECUTE, {})


# Responses


def test_a_session_is_shown_as_in_the_seed() -> None:
    reply = result_reply(VIEW)
    assert reply.status == 200
    assert reply.body == (
        b'{"session_id":"s1","user_id":"user_123","workspace_dir":"/work/s1",'
        b'"created_at":"2026-01-24T08:00:00Z","metadata":{}}'
    )


def test_sessions_are_listed_in_the_order_in_which_they_were_made() -> None:
    second = msgspec.structs.replace(VIEW, id="s2", created_at="2026-01-24T09:00:00Z")
    reply = result_reply(SessionList(sessions=[second, VIEW]))
    row = {"user_id": "user_123", "workspace_dir": "/work/s1"}
    assert json.loads(reply.body) == {
        "sessions": [
            {"session_id": "s1", **row, "created_at": "2026-01-24T08:00:00Z"},
            {"session_id": "s2", **row, "created_at": "2026-01-24T09:00:00Z"},
        ]
    }
    assert result_reply(SessionList(sessions=[], more=True)).body == b'{"sessions":[],"more":true}'


def test_a_deleted_session_is_gone() -> None:
    assert result_reply(SessionDeleted()).body == b'{"deleted":true}'


def test_errors_have_a_detail_and_a_status() -> None:
    lost = error_reply(ASKED, ErrorCode.SESSION_NOT_FOUND, "whatever", None)
    assert (lost.status, lost.body) == (404, b'{"detail":"Session not found"}')
    there = CreateSession(workspace="/etc")
    for code in (ErrorCode.INVALID_PARAMS, ErrorCode.FORBIDDEN):
        outside = error_reply(there, code, "outside workspace_roots", None)
        assert detail(outside) == (403, "outside workspace_roots")
    assert detail(error_reply(ASKED, ErrorCode.INTERNAL_ERROR, "", {})) == (503, "Internal error")
    assert detail(error_reply(ASKED, ErrorCode.OVER_BUDGET, "x", None)) == (500, "x")
    busy = error_reply(ASKED, ErrorCode.LIMIT_EXCEEDED, "too many", {"retry_after_s": 1.5})
    assert (busy.status, busy.headers) == (429, {"retry-after": "2"})
    for asked in (ASKED, CreateSession(model="x")):
        status, found = detail(error_reply(asked, ErrorCode.INVALID_PARAMS, "no such", None))
        assert (status, found[0]["msg"]) == (422, "no such")
    assert detail(problem(401, "send a token")) == (401, "send a token")


# Whoever fuzzes

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
names = st.sampled_from(["user_id", "workspace_dir", "metadata", "model", "x"])


@given(st.dictionaries(names, json_values))
def test_whatever_body_comes_is_a_call_or_422(value: Any) -> None:
    asked = creation(value)
    assert isinstance(asked, CreateSession) or detail(asked)[0] == 422


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_a_call_or_422(body: bytes) -> None:
    asked = read_request(request("POST", "/sessions", body))
    assert isinstance(asked, CreateSession) or detail(asked)[0] == 422


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=50))
def test_whatever_question_comes_is_a_call_or_422(query: str) -> None:
    asked = read_request(request("GET", f"/sessions?{query}"))
    assert isinstance(asked, ListSessions) or detail(asked)[0] == 422


def test_no_row_is_left_without_a_time() -> None:
    odd = SessionView(**{**msgspec.structs.asdict(VIEW), "created_at": "2026-01-24T08:00:00Z"})
    assert json.loads(result_reply(odd).body)["created_at"] == "2026-01-24T08:00:00Z"
