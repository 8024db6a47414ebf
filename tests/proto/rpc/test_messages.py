"""The table of methods and the parameters that each takes."""

from __future__ import annotations

import inspect
import json
from typing import Any

import msgspec
import pytest

from agentgate_proto.limits import (
    LIST_ROWS_MAX,
    NAME_CHARS_MAX,
    PARAMS_MAX,
    PROVIDED_TOOLS_MAX,
    TOKEN_CHARS_MAX,
)
from agentgate_proto.principal import Role
from agentgate_proto.rpc import messages
from agentgate_proto.rpc.decoding import decode_params
from agentgate_proto.rpc.messages import (
    METHODS,
    Ack,
    Auth,
    AuthResult,
    CancelRequest,
    DecideApproval,
    GetPendingResults,
    Kind,
    ListRequests,
    ToolRequest,
)

SMALLEST: dict[str, dict[str, Any]] = {
    "auth": {"token": "t"},
    "tool_request": {"tool": "lamp"},
    "get_pending_results": {},
    "cancel_request": {"request_id": 1},
    "ack": {"seq": 1},
    "list_tools": {},
    "list_requests": {},
    "list_approvals": {},
    "watch_approvals": {},
    "decide_approval": {"id": "a", "decision": "approve"},
    "list_grants": {},
    "explain_request": {"tool": "t"},
    "reload": {},
    "list_upstreams": {},
    "preview_grant": {"id": "a", "grant": {"minutes": 10}},
    "revoke_grant": {"id": "g"},
    "mute_agent": {"agent": "evil"},
    "list_mutes": {},
    "list_models": {},
    "create_session": {},
    "list_sessions": {},
    "get_session": {"session": "s"},
    "delete_session": {"session": "s"},
    "send_message": {"session": "s", "text": "hi", "message_id": "m"},
    "preview_edit": {"id": "a", "edit": {"set": {"n": 1}}},
    "attach_session": {"session": "s"},
    "detach_session": {"session": "s"},
    "cancel_run": {"session": "s"},
    "inspect_session": {"session": "s"},
    "report_usage": {},
    "tools.provide": {"tools": []},
    "tools.call": {"call": "c", "tool": "temp"},
    "tools.cancel": {"call": "c"},
    "login_agent": {"agent": "house", "password": "p"},
    "logout_agent": {"agent": "house"},
    "session_event": {"session": "s", "events": []},
    "request_waiting": {"request_id": 1, "expires_at": "2026-11-20T10:00:00.000Z"},
    "approval_changed": {
        "id": "a",
        "agent": "bot",
        "tool": "lamp",
        "args": {},
        "signature": "lamp()",
        "rule": "built-in",
        "created_at": "2026-11-20T10:00:00.000Z",
        "expires_at": "2026-11-20T10:15:00.000Z",
        "status": "waiting",
    },
}
"""For each method, parameters with nothing but what it needs."""


def take(name: str, params: Any) -> msgspec.Struct:
    return decode_params(METHODS[name], msgspec.Raw(json.dumps(params).encode()))


def refusal(name: str, params: Any) -> str:
    with pytest.raises(msgspec.DecodeError) as caught:
        take(name, params)
    return str(caught.value)


# The table


def test_the_table_is_complete() -> None:
    assert set(METHODS) == set(SMALLEST)
    assert all(name == method.name for name, method in METHODS.items())


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_documented_by_the_type_of_its_parameters(name: str) -> None:
    text = inspect.getdoc(METHODS[name].params)
    assert text
    assert text.split("\n")[0].endswith(".")


def test_every_type_of_parameters_belongs_to_one_method() -> None:
    types = [method.params for method in METHODS.values()]
    assert len(set(types)) == len(types)


def test_only_auth_is_allowed_before_auth() -> None:
    assert [name for name, method in METHODS.items() if method.before_auth] == ["auth"]
    assert METHODS["auth"].roles == set(Role)


def test_what_only_a_gateway_sends_is_a_notification_or_a_call_of_a_provided_tool() -> None:
    from_gateway = {name for name, method in METHODS.items() if not method.roles}
    told = {"session_event", "request_waiting", "approval_changed", "tools.cancel"}
    assert from_gateway == told | {"tools.call"}
    assert {n for n in from_gateway if METHODS[n].kind is Kind.NOTIFICATION} == told


