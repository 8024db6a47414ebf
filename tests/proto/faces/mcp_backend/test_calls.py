"""Calls: one request or several, what is asked in their midst, and one end each."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.faces.mcp_backend.talks import Server, called, legacy, modern

from agentgate_proto.faces.mcp_backend.calls import (
    CALLS_MAX,
    QUESTIONS_MAX,
    ROUNDS_MAX,
    without_meta,
)
from agentgate_proto.faces.mcp_backend.events import Asked, End, Ended, Told, Withdrawn

FORM = frozenset({"elicitation.form"})
ELICIT: dict[str, Any] = {"mode": "form", "message": "sure?", "_meta": {"x": 1}}


def needs(**requests: Any) -> dict[str, Any]:
    asked = {key: {"method": method, "params": ELICIT} for key, method in requests.items()}
    return {"resultType": "input_required", "inputRequests": asked, "requestState": "s1"}


def test_a_call_of_the_old_era_says_nothing_but_itself() -> None:
    server, _ = legacy()
    call, request = called(server, FORM)
    assert request["method"] == "tools/call"
    assert request["params"] == {
        "name": "lamp",
        "arguments": {"on": True},
        "_meta": {"progressToken": call},
    }
    assert b'{"on":  true}' in server.sent[-1].body


def test_a_call_of_the_new_era_says_what_its_callers_can_do() -> None:
    server, _ = modern()
    call, request = called(server, FORM)
    meta = request["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {"elicitation": {"form": {}}}
    assert meta["io.modelcontextprotocol/logLevel"] == "info"
    assert meta["progressToken"] == call


@pytest.mark.parametrize("make", [legacy, modern])
def test_a_result_comes_as_it_was_written(make: Any) -> None:
    server, _ = make()
    call, request = called(server)
    text = b'{"content": [{"type":"new",  "x":1}],"isError":false, "odd":{"a":[1.0]}}'
    body = b'{"jsonrpc":"2.0", "extra":1, "id":%d, "result": %s}' % (request["id"], text)
    server.talk.receive(body, server.now)
    ended = server.event()
    assert isinstance(ended, Ended)
    assert (ended.call, ended.end, bytes(ended.result)) == (call, End.RESULT, text)
    server.talk.receive(body, server.now)
    assert server.events() == []
    assert not server.talk.was_sent(call)


@pytest.mark.parametrize("make", [legacy, modern])
def test_an_error_ends_a_call(make: Any) -> None:
    server, _ = make()
    call, request = called(server)
    server.fails(request, -32602, "no such tool")
    expected = Ended(call=call, end=End.ERROR, code=-32602, message="no such tool")
    assert server.event() == expected
    server.fails(request)
    assert server.events() == []


def test_a_result_of_no_known_form_is_a_result() -> None:
    server, _ = modern()
    call, request = called(server)
    server.answers(request, [1])
    assert server.event() == Ended(call=call, end=End.RESULT, result=msgspec.Raw(b"[1]"))


def test_a_task_that_nobody_wanted_is_lost() -> None:
    server, _ = modern()
    call, request = called(server)
    server.answers(request, {"resultType": "task", "taskId": "t"})
    ended = server.event()
    assert isinstance(ended, Ended)
    assert (ended.call, ended.end) == (call, End.LOST)


def test_only_so_many_calls_are_made_and_none_before_the_server_is_ready() -> None:
    server = Server()
    server.open()
    assert server.talk.call("tools/call", {}) is None
    server, _ = legacy()
    calls = [server.talk.call("tools/call", {}) for _ in range(CALLS_MAX + 1)]
    assert calls[-1] is None
    assert None not in calls[:-1]


# Cancelling


def test_a_call_that_was_not_sent_is_taken_back() -> None:
    server, _ = legacy()
    call = server.talk.call("tools/call", {"name": "lamp"})
    assert call is not None
    assert not server.talk.was_sent(call)
    assert not server.talk.cancel(call, "gone")
    assert server.messages() == []
    assert server.events() == []
    assert not server.talk.cancel(call, "gone")


@pytest.mark.parametrize(
    ("make", "is_http", "told", "aborted"),
    [
        (legacy, False, True, False),
        (legacy, True, True, True),
        (modern, False, True, False),
        (modern, True, False, True),
    ],
)
def test_a_call_that_was_sent_is_cancelled_in_the_servers_terms(
    make: Any, is_http: bool, told: bool, aborted: bool
) -> None:
    server, _ = make(is_http=is_http)
    call, request = called(server)
    assert server.talk.was_sent(call)
    assert server.talk.cancel(call, "time-out")
    said = server.messages()
    assert [each for each in said if "abort" in each] == [{"abort": request["id"]}] * aborted
    cancels = [each["params"] for each in said if "abort" not in each]
    assert cancels == [{"requestId": request["id"], "reason": "time-out"}] * told
    server.answers(request, {})
    assert server.events() == []


def test_a_call_that_waits_for_an_answer_has_nothing_to_cancel() -> None:
    server, _ = modern()
    call, request = called(server)
    server.answers(request, needs(k="elicitation/create"))
    (asked,) = server.events()
    assert isinstance(asked, Asked)
    assert server.talk.cancel(call, "gone")
    assert server.messages() == []
    assert server.event() == Withdrawn(question=asked.question, call=call)
    server.talk.answer(asked.question, msgspec.Raw(b"{}"))
    assert server.messages() == []


# What the server says in its midst


def test_progress_is_passed_on_as_long_as_it_increases() -> None:
    server, _ = legacy()
    call, request = called(server)
    for progress in (1, 1, 0.5, 2):
        said = {"progressToken": call, "progress": progress, "total": 9, "message": "m"}
        server.notes("notifications/progress", said)
    said = {"progressToken": "other", "progress": 7}
    server.notes("notifications/progress", said)
    told = server.events()
    assert [msgspec.json.decode(each.params) for each in told if isinstance(each, Told)] == [
        {"progress": 1, "total": 9, "message": "m"},
        {"progress": 2, "total": 9, "message": "m"},
    ]
    server.answers(request, {})
    server.events()
    server.notes("notifications/progress", {"progressToken": call, "progress": 9})
    assert server.events() == []


def test_a_log_is_passed_on_to_the_call_that_it_must_be_about() -> None:
    server, _ = legacy()
    params = {"level": "info", "data": "x"}
    server.notes("notifications/message", params)
    assert server.events() == []
    first, request = called(server)
    server.notes("notifications/message", params)
    told = server.event()
    assert isinstance(told, Told)
    assert (told.call, told.method) == (first, "notifications/message")
    second, other = called(server)
    server.notes("notifications/message", params)
    assert server.events() == []
    server.notes("notifications/message", params, stream=other["id"])
    told = server.event()
    assert isinstance(told, Told)
    assert told.call == second
    server.notes("notifications/message", params, stream=99)
    assert server.events() == []
    del request


# Questions of the old era


def test_a_question_is_answered_under_the_servers_own_id() -> None:
    server, _ = legacy()
    call, _ = called(server, FORM)
    server.asks("q-1", "elicitation/create", ELICIT)
    asked = server.event()
    assert isinstance(asked, Asked)
    assert (asked.call, asked.method) == (call, "elicitation/create")
    assert msgspec.json.decode(asked.params) == {"mode": "form", "message": "sure?"}
    server.talk.answer(asked.question, msgspec.Raw(b'{"action":"accept"}'))
    assert server.only() == {"jsonrpc": "2.0", "id": "q-1", "result": {"action": "accept"}}
    server.talk.answer(asked.question, msgspec.Raw(b"{}"))
    server.talk.unanswered(asked.question, "late")
    assert server.messages() == []


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("elicitation/create", {"result": {"action": "cancel"}}),
        ("roots/list", {"result": {"roots": []}}),
        ("sampling/createMessage", {"error": {"code": -32603, "message": "nobody can"}}),
    ],
)
def test_a_question_that_nobody_answers_is_refused_in_its_own_terms(
    method: str, answer: dict[str, Any]
) -> None:
    server, _ = legacy()
    called(server)
    server.asks(5, method)
    asked = server.event()
    assert isinstance(asked, Asked)
    server.talk.unanswered(asked.question, "nobody can")
    assert server.only() == {"jsonrpc": "2.0", "id": 5, **answer}


@pytest.mark.parametrize("count", [0, 2])
def test_a_question_of_no_clear_call_is_put_to_nobody(count: int) -> None:
    server, _ = legacy()
    for _ in range(count):
        called(server)
    server.asks(1, "roots/list")
    server.asks(2, "sampling/createMessage")
    roots, sampling = server.messages()
    assert roots["result"] == {"roots": []}
    assert "not clear" in sampling["error"]["message"]
    assert server.events() == []


def test_a_question_is_of_the_call_on_whose_stream_it_came() -> None:
    server, _ = legacy(is_http=True)
    called(server)
    call, request = called(server)
    server.asks(1, "roots/list", stream=request["id"])
    asked = server.event()
    assert isinstance(asked, Asked)
    assert asked.call == call


def test_a_question_that_is_withdrawn_is_no_longer_answered() -> None:
    server, _ = legacy()
    call, _ = called(server)
    server.asks(1, "roots/list")
    server.asks(2, "roots/list")
    first, second = server.events()
    server.notes("notifications/cancelled", {"requestId": 1})
    assert isinstance(first, Asked)
    assert isinstance(second, Asked)
    assert server.event() == Withdrawn(question=first.question, call=call)
    server.talk.answer(first.question, msgspec.Raw(b"{}"))
    assert server.messages() == []
    server.talk.answer(second.question, msgspec.Raw(b"{}"))
    assert server.only()["id"] == 2


def test_only_so_many_questions_are_open() -> None:
    server, _ = legacy()
    called(server)
    for number in range(QUESTIONS_MAX + 1):
        server.asks(number, "sampling/createMessage")
    assert len(server.events()) == QUESTIONS_MAX
    assert "too many questions" in server.only()["error"]["message"]


def test_other_requests_are_answered_without_anybody() -> None:
    server, _ = legacy()
    server.asks(1, "ping")
    server.asks(2, "tools/call")
    pong, refusal = server.messages()
    assert pong == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert refusal["error"]["code"] == -32601


# Questions of the new era


def test_a_call_goes_on_when_all_that_it_needs_is_there() -> None:
    server, _ = modern()
    call, request = called(server, FORM)
    server.answers(request, needs(a="elicitation/create", b="roots/list"))
    first, second = server.events()
    assert isinstance(first, Asked)
    assert isinstance(second, Asked)
    server.talk.answer(second.question, msgspec.Raw(b'{"roots":[1]}'))
    assert server.messages() == []
    server.talk.unanswered(first.question, "nobody")
    again = server.only()
    assert again["id"] != request["id"]
    assert again["params"]["name"] == "lamp"
    assert again["params"]["requestState"] == "s1"
    assert again["params"]["inputResponses"] == {
        "a": {"action": "cancel"},
        "b": {"roots": [1]},
    }
    assert again["params"]["_meta"]["progressToken"] == call
    server.answers(again, {"resultType": "complete"})
    ended = server.event()
    assert isinstance(ended, Ended)
    assert (ended.call, ended.end) == (call, End.RESULT)


def test_a_call_that_needs_nothing_but_to_be_made_again_is() -> None:
    server, _ = modern()
    call, request = called(server)
    server.answers(request, {"resultType": "input_required"})
    again = server.only()
    assert again["params"].keys() == {"name", "arguments", "_meta"}
    for _ in range(ROUNDS_MAX - 1):
        server.answers(again, {"resultType": "input_required", "requestState": "x"})
        again = server.only()
    server.answers(again, {"resultType": "input_required"})
    ended = server.event()
    assert isinstance(ended, Ended)
    assert (ended.call, ended.end) == (call, End.LOST)


@pytest.mark.parametrize(
    ("result", "end"),
    [
        ({"resultType": "input_required", "inputRequests": 7}, End.LOST),
        (needs(a="roots/list", b="files/read"), End.ERROR),
        (needs(**{f"k{n}": "roots/list" for n in range(QUESTIONS_MAX + 1)}), End.LOST),
    ],
)
def test_what_can_not_be_given_ends_a_call(result: dict[str, Any], end: End) -> None:
    server, _ = modern()
    call, request = called(server)
    server.answers(request, result)
    ended = server.event()
    assert isinstance(ended, Ended)
    assert (ended.call, ended.end) == (call, end)
    assert server.messages() == []


def test_a_call_whose_questions_are_too_many_goes_on_once() -> None:
    server, _ = modern()
    _, request = called(server, FORM)
    server.answers(request, needs(**{f"k{n}": "roots/list" for n in range(QUESTIONS_MAX)}))
    _, other = called(server, FORM)
    server.events()
    server.answers(other, needs(a="elicitation/create"))
    assert server.events() == []
    again = server.only()
    assert again["params"]["inputResponses"] == {"a": {"action": "cancel"}}


def test_a_call_ends_if_what_it_needs_can_not_be_had() -> None:
    server, _ = modern()
    call, request = called(server)
    server.answers(request, needs(a="sampling/createMessage", b="roots/list"))
    first, second = server.events()
    assert isinstance(first, Asked)
    assert isinstance(second, Asked)
    server.talk.unanswered(first.question, "nobody can")
    withdrawn, ended = server.events()
    assert withdrawn == Withdrawn(question=second.question, call=call)
    assert isinstance(ended, Ended)
    assert (ended.end, ended.message) == (
        End.ERROR,
        "it asks for sampling/createMessage: nobody can",
    )
    server.talk.answer(second.question, msgspec.Raw(b"{}"))
    assert server.messages() == []


def test_many_questions_of_several_calls_end_what_can_not_be_asked() -> None:
    server, _ = modern()
    _, request = called(server)
    many = {f"k{n}": "sampling/createMessage" for n in range(QUESTIONS_MAX)}
    server.answers(request, needs(**many))
    assert len(server.events()) == QUESTIONS_MAX
    call, request = called(server)
    server.answers(request, needs(a="sampling/createMessage", b="sampling/createMessage"))
    assert [each for each in server.events() if isinstance(each, Ended)] == [
        Ended(
            call=call,
            end=End.ERROR,
            message="it asks for sampling/createMessage: it has too many questions at once",
        )
    ]


# Ends that the way brings


@pytest.mark.parametrize("make", [legacy, modern])
def test_what_was_not_sent_is_told_from_what_was_lost(make: Any) -> None:
    server, _ = make(is_http=True)
    first, one = called(server)
    second, two = called(server)
    server.talk.not_sent(one["id"], "refused", server.now)
    server.talk.broken(two["id"], "cut", server.now)
    server.talk.broken(two["id"], "cut", server.now)
    assert server.events() == [
        Ended(call=first, end=End.NOT_SENT, message="refused"),
        Ended(call=second, end=End.LOST, message="cut"),
    ]


def test_what_could_not_go_on_is_lost() -> None:
    server, _ = modern(is_http=True)
    call, request = called(server)
    server.answers(request, {"resultType": "input_required"})
    server.talk.not_sent(server.only()["id"], "refused", server.now)
    assert server.event() == Ended(call=call, end=End.LOST, message="refused")


def test_the_end_of_a_talk_tells_what_was_sent_from_what_was_not() -> None:
    server, _ = legacy()
    sent, _ = called(server)
    unsent = server.talk.call("tools/call", {})
    assert unsent is not None
    server.talk.close("it died")
    ends = [each for each in server.events() if isinstance(each, Ended)]
    assert ends == [
        Ended(call=sent, end=End.LOST, message="it died"),
        Ended(call=unsent, end=End.NOT_SENT, message="it died"),
    ]
    assert server.messages() == []
    server.talk.close("again")
    assert server.events() == []
    assert server.talk.call("tools/call", {}) is None


def test_what_is_between_us_and_the_server_is_taken_out() -> None:
    raw = msgspec.Raw
    assert without_meta(raw(b'{"a": 1}')) == b'{"a": 1}'
    assert without_meta(raw(b'{"a": 1,"_meta":{}}')) == b'{"a":1}'
    assert without_meta(raw(b"")) == b"{}"
    assert without_meta(raw(b"[1]")) == b"{}"
