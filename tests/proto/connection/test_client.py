"""The client's end: opening, authentication, answers, acknowledgements."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.proto.byhand import AUTH, AUTH_RESULT, Doorman, notification, request
from tests.proto.joined import TOKEN, open_pair
from tests.proto.support import BINARY, CLOSE, MASKS, PONG, TEXT, frame

from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import (
    Answered,
    Authenticated,
    Called,
    Closed,
    Notified,
    Received,
    Refused,
    ToolAsked,
)
from agentgate_proto.connection.state import State
from agentgate_proto.connection.timers import Timer
from agentgate_proto.errors import ErrorCode, LocalProtocolError
from agentgate_proto.limits import ACK_COUNT_MAX, ACK_DELAY_S, RETRY_AFTER_MAX_S, Limits
from agentgate_proto.principal import Role
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.outcome import executed
from agentgate_proto.rpc.messages import (
    Auth,
    AuthResult,
    GetPendingResults,
    RequestWaiting,
    ToolRequest,
)
from agentgate_proto.rpc.tool_methods import CallTool
from agentgate_proto.wire.refusals import NO_TLS


def refusal(doorman: Doorman) -> Refused:
    """The refusal that has just come; ``Closed`` must have followed."""
    refused, closed = doorman.happened()
    assert isinstance(refused, Refused)
    assert isinstance(closed, Closed)
    return refused


# Opening


def test_the_upgrade_request_is_sent_at_once() -> None:
    auth = Auth(token=TOKEN)
    headers = [("Proxy-Authorization", "Basic eA==")]
    client = ClientConnection(
        "gate.example:8443", "/a?b=c", auth, 0.0, masks=MASKS, headers=headers
    )
    head, _, rest = client.data_to_send().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert {"Host: gate.example:8443", "Upgrade: websocket", "Sec-WebSocket-Version: 13"} < {*lines}
    assert "Proxy-Authorization: Basic eA==" in lines
    assert rest == b""


def test_a_header_that_cannot_be_sent_is_our_own_error() -> None:
    with pytest.raises(LocalProtocolError):
        ClientConnection(
            "h", "/", Auth(token=TOKEN), 0.0, masks=MASKS, headers=[("x", "a\r\nb: c")]
        )


@pytest.mark.parametrize(
    ("status", "final"),
    [(200, False), (300, False), (429, False), (500, False), (502, False), (503, False)]
    + [(status, True) for status in (301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 426)],
)
def test_an_http_status_instead_of_an_upgrade_is_a_refusal_that_names_it(
    status: int, final: bool
) -> None:
    doorman = Doorman()
    doorman.send(b"HTTP/1.1 %d Whatever\r\nContent-Length: 5\r\n\r\nhello" % status)
    refused = refusal(doorman)
    assert refused.message.startswith(f"HTTP {status}: ")
    assert (refused.code, refused.final) == (ErrorCode.CONNECTION_LOST, final)


def test_words_of_a_gateway_need_no_advice_and_those_of_others_do() -> None:
    doorman = Doorman()
    doorman.send(b"HTTP/1.1 503 X\r\nAgentgate-Reason: too many connections\r\n\r\n")
    assert refusal(doorman).message == "HTTP 503: too many connections"
    doorman = Doorman()
    doorman.send(b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nbusy")
    assert refusal(doorman).message == (
        'HTTP 503: the server answered without an upgrade: "busy"; check the URL, and any proxy on '
        "the way"
    )


def test_a_redirect_is_final_and_says_what_to_write() -> None:
    doorman = Doorman()
    doorman.send(b"HTTP/1.1 308 X\r\nLocation: /gate/\r\nContent-Length: 0\r\n\r\n")
    assert refusal(doorman).message == (
        "HTTP 308: it redirects to ws://gate.example/gate/; redirects are not followed, so "
        "write that"
    )


@pytest.mark.parametrize("end", ["eof", "timer"])
def test_a_refusal_whose_page_does_not_come_is_told_all_the_same(end: str) -> None:
    doorman = Doorman()
    doorman.send(b"HTTP/1.1 502 X\r\nContent-Length: 99\r\n\r\nno upst")
    assert doorman.client.state is State.OPENING
    if end == "eof":
        doorman.client.receive_eof(doorman.now)
        doorman.drain()
    else:
        doorman.tick(10.0)
    assert 'upgrade: "no upst"; check the URL' in refusal(doorman).message


@pytest.mark.parametrize(("scheme", "hint"), [("ws", "write wss://"), ("wss", "an answer")])
def test_who_hangs_up_without_an_answer_may_want_tls(scheme: str, hint: str) -> None:
    client = ClientConnection(
        "h", "/", Auth(token=TOKEN), 0.0, masks=MASKS, headers=[], scheme=scheme
    )
    client.receive_eof(1.0)
    closed = client.next_event()
    assert isinstance(closed, Closed)
    assert closed.reason.startswith("it hung up without an answer")
    assert closed.reason.endswith(hint)


def test_an_answer_that_speaks_tls_is_a_final_refusal() -> None:
    doorman = Doorman()
    doorman.send(b"\x15\x03\x03\x00\x02\x02F")
    refused = refusal(doorman)
    assert (refused.message, refused.final) == (NO_TLS, True)


def test_an_answer_that_is_no_http_is_a_refusal_that_may_be_retried() -> None:
    doorman = Doorman()
    doorman.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    refused = refusal(doorman)
    assert "no WebSocket handshake" in refused.message
    assert (refused.code, refused.final) == (ErrorCode.CONNECTION_LOST, False)


def test_an_upgrade_that_does_not_match_our_key_is_refused() -> None:
    doorman = Doorman()
    doorman.send(doorman.answer_upgrade().replace(b"Accept: ", b"Accept: x"))
    assert refusal(doorman).code == ErrorCode.CONNECTION_LOST


def test_interim_answers_are_passed_over() -> None:
    doorman = Doorman()
    doorman.send(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + doorman.answer_upgrade())
    assert doorman.client.state is State.AUTHENTICATING


def test_the_opening_handshake_has_ten_seconds_however_often_a_byte_comes() -> None:
    doorman = Doorman()
    for byte in b"HTTP/":
        doorman.send(bytes([byte]))
        doorman.tick(2.0)
    refused = refusal(doorman)
    assert (refused.message, refused.final) == ("no opening handshake in time", False)
    assert doorman.heard() == []


# Authentication


@pytest.mark.seed001("FR1-AC1")
def test_the_first_message_is_the_auth_message_of_seed_001_to_the_letter() -> None:
    doorman = Doorman().upgrade()
    assert doorman.frames == [(TEXT, AUTH.encode())]


@pytest.mark.seed001("FR1-AC1")
def test_the_first_message_says_what_else_the_gateway_should_know() -> None:
    auth = Auth(token="t", client_id="kitchen", progress=True)
    [message] = Doorman(auth=auth).upgrade().heard()
    assert message == {
        "jsonrpc": "2.0",
        "method": "auth",
        "params": {"token": "t", "client_id": "kitchen", "progress": True},
        "id": "auth-1",
    }


def test_a_gateway_that_says_only_what_seed_001_says_is_good_enough() -> None:
    doorman = Doorman().upgrade()
    doorman.say(AUTH_RESULT)
    result = AuthResult(status="authenticated")
    assert doorman.happened() == [Authenticated(result=result)]
    assert doorman.client.state is State.OPEN


def test_all_that_the_gateway_says_of_itself_is_reported() -> None:
    doorman = Doorman().upgrade()
    result = {
        "status": "authenticated",
        "principal": "hub",
        "role": "operator",
        "highest_id": 7,
        "epoch": "e",
        "retention_s": 60.5,
        "news": [1],
    }
    doorman.say(json.dumps({"jsonrpc": "2.0", "result": result, "id": "auth-1"}))
    [event] = doorman.happened()
    assert event.result == AuthResult(
        status="authenticated",
        principal="hub",
        role=Role.OPERATOR,
        highest_id=7,
        epoch="e",
        retention_s=60.5,
    )


def error(code: int, request_id: str | None = "auth-1") -> str:
    body = {"code": code, "message": "in the gateway's words"}
    return json.dumps({"jsonrpc": "2.0", "error": body, "id": request_id})


@pytest.mark.seed001("FR1-AC2")
@pytest.mark.parametrize(
    ("text", "code", "final"),
    [
        (error(-32005), -32005, True),
        (error(-32602), -32005, True),
        (error(-32601), -32005, True),
        (error(-32600), -32005, True),
        (error(-32005, None), -32005, False),  # the gateway did not get our auth in time
        (error(-32006), -32000, False),
        (error(-32603), -32005, False),
        (error(1), -32005, False),
    ],
)
def test_an_error_is_a_refusal_and_final_if_the_same_auth_will_meet_it_again(
    text: str, code: int, final: bool
) -> None:
    doorman = Doorman().upgrade()
    doorman.heard()
    doorman.say(text)
    refused = refusal(doorman)
    assert refused == Refused(code=code, message="in the gateway's words", final=final)
    assert doorman.heard() == ["close 1000"]


@pytest.mark.parametrize(
    ("data", "pause_s"),
    [
        ({"retry_after_s": 7}, 7.0),
        ({"retry_after_s": 0.5}, 0.5),
        ({"retry_after_s": 1e300}, RETRY_AFTER_MAX_S),
        ({"retry_after_s": 10**400}, RETRY_AFTER_MAX_S),
        ({"retry_after_s": -(10**400)}, 0.0),
        ({"retry_after_s": -1}, 0.0),
        ({"retry_after_s": True}, 0.0),
        ({"retry_after_s": "7"}, 0.0),
        ({}, 0.0),
        (7, 0.0),
    ],
)
def test_a_gateway_that_turns_us_away_says_for_how_long(data: object, pause_s: float) -> None:
    doorman = Doorman().upgrade()
    body = {"code": -32006, "message": "later", "data": data}
    doorman.say(json.dumps({"jsonrpc": "2.0", "error": body, "id": "auth-1"}))
    assert refusal(doorman).retry_after_s == pause_s


@pytest.mark.seed001("FR1-AC2")
@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","result":{},"id":"auth-1"}',
        '{"jsonrpc":"2.0","result":{"status":"no"},"id":"auth-1"}',
        '{"jsonrpc":"2.0","result":"authenticated","id":"auth-1"}',
        AUTH_RESULT.replace("}", ',"highest_id":-1}', 1),
        AUTH_RESULT.replace("}", ',"role":7}', 1),
        AUTH_RESULT.replace("auth-1", "auth-2"),
        AUTH_RESULT.replace('"auth-1"', "1"),
        f"[{AUTH_RESULT.replace('auth-1', 'auth-2')},{AUTH_RESULT}]",
        notification("request_waiting", {"request_id": 1, "expires_at": ""}),
        '{"type":"welcome"}',
        "hello",
    ],
)
def test_any_other_first_message_is_a_refusal_that_a_proxy_may_be_the_reason_of(text: str) -> None:
    doorman = Doorman().upgrade()
    doorman.heard()
    doorman.say(text)
    refused = refusal(doorman)
    assert (refused.code, refused.final) == (ErrorCode.AUTHENTICATION, False)
    assert doorman.client.state is State.CLOSED


@pytest.mark.seed001("FR1-AC2")
def test_a_gateway_that_does_not_answer_auth_in_ten_seconds_is_given_up() -> None:
    doorman = Doorman().upgrade()
    doorman.heard()
    doorman.tick(9.9)
    doorman.send(frame(PONG))
    assert doorman.happened() == []
    doorman.tick(0.1)
    refused = refusal(doorman)
    assert refused == Refused(code=-32005, message="the gateway did not answer auth", final=False)
    assert doorman.heard() == ["close 1000"]


def test_what_follows_the_auth_result_in_the_same_piece_is_taken_in_order() -> None:
    doorman = Doorman()
    answer = frame(TEXT, b'{"jsonrpc":"2.0","result":1,"id":4}')
    doorman.send(doorman.answer_upgrade() + frame(TEXT, AUTH_RESULT.encode()) + answer)
    assert [type(event) for event in doorman.happened()] == [Authenticated, Answered]


def test_a_gateway_that_closes_or_breaks_the_protocol_before_the_reply_has_refused_nothing() -> (
    None
):
    for data, code in ((frame(CLOSE, b"\x0f\xa0full"), 4000), (frame(BINARY), 1003)):
        doorman = Doorman().upgrade()
        doorman.send(data)
        assert [(type(event), event.code) for event in doorman.happened()] == [(Closed, code)]


# Calls


def test_answers_are_matched_to_requests_once() -> None:
    doorman = Doorman().let_in()
    doorman.client.send_request("a", "list_tools", {})
    doorman.client.send_request("b", "get_pending_results", GetPendingResults())
    doorman.drain()
    assert [(m["id"], m["method"], m["params"]) for m in doorman.heard()] == [
        ("a", "list_tools", {}),
        ("b", "get_pending_results", {}),
    ]
    good = '{"jsonrpc":"2.0","result":{"x":[1]},"id":"b"}'
    bad = '{"jsonrpc":"2.0","error":{"code":-32010,"message":"no","data":2},"id":"a"}'
    doorman.say(good, bad, good, bad)
    first, second, *again = doorman.happened()
    assert {answer.method for answer in again} == {"tool_request"}, (
        "for what a former connection asked"
    )
    assert (first.id, first.method, first.error) == ("b", "get_pending_results", None)
    assert bytes(first.result) == b'{"x":[1]}'
    assert (second.id, second.method, second.error.data) == ("a", "list_tools", 2)
    assert bytes(second.result) == b"null"


def test_an_id_in_use_is_refused_to_us_and_nothing_is_sent() -> None:
    doorman = Doorman().let_in()
    doorman.client.send_request(1, "list_tools", {})
    doorman.drain()
    doorman.heard()
    with pytest.raises(LocalProtocolError, match="id 1 is in use"):
        doorman.client.send_request(1, "list_tools", {})
    with pytest.raises(TypeError):
        doorman.client.send_request(2, "list_tools", object())
    doorman.drain()
    assert doorman.heard() == []
    doorman.client.send_request(2, "list_tools", {})


def test_a_tool_request_of_an_earlier_connection_may_be_answered_on_this_one() -> None:
    doorman = Doorman().let_in()
    doorman.say('{"jsonrpc":"2.0","result":{"status":"executed","data":1},"id":41}')
    [event] = doorman.happened()
    assert (event.id, event.method) == (41, "tool_request")


def test_what_the_gateway_pushes_is_reported_with_typed_parameters() -> None:
    doorman = Doorman().let_in()
    texts = ("id", "agent", "tool", "signature", "rule", "created_at", "expires_at", "status")
    approval = {name: name for name in texts}
    waiting = {"request_id": 1, "expires_at": "soon"}
    doorman.say(
        notification("request_waiting", waiting),
        notification("approval_changed", approval | {"args": {"a": 1}}),
    )
    first, second = doorman.happened()
    assert first == Notified(params=RequestWaiting(request_id=1, expires_at="soon"))
    assert isinstance(second.params, ApprovalView)
    assert json.loads(bytes(second.params.args)) == {"a": 1}


# Acknowledgements


def acks(doorman: Doorman) -> list[Any]:
    return [message["params"]["seq"] for message in doorman.heard() if isinstance(message, dict)]


def test_what_has_been_seen_is_acknowledged_once_for_all_after_50_ms() -> None:
    doorman = Doorman().let_in()
    for seq in (1, 2, 3):
        doorman.client.saw(seq)
    assert doorman.client.next_deadline() == (ACK_DELAY_S, Timer.ACK)
    doorman.tick(0.03)
    doorman.client.saw(4)
    assert acks(doorman) == []
    doorman.tick(0.02)
    assert acks(doorman) == [4]
    doorman.client.saw(4)
    doorman.client.saw(2)
    deadline = doorman.client.next_deadline()
    assert deadline is not None
    assert deadline.reason is Timer.SILENCE


def test_many_outcomes_are_acknowledged_without_delay() -> None:
    doorman = Doorman().let_in()
    for seq in range(1, 2 * ACK_COUNT_MAX + 1):
        doorman.client.saw(seq)
    doorman.drain()
    assert acks(doorman) == [ACK_COUNT_MAX, 2 * ACK_COUNT_MAX]
    assert doorman.client.next_deadline() == (20.0, Timer.SILENCE)


def test_a_close_acknowledges_first() -> None:
    doorman = Doorman().let_in()
    doorman.client.saw(5)
    doorman.client.close(1000, "done")
    doorman.drain()
    ack, close = doorman.heard()
    assert ack == {"jsonrpc": "2.0", "method": "ack", "params": {"seq": 5}}
    assert close == "close 1000 done"


def test_what_is_seen_while_closing_cannot_be_acknowledged_and_wakes_nobody() -> None:
    doorman = Doorman().let_in()
    doorman.client.close()
    doorman.tick(0.0)
    doorman.client.saw(1)
    doorman.client.send_ack()
    assert doorman.client.next_deadline() == (5.0, Timer.CLOSING)


def test_an_answer_that_comes_while_closing_still_counts() -> None:
    doorman = Doorman().let_in()
    doorman.client.send_request(1, "tool_request", {})
    doorman.client.close()
    doorman.say('{"jsonrpc":"2.0","result":{},"id":1}')
    assert [type(event) for event in doorman.happened()] == [Answered]


# Joined to our own gateway


def test_a_call_and_its_receipt_go_all_the_way() -> None:
    pair = open_pair()
    pair.client.send_request(1, "tool_request", ToolRequest(tool="x", args={"a": [1]}))
    pair.pump()
    [called] = pair.server_end.events
    params = ToolRequest(tool="x", args={"a": [1]})
    assert called == Called(id=1, params=params, size=len(b'{"tool":"x","args":{"a":[1]}}'))
    pair.server.send_outcome(1, executed(b"21.3"), "r1")
    pair.pump()
    [answered] = pair.client_end.events
    result = json.loads(bytes(answered.result))
    assert result == {"status": "executed", "data": 21.3, "seq": 1}
    pair.client.saw(result["seq"])
    pair.wait(ACK_DELAY_S)
    assert pair.server_end.events[1:] == [Received(rids=("r1",))]


def test_a_client_takes_a_result_that_is_larger_than_what_a_gateway_takes() -> None:
    pair = open_pair(server_limits=Limits(message_bytes_max=1_000))
    pair.client.send_request(1, "list_tools", {})
    pair.pump()
    pair.server.send_result(1, "x" * 2_000_000)
    pair.pump()
    assert len(bytes(pair.client_end.events[0].result)) == 2_000_002
    pair.client.send_request(2, "list_tools", {"too": "y" * 1_000})
    pair.pump()
    assert [event.code for event in pair.client_end.events[1:]] == [1009]


# What the gateway asks for


CALL = {"call": "c1", "tool": "temp", "args": {"room": "hall"}, "timeout_s": 5.0}


def test_a_tool_that_the_gateway_asks_for_is_answered_once() -> None:
    doorman = Doorman().let_in()
    doorman.say(request(7, "tools.call", CALL), request("7", "tools.call", CALL))
    call = CallTool(call="c1", tool="temp", args={"room": "hall"}, timeout_s=5.0)
    assert doorman.happened() == [ToolAsked(id=7, call=call), ToolAsked(id="7", call=call)]
    doorman.client.send_result(7, {"data": 21})
    doorman.client.send_error("7", ErrorCode.TOOL_FAILED, "no sensor")
    doorman.drain()
    assert doorman.heard() == [
        {"jsonrpc": "2.0", "result": {"data": 21}, "id": 7},
        {"jsonrpc": "2.0", "error": {"code": -32004, "message": "no sensor"}, "id": "7"},
    ]
    with pytest.raises(LocalProtocolError):
        doorman.client.send_result(7, {"data": 21})


def test_an_id_that_is_in_flight_is_refused_and_the_first_goes_on() -> None:
    doorman = Doorman().let_in()
    doorman.say(request(7, "tools.call", CALL), request(7, "tools.call", CALL))
    assert len(doorman.happened()) == 1
    assert [message["error"]["code"] for message in doorman.heard()] == [-32600]
    doorman.client.send_result(7, {})


def test_what_is_asked_beyond_the_cap_is_refused() -> None:
    doorman = Doorman(limits=Limits(requests_in_flight_max=1)).let_in()
    doorman.say(request(7, "tools.call", CALL), request(8, "tools.call", CALL))
    assert len(doorman.happened()) == 1
    assert [message["error"]["code"] for message in doorman.heard()] == [-32006]


def test_an_answer_that_comes_too_late_is_dropped() -> None:
    doorman = Doorman().let_in()
    doorman.say(request(7, "tools.call", CALL))
    doorman.client.close()
    doorman.drain()
    doorman.heard()
    doorman.client.send_result(7, {})
    doorman.client.send_error(7, ErrorCode.TOOL_FAILED, "no")
    doorman.drain()
    assert doorman.heard() == []


def test_an_answer_that_is_not_waited_for_any_more_is_dropped() -> None:
    doorman = Doorman().let_in()
    doorman.client.send_request(1, "list_tools", {})
    doorman.client.forget_request(1)
    doorman.client.forget_request(1)
    doorman.client.send_request(2, "list_tools", {})
    doorman.say(*(f'{{"jsonrpc":"2.0","id":{each},"result":{{}}}}' for each in (1, 2)))
    assert [event.id for event in doorman.happened() if event.method == "list_tools"] == [2]
