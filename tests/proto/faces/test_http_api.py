"""The HTTP face: what each request becomes, and how each answer looks."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.http_api import (
    ROUTES,
    STATUSES,
    Health,
    MakeTicket,
    NativeCall,
    ReadMetrics,
    Reply,
    TakeAnswer,
    answered,
    error_reply,
    health_with,
    may_call,
    read_request,
    result_reply,
    too_many,
)
from agentgate_proto.limits import ANSWER_BYTES_MAX, TOKEN_CHARS_MAX
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.messages import (
    DecideApproval,
    ListApprovals,
    ListGrants,
    RevokeGrant,
    ToolRequest,
)
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Routes


def request(
    method: str, target: str, *, token: str | None = "t", body: bytes = b"", scheme: str = "Bearer"
) -> HttpRequested:
    headers = Headers([] if token is None else [("authorization", f"{scheme} {token}")])
    found = Routes(ROUTES).find(target)
    if found is None or method not in found.place.by_method:
        return HttpRequested(method=method, target=target, headers=headers, body=body)
    return HttpRequested(
        method=method,
        target=target,
        headers=headers,
        body=body,
        route=found.place.by_method[method],
        values=found.values,
    )


def decision(text: str) -> bytes:
    return json.dumps({"decision": text}).encode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", ["/health", "/health?verbose=1"])
def test_health_needs_no_token(method: str, target: str) -> None:
    assert read_request(request(method, target, token=None)) == Health()


def test_an_answer_is_taken_by_its_ticket_alone() -> None:
    asked = request("POST", "/api/answers", token=None, body=b'{"ticket": "abc"}')
    assert read_request(asked) == TakeAnswer("abc")
    other = HttpRequested(
        method="POST",
        target="/api/answers",
        headers=Headers([("x-answer-ticket", "def")]),
        body=b"",
        route=asked.route,
    )
    assert read_request(other) == TakeAnswer("def")


def test_an_answer_by_ticket_may_have_a_word_and_a_code() -> None:
    body = b'{"ticket": "abc", "word": "not at night", "code": "123456"}'
    asked = request("POST", "/api/answers", token=None, body=body)
    assert read_request(asked) == TakeAnswer("abc", "not at night", "123456")


@pytest.mark.parametrize("field", ["word", "code"])
@pytest.mark.parametrize("value", [5, None, "x" * 2_001])
def test_a_word_or_a_code_that_is_none_or_too_long_is_refused(field: str, value: object) -> None:
    body = json.dumps({"ticket": "abc", field: value}).encode()
    reply = read_request(request("POST", "/api/answers", token=None, body=body))
    assert isinstance(reply, Reply)
    assert reply.status == 400


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"ticket": ""}', b'{"ticket": 5}', b'{"a": 1}', b"x", b"[" * 9_000]
)
def test_an_answer_without_a_ticket_is_none(body: bytes) -> None:
    reply = read_request(request("POST", "/api/answers", token=None, body=body))
    assert isinstance(reply, Reply)
    assert reply.status == 400
    assert b"ticket" in reply.body


def test_who_has_a_ticket_is_told_how_the_approval_stands_and_no_more() -> None:
    view = ApprovalView(
        id="a1",
        agent="agent",
        tool="t",
        args=msgspec.Raw(b'{"secret": 1}'),
        signature="t()",
        rule="r",
        created_at="",
        expires_at="",
        status="waiting",
        approved_by=("ann",),
        approvers_needed=2,
    )
    assert json.loads(answered(view).body) == {
        "id": "a1",
        "status": "waiting",
        "approved_by": 1,
        "approvers_needed": 2,
    }


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("token", "taken"), [("t", "t"), (None, ""), ("", "")])
def test_metrics_are_asked_for_with_a_token_or_without(
    method: str, token: str | None, taken: str
) -> None:
    assert read_request(request(method, "/metrics", token=token)) == ReadMetrics(taken)


def test_a_token_of_another_scheme_or_size_is_none() -> None:
    assert read_request(request("GET", "/metrics", scheme="Basic")) == ReadMetrics("")
    long = "t" * (TOKEN_CHARS_MAX + 1)
    assert read_request(request("GET", "/metrics", token=long)) == ReadMetrics("")


def test_a_ticket_is_made_for_whose_token_it_is() -> None:
    assert read_request(request("POST", "/api/tickets")) == MakeTicket("t")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_list_of_approvals_is_the_native_call_with_the_token(scheme: str) -> None:
    call = read_request(request("GET", "/api/approvals", scheme=scheme))
    assert call == NativeCall("t", ListApprovals())


@pytest.mark.parametrize("text", ["approve", "deny"])
def test_a_decision_is_the_native_call(text: str) -> None:
    call = read_request(request("POST", "/api/approvals/abc-_1", body=decision(text)))
    assert call == NativeCall("t", DecideApproval(id="abc-_1", decision=text))  # type: ignore[arg-type]


def test_a_decision_takes_a_code_and_a_grant_along() -> None:
    body = b'{"decision":"approve","code":"123456","grant":{"minutes":10,"any_args":["n"]}}'
    call = read_request(request("POST", "/api/approvals/a", body=body))
    terms = GrantTerms(minutes=10, any_args=("n",))
    params = DecideApproval(id="a", decision="approve", code="123456", grant=terms)
    assert call == NativeCall("t", params)


def test_grants_are_listed_and_revoked_by_the_native_calls() -> None:
    assert read_request(request("GET", "/api/grants")) == NativeCall("t", ListGrants())
    call = read_request(request("DELETE", "/api/grants/g1"))
    assert call == NativeCall("t", RevokeGrant(id="g1"))


@pytest.mark.parametrize(
    ("asked", "status", "header"),
    [
        (request("DELETE", "/api/grants/" + "x" * 300), 400, ""),
        (
            request("POST", "/api/approvals/x", body=b'{"decision":"approve","grant":{}}'),
            400,
            "",
        ),
        (
            request(
                "POST",
                "/api/approvals/x",
                body=b'{"decision":"approve","code":"12345678901234567"}',
            ),
            400,
            "",
        ),
        (request("GET", "/api/approvals/" + "x" * 300), 400, ""),
        (request("GET", "/api/approvals?after=" + "x" * 300), 400, ""),
        (request("GET", "/"), 426, "upgrade"),
        (request("GET", "/favicon.ico"), 404, ""),
        (request("GET", "/api/approvals", token=None), 401, "www-authenticate"),
        (request("POST", "/api/tickets", token=None), 401, "www-authenticate"),
        (request("GET", "/api/approvals", token=" "), 401, "www-authenticate"),
        (request("GET", "/api/approvals", scheme="Basic"), 401, "www-authenticate"),
        (
            request("GET", "/api/approvals", token="x" * (TOKEN_CHARS_MAX + 1)),
            401,
            "www-authenticate",
        ),
        (request("POST", "/api/approvals/x", body=b""), 400, ""),
        (request("POST", "/api/approvals/x", body=b"[" * 100_000), 400, ""),
        (request("POST", "/api/approvals/x", body=decision("perhaps")), 400, ""),
        (request("POST", "/api/approvals/x", body=b'{"decision":"approve","x":1}'), 400, ""),
        (request("POST", "/api/approvals/" + "x" * 300, body=decision("deny")), 400, ""),
    ],
)
def test_what_cannot_be_a_call_is_answered_at_once(
    asked: HttpRequested, status: int, header: str
) -> None:
    reply = read_request(asked)
    assert isinstance(reply, Reply)
    assert reply.status == status
    assert set(reply.headers) == ({header} if header else set())
    assert json.loads(reply.body)["error"]


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE"]),
    target=st.text(),
    token=st.none() | st.text(),
    body=st.binary(),
)
def test_no_request_raises(method: str, target: str, token: str | None, body: bytes) -> None:
    read = read_request(request(method, "/api/approvals/" + target, token=token, body=body))
    assert isinstance(read, NativeCall | Reply)


@pytest.mark.parametrize(
    ("role", "params", "may"),
    [
        (Role.APPROVER, ListApprovals(), True),
        (Role.OPERATOR, DecideApproval(id="x", decision="deny"), True),
        (Role.AGENT, ListApprovals(), False),
        (Role.APPROVER, ToolRequest(tool="x"), False),
    ],
)
def test_roles_are_those_of_the_method_table(role: Role, params: msgspec.Struct, may: bool) -> None:
    assert may_call(Principal(name="x", role=role), params) is may


def test_a_result_is_sent_as_it_is() -> None:
    reply = result_reply({"approvals": []})
    assert (reply.status, reply.body) == (200, b'{"approvals":[]}')


@pytest.mark.parametrize(("code", "status"), list(STATUSES.items()))
def test_each_error_has_its_status(code: ErrorCode, status: int) -> None:
    reply = error_reply(code, "", None)
    assert reply.status == status
    words = json.loads(reply.body)["error"]
    assert code == ErrorCode.AUTHENTICATION or words == ERRORS[code].message


def test_an_error_of_no_known_kind_is_a_500() -> None:
    assert error_reply(ErrorCode.PARSE_ERROR, "what", None).status == 500


def test_a_settled_approval_comes_with_what_happened() -> None:
    view: dict[str, Any] = {"status": "denied"}
    body = json.loads(error_reply(ErrorCode.ALREADY_SETTLED, "Already denied", view).body)
    assert body == {"error": "Already denied", "code": -32009, "approval": view}


@pytest.mark.parametrize(
    ("data", "headers"), [({"retry_after_s": 2.5}, {"retry-after": "3"}), (None, {})]
)
def test_a_limit_says_when_to_come_back(data: Any, headers: dict[str, str]) -> None:
    reply = error_reply(ErrorCode.LIMIT_EXCEEDED, "slow down", data)
    assert reply.headers == headers
    more = data or {}
    assert json.loads(reply.body) == {"error": "slow down", "code": -32006, **more}


def test_an_answer_that_is_too_large_is_an_error_that_says_so() -> None:
    assert result_reply("x" * (ANSWER_BYTES_MAX - 2)).status == 200
    reply = result_reply("x" * (ANSWER_BYTES_MAX - 1))
    assert reply.status == 400
    assert "too much for one; ask for less" in json.loads(reply.body)["error"]


def test_who_floods_without_a_token_has_to_come_again() -> None:
    reply = too_many(2.5)
    assert reply.status == 429
    assert reply.headers == {"retry-after": "3", "connection": "close"}
    assert json.loads(reply.body)["retry_after_s"] == 2.5


@pytest.mark.parametrize(
    ("status", "faces", "told"),
    [
        ("ok", {"http_api"}, "ok"),
        ("ok", {"http_api", "agentspace"}, "ok"),
        ("ok", {"universal_agent"}, "healthy"),
        ("failing", {"universal_agent"}, "failing"),
    ],
)
def test_health_says_what_clients_of_other_faces_look_for(
    status: str, faces: set[str], told: str
) -> None:
    body = {"status": status, "version": "1", "uptime_s": 1.5, "store": "ok"}
    assert health_with(body, faces, 5) == {
        "status": told,
        "version": "1",
        "uptime_s": 1.5,
        "store": "ok",
        "uptime": 1.5,
        "sessions_active": 5,
    }


def test_a_browser_gets_a_page_that_runs_nothing() -> None:
    accept = Headers([("accept", "text/html,application/xhtml+xml;q=0.9")])
    asked = HttpRequested(method="GET", target="/", headers=accept, body=b"")
    reply = read_request(asked)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["upgrade"]) == (426, "websocket")
    assert reply.content_type.startswith("text/html")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert b"agent-gate approvals watch" in reply.body
    assert b"<script" not in reply.body
