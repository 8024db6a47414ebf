"""What each method is, by era."""

import json
from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.mcp.dispatch import Gate, dispatch, version_of
from agentgate_proto.faces.mcp.messages import ClientCapabilities, Wanted
from agentgate_proto.faces.mcp.wishes import (
    Answered,
    Begin,
    Call,
    Cancel,
    CancelTask,
    Complete,
    GetPrompt,
    GetTask,
    ListenFor,
    ListPrompts,
    ListResources,
    ListTemplates,
    ListTools,
    Nothing,
    ReadResource,
    Ready,
    RootsChanged,
    SetLevel,
    Subscribe,
    UpdateTask,
    Wish,
)
from agentgate_proto.rpc.jsonrpc import ErrorObject, Failure, Notification, Request, Success

MODERN, LEGACY = "2026-07-28", "2025-11-25"
BARE = Gate(version="1.2.3")
FULL = Gate(version="1.2.3", resources=True, prompts=True, completions=True, logging=True)
TASKS = "io.modelcontextprotocol/tasks"
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
WITH_TASKS = META | {
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
}


def request(method: str, params: dict[str, Any] | None = None, id_: int | str = 7) -> Request:
    raw = b"" if params is None else json.dumps(params).encode()
    return Request(id_, method, msgspec.Raw(raw))


def modern(
    method: str, params: dict[str, Any] | None = None, *, gate: Gate = FULL, meta: Any = META
) -> Wish:
    return dispatch(request(method, {"_meta": meta} | (params or {})), MODERN, gate)


def legacy(method: str, params: dict[str, Any] | None = None, *, gate: Gate = FULL) -> Wish:
    return dispatch(request(method, params), LEGACY, gate)


def result(wish: Wish) -> dict[str, Any]:
    assert isinstance(wish, Ready | Begin)
    answer = json.loads(wish.body)
    assert answer["id"] == 7
    found: dict[str, Any] = answer["result"]
    return found


def error(wish: Wish, status: int) -> int:
    assert isinstance(wish, Ready)
    assert wish.status == status
    code: int = json.loads(wish.body)["error"]["code"]
    return code


# The beginnings


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [("2025-03-26", "2025-03-26"), (LEGACY, LEGACY), (MODERN, LEGACY), ("2024-11-05", LEGACY)],
)
def test_initialize_begins_a_session(asked: str, agreed: str) -> None:
    wish = legacy(
        "initialize",
        {"protocolVersion": asked, "capabilities": {"elicitation": {}}, "clientInfo": {}},
        gate=BARE,
    )
    assert isinstance(wish, Begin)
    assert wish.version == agreed
    assert wish.capabilities.can() == {"elicitation.form"}
    answer = result(wish)
    assert "gate_result" in answer.pop("instructions")
    assert answer == {
        "protocolVersion": agreed,
        "capabilities": {"tools": {"listChanged": True}},
        "serverInfo": {"name": "agent-gate", "version": "1.2.3"},
    }


def test_discover_says_all_that_is_spoken() -> None:
    answer = result(modern("server/discover", gate=BARE))
    assert "gate_result" in answer.pop("instructions")
    assert answer == {
        "resultType": "complete",
        "supportedVersions": [MODERN, LEGACY, "2025-06-18", "2025-03-26"],
        "capabilities": {"tools": {"listChanged": True}, "extensions": {TASKS: {}}},
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "agent-gate", "version": "1.2.3"}},
    }


def test_what_there_is_behind_is_said() -> None:
    said = result(legacy("initialize", {"protocolVersion": LEGACY}))["capabilities"]
    assert said == {
        "tools": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "prompts": {"listChanged": True},
        "completions": {},
        "logging": {},
    }
    assert result(modern("server/discover"))["capabilities"] == said | {"extensions": {TASKS: {}}}
    without = Gate(version="1", tasks=False)
    assert "extensions" not in result(modern("server/discover", gate=without))["capabilities"]


def test_an_unknown_revision_is_refused() -> None:
    assert error(dispatch(request("tools/list"), "1900-01-01", FULL), 400) == -32022


# Each method belongs to its eras, and to what there is

LISTS = [
    ("tools/list", ListTools),
    ("resources/list", ListResources),
    ("resources/templates/list", ListTemplates),
    ("prompts/list", ListPrompts),
]
NEEDS_A_BACKEND = [
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
]


