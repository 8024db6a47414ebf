"""Providing: calls of the gateway, over several connections; each runs once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.proto.client_world import World, connected

from agentgate_proto.client import providing
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import REQUEST_BYTES_MAX

CALL = {"call": "c1", "tool": "temp", "args": {"room": "hall"}, "timeout_s": 5.0}


def call(world: World, request_id: int = 7, **params: Any) -> None:
    """Let the gateway ask for a tool."""
    message = {"jsonrpc": "2.0", "method": "tools.call", "params": CALL | params, "id": request_id}
    world.gateway.say(json.dumps(message))
    world.pump()


def answers(world: World) -> list[Any]:
    """What the gateway heard as answers on the newest connection."""
    return [message for message in world.heard if "method" not in message]


def result(data: Any, request_id: int = 7) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": {"data": data}, "id": request_id}


def returned(world: World, data: Any, name: str = "c1") -> None:
    world.machine.returned(name, data)
    world.pump()


def failed(world: World, code: ErrorCode, message: str, name: str = "c1") -> None:
    world.machine.failed(name, code, message)
    world.pump()


def test_a_tool_is_asked_for_and_its_answer_sent() -> None:
    world = connected()
    call(world)
    call(world, 8, call="c2")
    assert [(each.call, each.tool, each.args) for each in world.calls_asked] == [
        ("c1", "temp", {"room": "hall"}),
        ("c2", "temp", {"room": "hall"}),
    ]
    failed(world, ErrorCode.TOOL_FAILED, "no sensor", "c2")
    returned(world, 21)
    error = {"code": -32004, "message": "no sensor"}
    assert answers(world) == [{"jsonrpc": "2.0", "error": error, "id": 8}, result(21)]


def test_a_call_that_runs_when_it_is_asked_again_is_answered_where_it_was_asked_last() -> None:
    world = connected()
    call(world)
    world.drop()
    call(world, 1)
    assert len(world.calls_asked) == 1
    returned(world, 21)
    assert answers(world) == [result(21, 1)]


def test_a_call_that_is_over_when_it_is_asked_again_is_answered_from_memory() -> None:
    world = connected()
    call(world)
    call(world, 8, call="c2")
    world.drop()
    returned(world, 21)
    failed(world, ErrorCode.TOOL_FAILED, "no sensor", "c2")
    call(world, 1)
    call(world, 2, call="c2")
    assert len(world.calls_asked) == 2
    assert answers(world)[0] == result(21, 1)
    assert answers(world)[1]["error"]["message"] == "no sensor"


def test_both_get_the_answer_if_it_is_asked_twice_on_one_connection() -> None:
    world = connected()
    call(world)
    call(world, 8)
    returned(world, 21)
    assert answers(world) == [result(21), result(21, 8)]
    assert len(world.calls_asked) == 1


@pytest.mark.parametrize("cap", ["KEPT_ANSWERS_MAX", "KEPT_ANSWERS_BYTES_MAX"])
def test_a_call_whose_answer_is_not_kept_is_unknown_and_not_run_again(
    cap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providing, cap, {"KEPT_ANSWERS_MAX": 1}.get(cap, 20))
    world = connected()
    call(world)
    returned(world, "0123456789")
    call(world, 8, call="c2")
    returned(world, 2, "c2")
    call(world, 9)
    call(world, 10, call="c2")
    assert len(world.calls_asked) == 2
    assert answers(world)[-2]["error"]["code"] == ErrorCode.OUTCOME_UNKNOWN
    assert answers(world)[-1] == result(2, 10)


def test_what_has_run_is_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providing, "KEPT_ANSWERS_MAX", 1)
    monkeypatch.setattr(providing, "TOLD_IDS_MAX", 1)
    world = connected()
    for number in range(4):
        call(world, number, call=f"c{number}")
        returned(world, number, f"c{number}")
    assert list(world.machine._providing._past) == ["c2"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (object(), "it is no JSON"),
        ("x" * REQUEST_BYTES_MAX, "bytes, and"),
    ],
)
def test_a_result_that_cannot_be_sent_says_so(data: Any, why: str) -> None:
    world = connected()
    call(world)
    returned(world, data)
    (answer,) = answers(world)
    assert answer["error"]["code"] == ErrorCode.OUTCOME_UNKNOWN
    assert "it ran" in answer["error"]["message"]
    assert why in answer["error"]["message"]


def test_a_long_error_is_cut() -> None:
    world = connected()
    call(world)
    failed(world, ErrorCode.TOOL_FAILED, "x" * 5_000)
    (answer,) = answers(world)
    assert answer["error"]["message"] == "x" * 2_000


def test_a_call_that_nobody_waits_for_is_stopped_while_it_runs() -> None:
    world = connected()
    call(world)
    for name in ("c1", "c9"):
        params = {"jsonrpc": "2.0", "method": "tools.cancel", "params": {"call": name}}
        world.gateway.say(json.dumps(params))
    world.pump()
    assert world.calls_stopped == ["c1"]
    assert world.pushed == []
    failed(world, ErrorCode.OUTCOME_UNKNOWN, "it was stopped")


def test_closing_stops_what_runs() -> None:
    world = connected()
    call(world)
    world.close()
    assert world.calls_stopped == ["c1"]
    returned(world, 21)


def test_an_answer_to_a_call_that_was_never_asked_is_only_kept() -> None:
    world = connected()
    returned(world, 1, "c9")
    assert answers(world) == []