def test_an_agent_cannot_decide_and_a_person_cannot_ask_for_tools() -> None:
    for name, method in METHODS.items():
        if "approval" in name:
            assert Role.AGENT not in method.roles
    assert METHODS["tool_request"].roles == {Role.AGENT, Role.RELAY}


@pytest.mark.seed001("FR1-AC1", "FR5-AC1")
@pytest.mark.parametrize("name", ["auth", "tool_request", "get_pending_results"])
def test_the_methods_of_seed_001_are_requests(name: str) -> None:
    assert METHODS[name].kind is Kind.REQUEST


# Parameters


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_the_smallest_parameters(name: str) -> None:
    assert type(take(name, SMALLEST[name])) is METHODS[name].params


@pytest.mark.parametrize("name", METHODS)
def test_members_that_we_do_not_know_are_ignored(name: str) -> None:
    newer = SMALLEST[name] | {"from_the_future": {"a": [1]}}
    assert take(name, newer) == take(name, SMALLEST[name])


@pytest.mark.parametrize("name", METHODS)
def test_a_member_that_is_needed_and_missing_is_named(name: str) -> None:
    for member in SMALLEST[name]:
        rest = {key: value for key, value in SMALLEST[name].items() if key != member}
        assert f"`{member}`" in refusal(name, rest)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("params", [[], [1, 2], "text", 7, None])
def test_parameters_by_position_do_not_fit_any_method(name: str, params: Any) -> None:
    assert "Expected `object`" in refusal(name, params)


def test_a_call_without_parameters_is_one_with_an_empty_object() -> None:
    none = msgspec.Raw(b"")
    assert decode_params(METHODS["get_pending_results"], none) == GetPendingResults()
    with pytest.raises(msgspec.DecodeError, match="`tool`"):
        decode_params(METHODS["tool_request"], none)


def test_defaults_are_those_of_a_client_that_knows_only_seed_001() -> None:
    auth = take("auth", {"token": "secret"})
    assert auth == Auth(token="secret", client_id="", progress=False)
    assert take("tool_request", {"tool": "x"}) == ToolRequest(tool="x", args={})
    assert take("list_requests", {}) == ListRequests(open_only=False, limit=100)


def test_a_message_has_only_so_many_further_parameters_with_short_names() -> None:
    message = SMALLEST["send_message"]
    many = {str(number): 1 for number in range(PARAMS_MAX)}
    assert take("send_message", message | {"params": many})
    assert f"length <= {PARAMS_MAX}" in refusal(
        "send_message", message | {"params": many | {"more": 1}}
    )
    assert "length <= 256" in refusal("send_message", message | {"params": {"x" * 257: 1}})


def test_arguments_of_two_requests_are_never_the_same_object() -> None:
    one, two = take("tool_request", {"tool": "x"}), take("tool_request", {"tool": "x"})
    assert isinstance(one, ToolRequest)
    assert isinstance(two, ToolRequest)
    assert one.args is not two.args