@pytest.mark.parametrize(("method", "wish"), LISTS)
def test_lists_are_in_both_eras(method: str, wish: type) -> None:
    assert legacy(method) == wish(7, "")
    assert legacy(method, {"cursor": "c"}) == wish(7, "c")
    assert modern(method, {"cursor": "c"}) == wish(7, "c")


@pytest.mark.parametrize("method", NEEDS_A_BACKEND)
def test_there_is_nothing_without_a_server_that_offers_it(method: str) -> None:
    params = {"uri": "test://x", "name": "x", "level": "info"}
    assert error(legacy(method, params, gate=BARE), 200) == -32601
    assert error(modern(method, params, gate=BARE), 404) == -32601


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "resources/subscribe", "resources/unsubscribe", "logging/setLevel", "x"],
)
def test_what_is_not_in_the_modern_era(method: str) -> None:
    assert error(modern(method, {"uri": "test://x"}), 404) == -32601


@pytest.mark.parametrize(
    "method",
    ["server/discover", "subscriptions/listen", "tasks/get", "tasks/list", "tasks/result", "x"],
)
def test_what_is_not_in_the_legacy_era(method: str) -> None:
    assert error(legacy(method, {"taskId": "t"}), 200) == -32601


# Calls and what is like them


@pytest.mark.parametrize("era", [legacy, modern])
def test_a_call(era: Any) -> None:
    wish = era("tools/call", {"name": "set_light", "arguments": {"on": True}})
    assert isinstance(wish, Call)
    assert (wish.id, wish.name, bytes(wish.arguments)) == (7, "set_light", b'{"on": true}')
    assert (wish.input_responses, wish.request_state) == ({}, "")


def test_a_call_says_what_it_wants_and_brings_answers_along() -> None:
    wish = modern(
        "tools/call",
        {
            "name": "set_light",
            "arguments": None,
            "inputResponses": {"k": {"action": "accept"}},
            "requestState": "s",
            "_meta": META | {"progressToken": "p"},
        },
    )
    assert isinstance(wish, Call)
    assert bytes(wish.arguments) == b"{}"
    assert {k: bytes(v) for k, v in wish.input_responses.items()} == {"k": b'{"action": "accept"}'}
    assert wish.request_state == "s"
    assert wish.meta.progress_token == "p"


@pytest.mark.parametrize("era", [legacy, modern])
def test_a_resource(era: Any) -> None:
    wish = era("resources/read", {"uri": "test://x"})
    assert isinstance(wish, ReadResource)
    assert (wish.id, wish.uri) == (7, "test://x")


@pytest.mark.parametrize("era", [legacy, modern])
def test_a_prompt(era: Any) -> None:
    wish = era("prompts/get", {"name": "p", "arguments": {"a": "b"}})
    assert isinstance(wish, GetPrompt)
    assert (wish.id, wish.name, bytes(wish.arguments)) == (7, "p", b'{"a": "b"}')


@pytest.mark.parametrize(
    ("ref", "uri", "prompt"),
    [
        ({"type": "ref/prompt", "name": "p"}, "", "p"),
        ({"type": "ref/resource", "uri": "test://{x}"}, "test://{x}", ""),
    ],
)
@pytest.mark.parametrize("era", [legacy, modern])
def test_a_completion(era: Any, ref: dict[str, str], uri: str, prompt: str) -> None:
    argument = {"name": "a", "value": "v"}
    wish = era("completion/complete", {"ref": ref, "argument": argument, "context": {}})
    assert isinstance(wish, Complete)
    assert (wish.id, wish.uri, wish.prompt) == (7, uri, prompt)
    assert json.loads(bytes(wish.argument)) == argument
    assert bytes(wish.context) == b"{}"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {}),
        ("tools/call", {"name": ""}),
        ("tools/call", {"name": "x", "arguments": [1]}),
        ("tools/call", {"name": "x", "arguments": "{}"}),
        ("tools/list", {"cursor": 7}),
        ("resources/read", {}),
        ("prompts/get", {"name": "p", "arguments": 7}),
        ("completion/complete", {"ref": {}, "argument": {}}),
        ("completion/complete", {"ref": {"uri": "u", "name": "n"}, "argument": {}}),
        ("completion/complete", {"ref": {"uri": "u"}}),
    ],
)
def test_parameters_that_do_not_fit(method: str, params: dict[str, Any]) -> None:
    assert error(legacy(method, params), 200) == -32602
    assert error(modern(method, params), 400) == -32602


