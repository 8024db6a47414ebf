"""The gateway's end: authentication and calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.byhand import AUTH, UPGRADE, Visitor, batch, notification, request
from tests.proto.joined import AGENT, TOKEN, welcome
from tests.proto.support import CLOSE, PING, TEXT, from_client

from agentgate_proto.connection.events import AuthAsked, Called, Closed, Received, Unread
from agentgate_proto.connection.server import SMALL_BYTES
from agentgate_proto.connection.state import State
from agentgate_proto.errors import ASK_AGAIN, ErrorCode
from agentgate_proto.limits import Limits
from agentgate_proto.principal import Role
from agentgate_proto.records.outcome import executed
from agentgate_proto.rpc.messages import METHODS, Auth, Kind, ToolRequest

T = {"tool": "ha_get_state", "args": {"entity_id": "sensor.temp"}}


# Authentication


@pytest.mark.seed001("FR1-AC1")
def test_the_message_of_seed_001_authenticates_and_the_result_says_so() -> None:
    visitor = Visitor().upgrade()
    visitor.say(AUTH)
    assert visitor.happened() == [AuthAsked(auth=Auth(token=TOKEN))]
    assert visitor.server.auth == Auth(token=TOKEN)
    visitor.server.accept_auth(*welcome())
    visitor.drain()
    [answer] = visitor.heard()
    assert answer["id"] == "auth-1"
    assert answer["result"]["status"] == "authenticated"
    assert visitor.server.principal == AGENT
    assert visitor.server.is_old_client


def test_nothing_is_read_while_the_token_is_checked_and_everything_afterwards_in_order() -> None:
    visitor = Visitor().knock()
    visitor.say(request(1, "tool_request", T), request(2, "list_tools"))
    visitor.say(request(3, "list_tools"))
    assert visitor.happened() == []
    visitor.server.accept_auth(*welcome())
    visitor.drain()
    assert [event.id for event in visitor.happened()] == [1, 2, 3]
    assert [answer["id"] for answer in visitor.heard()] == ["auth-1"]


def test_what_came_in_one_piece_with_auth_waits_as_well() -> None:
    visitor = Visitor()
    visitor.send(UPGRADE + from_client(TEXT, AUTH.encode()) + from_client(TEXT, b"{"))
    assert visitor.happened() == [AuthAsked(auth=Auth(token=TOKEN))]
    visitor.server.accept_auth(*welcome())
    visitor.drain()
    assert [answer["id"] for answer in visitor.heard()] == ["auth-1", None]


def test_input_that_is_held_while_the_token_is_checked_is_bounded() -> None:
    visitor = Visitor(Limits(input_bytes_max=1_000)).upgrade()
    visitor.say(AUTH)
    visitor.happened()
    visitor.send(bytes(1_000))
    assert visitor.happened() == []
    visitor.send(b"\0")
    assert visitor.heard() == ["close 1009 too much input before the auth reply"]
    [event] = visitor.happened()
    assert event == Closed(code=1009, reason="too much input before the auth reply", by_peer=False)


@pytest.mark.parametrize(
    "decide", [lambda v: v.server.refuse_auth("no"), lambda v: v.server.turn_away("later", 1.0)]
)
def test_after_a_refusal_the_held_input_asks_for_nothing_and_the_handshake_completes(
    decide: Callable[[Visitor], None],
) -> None:
    visitor = Visitor().knock()
    visitor.say(request(1, "tool_request", T), "{", batch("1", "2"))
    decide(visitor)
    visitor.send(from_client(CLOSE, b"\x03\xe8"))
    assert [event.code for event in visitor.happened()] == [1000]
    assert visitor.server.state is State.CLOSED
    visitor.server.accept_auth(*welcome())
    assert visitor.server.principal is None


@pytest.mark.seed001("FR1-AC2")
def test_a_wrong_token_is_answered_with_32005_and_the_gateways_words() -> None:
    visitor = Visitor().knock()
    visitor.server.refuse_auth("Invalid token")
    visitor.drain()
    answer, close = visitor.heard()
    assert answer["error"] == {"code": -32005, "message": "Invalid token"}
    assert answer["id"] == "auth-1"
    assert close == "close 4401 Invalid token"


def test_who_is_turned_away_is_told_when_to_come_back() -> None:
    visitor = Visitor().knock()
    visitor.server.turn_away("too many wrong tokens", 12.5)
    visitor.drain()
    answer, close = visitor.heard()
    assert answer["error"]["data"] == {"retry_after_s": 12.5}
    assert close == "close 1013 too many wrong tokens"


@pytest.mark.seed001("FR1-AC2")
@pytest.mark.parametrize("asked", [False, True])
def test_authentication_is_over_after_ten_seconds(asked: bool) -> None:
    visitor = Visitor().knock() if asked else Visitor().upgrade()
    visitor.tick(9.9)
    assert visitor.heard() == []
    visitor.send(from_client(PING))  # a sign of life does not put it off
    assert visitor.heard() == ([] if asked else ["pong"])
    visitor.tick(0.1)
    answer, close = visitor.heard()
    assert answer == {
        "jsonrpc": "2.0",
        "error": {"code": -32005, "message": "Authentication timeout"},
        "id": None,
    }
    assert close == "close 4401 Authentication timeout"
    visitor.server.accept_auth(*welcome())
    assert visitor.server.state is State.CLOSING


def test_input_held_when_the_auth_deadline_passes_stays_in_the_stream() -> None:
    visitor = Visitor().knock()
    half = from_client(TEXT, b"x" * 50)
    visitor.send(half[:20])
    visitor.tick(10.0)
    visitor.send(half[20:] + from_client(CLOSE, b"\x03\xe8"))
    assert [event.code for event in visitor.happened()] == [1000]


def test_a_slow_opening_handshake_is_cut_however_often_a_byte_comes() -> None:
    visitor = Visitor()
    for byte in UPGRADE[:5]:
        visitor.send(bytes([byte]))
        visitor.tick(2.0)
    [event] = visitor.happened()
    assert event == Closed(code=1006, reason="no whole request in time", by_peer=False)
    assert visitor.now == 10.0


@pytest.mark.parametrize("params", [{}, {"token": ""}, {"token": "x" * 5_000}, ["token"]])
def test_a_token_that_is_none_is_refused_with_a_text_that_says_where(params: Any) -> None:
    visitor = Visitor().upgrade()
    visitor.say(request("auth-1", "auth", params))
    answer, close = visitor.heard()
    assert answer["id"] == "auth-1"
    assert answer["error"]["code"] == -32602
    assert "token" in answer["error"]["message"] or "object" in answer["error"]["message"]
    assert close.startswith("close 4401")
    assert visitor.happened() == []


# Calls


def test_a_call_is_reported_with_typed_parameters_and_answered_under_its_id() -> None:
    visitor = Visitor().enter()
    visitor.say(request("a", "tool_request", T), request(7, "list_tools"))
    tool_request = ToolRequest(tool="ha_get_state", args={"entity_id": "sensor.temp"})
    first, second = visitor.happened()
    assert first == Called(id="a", params=tool_request, size=first.size)
    assert first.size >= len(b'{"tool":"ha_get_state","args":{"entity_id":"sensor.temp"}}')
    visitor.server.send_result(second.id, {"tools": []})
    visitor.server.send_error("a", ErrorCode.DENIED_BY_POLICY, data={"rule": 3})
    visitor.drain()
    assert visitor.heard() == [
        {"jsonrpc": "2.0", "result": {"tools": []}, "id": 7},
        {
            "jsonrpc": "2.0",
            "error": {"code": -32003, "message": "Denied by policy", "data": {"rule": 3}},
            "id": "a",
        },
    ]


def test_a_request_that_is_larger_than_any_tool_takes_is_refused_unread() -> None:
    visitor = Visitor(limits=Limits(request_bytes_max=100)).enter()
    visitor.say(request(1, "tool_request", {"tool": "x", "args": {"text": "x" * 100}}))
    visitor.say(request(2, "tool_request", {"tool": "x", "args": {"text": "x" * 50}}))
    unread, called = visitor.happened()
    assert unread == Unread(size=135), "it has cost as much as one that is read"
    assert (called.id, called.size) == (2, len('{"tool": "x", "args": {"text": ""}}') + 50)
    [refusal] = visitor.heard()
    assert refusal["error"]["code"] == ErrorCode.INVALID_PARAMS
    assert "135 bytes are more than any tool here takes" in refusal["error"]["message"]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", [a.name for a in METHODS.values() if a.kind is Kind.REQUEST])
def test_a_role_may_call_what_the_method_table_grants_it_and_nothing_else(
    name: str, role: Role
) -> None:
    params = {
        "auth": {"token": TOKEN},
        "tool_request": T,
        "cancel_request": {"request_id": 1},
        "decide_approval": {"id": "x", "decision": "deny"},
        "preview_edit": {"id": "x", "edit": {"unset": ["n"]}},
        "preview_grant": {"id": "x", "grant": {"uses": 2}},
        "revoke_grant": {"id": "g"},
        "mute_agent": {"agent": "evil"},
        "explain_request": {"tool": "t"},
        "send_message": {"session": "s", "text": "hi", "message_id": "m"},
        "tools.provide": {"tools": []},
        "login_agent": {"agent": "house", "password": "p"},
        "logout_agent": {"agent": "house"},
    }
    params |= {
        name: {"session": "s"}
        for name in METHODS
        if name.endswith(("_session", "cancel_run")) and name != "create_session"
    }
    visitor = Visitor().enter(role)
    visitor.say(request(7, name, params.get(name)))
    events, answers = visitor.happened(), visitor.heard()
    if name == "auth":
        assert answers[0]["error"] == {
            "code": -32600,
            "message": "Invalid Request: already authenticated",
        }
    elif not METHODS[name].roles:  # only gateways ask for it
        assert answers[0]["error"]["code"] == ErrorCode.METHOD_NOT_FOUND
        assert events == []
    elif role in METHODS[name].roles:
        assert ([type(event) for event in events], answers) == ([Called], [])
    else:
        text = f"Forbidden: {METHODS[name].not_for(role)}"
        assert answers[0]["error"] == {"code": -32010, "message": text}
        assert events == []


def test_an_ack_counts_only_from_a_role_that_gets_outcomes() -> None:
    visitor = Visitor().enter(Role.OPERATOR)
    visitor.server.send_outcome(1, executed(b"1"), "r1")
    visitor.say(notification("ack", {"seq": 1}))
    assert visitor.happened() == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (request(7, "nope"), (-32601, "Method not found: 'nope'")),
        (request(7, "n" * 9_999), (-32601, f"Method not found: '{'n' * 256}'")),
        (request(7, "ack", {"seq": 1}), (-32600, "ack is a notification: leave out the id")),
        (request(None, "tool_request", T), (-32600, "tool_request needs an id")),
        (request(7, "tool_request"), (-32602, "missing required field `tool`")),
        (request(7, "tool_request", {"tool": 1}), (-32602, "got `int` - at `$.tool`")),
        (request(7, "tool_request", {"tool": "x", "args": [1]}), (-32602, "at `$.args`")),
        (request(7, "tool_request", ["x"]), (-32602, "Expected `object`, got `array`")),
        ("[]", (-32600, "an empty batch")),
        ("{", (-32700, "Parse error")),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(text: str, error: tuple[int, str]) -> None:
    visitor = Visitor().enter()
    visitor.say(text)
    [answer] = visitor.heard()
    code, words = error
    assert answer["error"]["code"] == code
    assert words in answer["error"]["message"]
    assert answer["id"] == (7 if text.endswith('"id": 7}') else None)


def test_requests_in_flight_are_capped_and_an_answer_makes_room() -> None:
    visitor = Visitor(Limits(requests_in_flight_max=2)).enter()
    visitor.say(*(request(n, "list_tools") for n in (1, 2, 3)))
    assert [event.id for event in visitor.happened()] == [1, 2]
    [answer] = visitor.heard()
    assert answer["id"] == 3
    assert answer["error"] == {
        "code": -32006,
        "message": f"Limit exceeded: 2 requests are in flight on this connection; {ASK_AGAIN}",
        "data": {"retry_after_s": 1.0},
    }
    visitor.server.send_result(1, {})
    visitor.say(request(3, "list_tools"))
    assert [event.id for event in visitor.happened()] == [3]


def test_a_tool_request_that_comes_again_is_reported_as_repeated_even_when_there_is_no_room() -> (
    None
):
    visitor = Visitor(Limits(requests_in_flight_max=1)).enter()
    visitor.say(request(1, "tool_request", T), request(1, "tool_request", T))
    assert [event.repeated for event in visitor.happened()] == [False, True]
    assert visitor.heard() == []
    visitor.server.send_outcome(1, executed(b"21.3"), "r1")
    visitor.drain()
    assert [answer["result"]["data"] for answer in visitor.heard()] == [21.3]
    visitor.say(request(1, "tool_request", T))
    assert [event.repeated for event in visitor.happened()] == [False]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (request(1, "list_tools"), request(1, "list_tools")),
        (request(1, "list_tools"), request(1, "tool_request", T)),
        (request(1, "tool_request", T), request(1, "list_tools")),
        (request(None, "list_tools"), request(None, "list_tools")),
        (request(1, "tool_request", T), batch(request(1, "tool_request", T))),
    ],
)
def test_any_other_id_in_flight_is_refused_to_a_second_request(first: str, second: str) -> None:
    visitor = Visitor().enter()
    visitor.say(first, second)
    assert len(visitor.happened()) == 1
    [answer] = visitor.heard()
    [error] = [a["error"] for a in (answer if isinstance(answer, list) else [answer])]
    assert error["code"] == -32600
    assert "is in flight already" in error["message"]


def test_a_number_and_its_spelling_are_two_ids() -> None:
    visitor = Visitor().enter()
    visitor.say(request(1, "tool_request", T), request("1", "tool_request", T))
    assert [(event.id, event.repeated) for event in visitor.happened()] == [
        (1, False),
        ("1", False),
    ]


def test_an_answer_that_cannot_be_encoded_leaves_the_request_open() -> None:
    visitor = Visitor().enter()
    visitor.say(request(1, "list_tools"))
    with pytest.raises(TypeError):
        visitor.server.send_result(1, object())
    visitor.server.send_result(1, {})
    visitor.drain()
    assert [answer["id"] for answer in visitor.heard()] == [1]


def test_late_answers_are_dropped_silently() -> None:
    visitor = Visitor().enter()
    visitor.say(request(1, "tool_request", T), request(2, "list_tools"))
    visitor.server.close(1012, "bye")
    visitor.drain()
    assert visitor.heard() == ["close 1012 bye"]
    visitor.server.send_outcome(1, executed(b"1"), "r1")
    visitor.server.receive_eof(visitor.now)
    visitor.server.send_result(2, {})
    visitor.server.send_error(2, ErrorCode.INTERNAL_ERROR)
    visitor.drain()
    assert visitor.heard() == []


def test_acknowledgements_count_while_closing_and_requests_do_not() -> None:
    visitor = Visitor().enter()
    visitor.say(request(1, "tool_request", T))
    visitor.server.send_outcome(1, executed(b"1"), "r1")
    visitor.server.close(1012, "bye")
    visitor.happened()
    visitor.say(request(2, "tool_request", T), notification("ack", {"seq": 1}))
    assert visitor.happened() == [Received(rids=("r1",))]
    visitor.send(from_client(CLOSE, b"\x03\xe8"))
    assert [type(event) for event in visitor.happened()] == [Closed]


def test_a_connection_lists_one_thing_at_a_time() -> None:
    visitor = Visitor().enter()
    visitor.say(request(1, "list_requests"), request(2, "list_requests"), request(3, "list_tools"))
    assert [event.id for event in visitor.happened()] == [1, 3]
    (refused,) = visitor.heard()
    assert (refused["id"], refused["error"]["code"]) == (2, -32006)
    assert refused["error"]["data"] == {"retry_after_s": 1.0}
    visitor.server.send_result(1, {"requests": []})
    visitor.say(request(2, "list_requests"))
    assert [event.id for event in visitor.happened()] == [2]


def test_an_answer_that_finds_no_room_behind_others_is_an_error_to_its_call_and_ends_nothing() -> (
    None
):
    most = 10 * SMALL_BYTES
    visitor = Visitor(Limits(queued_bytes_max=most)).enter()
    for number in range(1, 5):
        visitor.say(request(number, "list_tools"))
    for number in range(1, 5):
        visitor.server.send_result(number, {"tools": "x" * (most // 3)})
    visitor.drain()
    answers = visitor.heard()
    assert [answer["id"] for answer in answers if "result" in answer] == [1, 2]
    for answer in answers[2:]:
        assert answer["error"]["code"] == -32006
        assert "wait to be read; ask again" in answer["error"]["message"]
        assert answer["error"]["data"] == {"retry_after_s": 1.0}
    visitor.say(request(5, "list_tools"))
    visitor.server.send_result(5, {"tools": "x" * (most // 3)})
    visitor.drain()
    assert "result" in visitor.heard()[-1]


@pytest.mark.parametrize(("size", "code"), [(400, None), (600, -32006)])
def test_an_answer_that_is_too_large_is_an_error_to_its_call_and_ends_nothing(
    size: int, code: int | None
) -> None:
    visitor = Visitor(Limits(queued_bytes_max=1_000)).enter()
    visitor.say(request(1, "list_tools"))
    visitor.server.send_result(1, {"tools": "x" * size})
    visitor.drain()
    (answer,) = visitor.heard()
    assert answer.get("error", {}).get("code") == code
    if code:
        assert "bytes, which is too much for one" in answer["error"]["message"]
    visitor.say(request(2, "list_tools"))
    assert [event.id for event in visitor.happened()] == [1, 2]