@pytest.mark.parametrize(
    ("name", "params", "where"),
    [
        ("auth", {"token": ""}, "$.token"),
        ("auth", {"token": "x" * (TOKEN_CHARS_MAX + 1)}, "$.token"),
        ("auth", {"token": 7}, "$.token"),
        ("auth", {"token": "t", "client_id": "x" * (NAME_CHARS_MAX + 1)}, "$.client_id"),
        ("auth", {"token": "t", "progress": "yes"}, "$.progress"),
        ("tool_request", {"tool": ""}, "$.tool"),
        ("tool_request", {"tool": "x" * (NAME_CHARS_MAX + 1)}, "$.tool"),
        ("tool_request", {"tool": "x", "args": [1]}, "$.args"),
        ("tool_request", {"tool": "x", "args": None}, "$.args"),
        (
            "tool_request",
            {"tool": "x", "idempotency_key": "x" * (NAME_CHARS_MAX + 1)},
            "$.idempotency_key",
        ),
        ("cancel_request", {"request_id": True}, "$.request_id"),
        ("cancel_request", {"request_id": 1.5}, "$.request_id"),
        ("cancel_request", {"request_id": None}, "$.request_id"),
        ("cancel_request", {"request_id": 2**63}, "$.request_id"),
        ("cancel_request", {"request_id": -(2**63) - 1}, "$.request_id"),
        ("cancel_request", {"request_id": "x" * (NAME_CHARS_MAX + 1)}, "$.request_id"),
        ("tools.provide", {"tools": [{"name": "a.b"}]}, "$.tools[0].name"),
        ("tools.provide", {"tools": [{"name": "a", "timeout_s": 0}]}, "$.tools[0].timeout_s"),
        ("tools.provide", {"tools": [{"name": "a"}] * (PROVIDED_TOOLS_MAX + 1)}, "$.tools"),
        ("ack", {"seq": "1"}, "$.seq"),
        ("ack", {"seq": 1.5}, "$.seq"),
        ("list_requests", {"limit": 0}, "$.limit"),
        ("list_requests", {"limit": LIST_ROWS_MAX + 1}, "$.limit"),
        ("decide_approval", {"id": "a", "decision": "maybe"}, "$.decision"),
        ("decide_approval", {"id": "x" * (NAME_CHARS_MAX + 1), "decision": "deny"}, "$.id"),
    ],
)
def test_what_does_not_fit_or_is_beyond_a_cap_is_refused_by_name(
    name: str, params: dict[str, Any], where: str
) -> None:
    assert where in refusal(name, SMALLEST[name] | params)


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("auth", {"token": "x" * TOKEN_CHARS_MAX}, Auth(token="x" * TOKEN_CHARS_MAX)),
        ("cancel_request", {"request_id": 2**63 - 1}, CancelRequest(request_id=2**63 - 1)),
        ("cancel_request", {"request_id": "1"}, CancelRequest(request_id="1")),
        ("list_requests", {"limit": 1}, ListRequests(limit=1)),
        ("list_requests", {"limit": LIST_ROWS_MAX}, ListRequests(limit=LIST_ROWS_MAX)),
        ("ack", {"seq": 7}, Ack(seq=7)),
        (
            "decide_approval",
            {"id": "a", "decision": "deny"},
            DecideApproval(id="a", decision="deny"),
        ),
    ],
)
def test_what_is_just_within_a_cap_is_taken(
    name: str, params: dict[str, Any], expected: msgspec.Struct
) -> None:
    assert take(name, SMALLEST[name] | params) == expected


def test_many_arrays_side_by_side_are_not_deep() -> None:
    args = {"rooms": [[room] for room in range(1_000)], "text": "[{" * 1_000}
    assert take("tool_request", {"tool": "x", "args": args}) == ToolRequest(tool="x", args=args)


@pytest.mark.parametrize("name", METHODS)
def test_parameters_cannot_be_changed_after_they_were_checked(name: str) -> None:
    assert take(name, SMALLEST[name]).__struct_config__.frozen


@pytest.mark.seed001("FR1-AC1")
def test_a_client_that_names_nothing_but_its_token_sends_nothing_else() -> None:
    assert msgspec.json.encode(Auth(token="...")) == b'{"token":"..."}'


# Results


@pytest.mark.seed001("FR1-AC1")
def test_the_auth_result_says_that_the_caller_is_authenticated() -> None:
    result = AuthResult(
        status="authenticated", principal="bot", role=Role.AGENT, epoch="e", retention_s=60.0
    )
    assert json.loads(msgspec.json.encode(result)) == {
        "status": "authenticated",
        "principal": "bot",
        "role": "agent",
        "highest_id": 0,
        "epoch": "e",
        "retention_s": 60.0,
    }


def test_a_reader_takes_an_auth_result_that_says_nothing_but_its_status() -> None:
    result = msgspec.json.decode(b'{"status":"authenticated"}', type=AuthResult)
    assert result == AuthResult(status="authenticated")
    assert result.retention_s is msgspec.UNSET
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b"{}", type=AuthResult)


def test_an_approval_view_leaves_out_what_says_nothing() -> None:
    view = take("approval_changed", SMALLEST["approval_changed"])
    assert json.loads(msgspec.json.encode(view)) == SMALLEST["approval_changed"]


def test_the_parameters_of_every_method_are_public_names_of_the_module() -> None:
    for method in METHODS.values():
        assert getattr(messages, method.params.__name__) is method.params


def test_every_request_has_a_type_of_its_result_and_no_notification_has_one() -> None:
    for method in METHODS.values():
        assert (method.result is None) is (method.kind is Kind.NOTIFICATION), method.name


def test_who_has_the_wrong_role_is_told_whose_the_method_is() -> None:
    words = METHODS["decide_approval"].not_for(Role.AGENT)
    assert words == "decide_approval is not for the role agent, but for approver or operator"