@pytest.mark.parametrize("missing", list(META))
def test_a_modern_request_says_who_asks_wherever_it_comes_from(missing: str) -> None:
    meta = {key: value for key, value in META.items() if key != missing}
    assert error(modern("tools/list", meta=meta), 400) == -32602
    assert error(dispatch(request("tools/list"), MODERN, FULL), 400) == -32602


# What is in one era alone


def test_legacy_requests() -> None:
    assert result(legacy("ping")) == {}
    assert legacy("resources/subscribe", {"uri": "test://x"}) == Subscribe(7, "test://x", on=True)
    assert legacy("resources/unsubscribe", {"uri": "u"}) == Subscribe(7, "u", on=False)
    assert legacy("logging/setLevel", {"level": "warning"}) == SetLevel(7, "warning")
    assert error(legacy("logging/setLevel", {"level": "loud"}), 200) == -32602


def test_a_modern_client_listens() -> None:
    wish = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    assert isinstance(wish, ListenFor)
    assert (wish.id, wish.wanted) == (7, Wanted(tools_list_changed=True))


def test_tasks_are_for_clients_that_know_them() -> None:
    look = modern("tasks/get", {"taskId": "t"}, meta=WITH_TASKS)
    assert isinstance(look, GetTask)
    assert (look.id, look.task_id) == (7, "t")
    assert isinstance(look.meta.capabilities, ClientCapabilities)
    assert modern("tasks/cancel", {"taskId": "t"}, meta=WITH_TASKS) == CancelTask(7, "t")
    update = modern("tasks/update", {"taskId": "t", "inputResponses": {"k": 1}}, meta=WITH_TASKS)
    assert update == UpdateTask(7, "t", {"k": msgspec.Raw(b"1")})
    listen = {"notifications": {"taskIds": ["t"]}}
    assert isinstance(modern("subscriptions/listen", listen, meta=WITH_TASKS), ListenFor)
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert error(modern(method, {"taskId": "t"}), 400) == -32021
        off = Gate(version="1", tasks=False)
        assert error(modern(method, {"taskId": "t"}, gate=off, meta=WITH_TASKS), 404) == -32601
    assert error(modern("subscriptions/listen", listen), 400) == -32021


# What is no request


def told(method: str, params: bytes = b"") -> Wish:
    return dispatch(Notification(method, msgspec.Raw(params)), LEGACY, FULL)


def test_notifications() -> None:
    assert told("notifications/initialized") == Nothing()
    assert told("notifications/unknown", b"[1]") == Nothing()
    assert told("notifications/roots/list_changed") == RootsChanged()
    cancelled = told("notifications/cancelled", b'{"requestId":"a","reason":"timeout"}')
    assert cancelled == Cancel("a", "timeout")
    assert told("notifications/cancelled", b'{"requestId":7}') == Cancel(7, "")
    assert told("notifications/cancelled") == Nothing()
    assert told("notifications/cancelled", b'{"requestId":null}') == Nothing()


def test_answers_to_what_was_asked() -> None:
    success = Success("q1", msgspec.Raw(b'{"action":"accept"}'))
    assert dispatch(success, LEGACY, FULL) == Answered("q1", success.result)
    failure = Failure("q1", ErrorObject(-1, "no"))
    assert dispatch(failure, LEGACY, FULL) == Answered("q1", None, failure.error)


# Revisions without headers


@pytest.mark.parametrize(
    ("message", "agreed", "version"),
    [
        (request("tools/list", {"_meta": META}), "", MODERN),
        (request("tools/list", {"_meta": META}), LEGACY, MODERN),
        (request("server/discover"), "", MODERN),
        (request("server/discover", {"_meta": {}}), "", MODERN),
        (request("tools/list", {"_meta": {"progressToken": 1}}), "2025-06-18", "2025-06-18"),
        (request("tools/list", {"_meta": {"progressToken": []}}), "2025-06-18", "2025-06-18"),
        (request("initialize"), "", LEGACY),
        (Notification("notifications/initialized", msgspec.Raw(b"")), "2025-06-18", "2025-06-18"),
        (
            request("x", {"_meta": {"io.modelcontextprotocol/protocolVersion": "1900-01-01"}}),
            "",
            "1900-01-01",
        ),
    ],
)
def test_the_revision_on_a_pipe(message: Any, agreed: str, version: str) -> None:
    assert version_of(message, agreed) == version
