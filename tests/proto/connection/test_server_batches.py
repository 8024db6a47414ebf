"""Batches, end to end: one array in, one array out, once, when the last answer is there."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.proto.byhand import Visitor, batch, notification, request
from tests.proto.support import quick

from agentgate_proto.connection.events import Called, Received
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import Limits
from agentgate_proto.records.outcome import executed

T = {"tool": "x"}
ACK = notification("ack", {"seq": 0})
CALL = {n: request(n, "tool_request", T) for n in range(1, 9)}


def ids(array: list[Any]) -> list[Any]:
    return [answer["id"] for answer in array]


def test_valid_invalid_and_notifications_are_answered_by_one_array() -> None:
    visitor = Visitor().enter()
    visitor.say(batch(CALL[1], ACK, "1", request(2, "what"), request(3, "list_tools")))
    assert [event.id for event in visitor.happened()] == [1, 3]
    assert visitor.heard() == []
    visitor.server.send_result(3, {"tools": []})
    visitor.drain()
    assert visitor.heard() == []
    visitor.server.send_outcome(1, executed(b"21"), "r1")
    visitor.drain()
    [array] = visitor.heard()
    assert ids(array) == [None, 2, 3, 1]
    assert [answer["error"]["code"] for answer in array[:2]] == [-32600, -32601]
    assert array[3]["result"]["data"] == 21


def test_answers_that_are_given_while_the_batch_is_read_wait_for_the_rest_of_it() -> None:
    visitor = Visitor().enter()
    visitor.on_event = lambda event: visitor.server.send_result(event.id, event.id * 10)
    visitor.say(batch(*(request(n, "list_tools") for n in (1, 2, 3))))
    [array] = visitor.heard()
    assert [(answer["id"], answer["result"]) for answer in array] == [(1, 10), (2, 20), (3, 30)]


def test_a_batch_in_which_nothing_is_asked_is_not_answered() -> None:
    visitor = Visitor().enter()
    visitor.say(batch(ACK, '{"jsonrpc":"2.0","result":1,"id":1}', ACK))
    assert visitor.heard() == []
    assert visitor.happened() == []


def test_a_batch_in_which_all_is_wrong_is_answered_at_once() -> None:
    visitor = Visitor().enter()
    visitor.say("[1,2,3]")
    [array] = visitor.heard()
    assert ids(array) == [None, None, None]


def test_an_id_may_come_once_in_a_batch() -> None:
    visitor = Visitor().enter()
    visitor.say(batch(CALL[1], CALL[1], CALL[2]))
    assert [event.id for event in visitor.happened()] == [1, 2]
    visitor.server.send_outcome(2, executed(b"2"), "r2")
    visitor.server.send_outcome(1, executed(b"1"), "r1")
    visitor.drain()
    [array] = visitor.heard()
    assert ids(array) == [1, 2, 1]
    assert array[0]["error"]["message"] == "Invalid Request: id 1 is in flight already"


def test_a_request_of_a_batch_may_be_asked_again_outside_of_it() -> None:
    visitor = Visitor().enter()
    visitor.say(batch(CALL[1], CALL[2]), CALL[1])
    assert [(a.id, a.repeated) for a in visitor.happened()] == [(1, False), (2, False), (1, True)]
    for n in (1, 2):
        visitor.server.send_outcome(n, executed(b"0"), f"r{n}")
    visitor.drain()
    assert [ids(array) for array in visitor.heard()] == [[1, 2]]


def test_two_batches_are_answered_each_by_its_own_array() -> None:
    visitor = Visitor().enter()
    visitor.say(batch(CALL[1], CALL[2]), batch(CALL[3], CALL[4]))
    for n in (1, 3, 4, 2):
        visitor.server.send_outcome(n, executed(b"0"), f"r{n}")
    visitor.drain()
    assert [ids(array) for array in visitor.heard()] == [[3, 4], [1, 2]]


def test_what_finds_no_room_is_refused_inside_the_array() -> None:
    visitor = Visitor(Limits(requests_in_flight_max=2)).enter()
    visitor.say(batch(CALL[1], CALL[2], CALL[3]))
    assert len(visitor.happened()) == 2
    for n in (1, 2):
        visitor.server.send_error(n, ErrorCode.DENIED_BY_POLICY)
    visitor.drain()
    [array] = visitor.heard()
    assert [(a["id"], a["error"]["code"]) for a in array] == [(3, -32006), (1, -32003), (2, -32003)]


def test_a_batch_over_the_cap_is_refused_as_a_whole() -> None:
    visitor = Visitor(Limits(batch_items_max=2)).enter()
    visitor.say(batch(CALL[1], CALL[2], CALL[3]))
    [answer] = visitor.heard()
    assert (answer["id"], answer["error"]["code"]) == (None, -32600)
    assert visitor.happened() == []


def test_an_ack_for_a_later_message_does_not_acknowledge_a_batch_that_is_not_sent() -> None:
    visitor = Visitor().enter()
    visitor.say(batch(CALL[1], CALL[2]), CALL[3])
    visitor.happened()
    visitor.server.send_outcome(1, executed(b"1"), "r1")  # waits for r2
    visitor.server.send_outcome(3, executed(b"3"), "r3")
    visitor.drain()
    [alone] = visitor.heard()
    assert alone["result"]["seq"] == 1
    visitor.say(notification("ack", {"seq": 1}))
    assert visitor.happened() == [Received(rids=("r3",))]
    visitor.server.send_outcome(2, executed(b"2"), "r2")
    visitor.drain()
    [array] = visitor.heard()
    assert [answer["result"]["seq"] for answer in array] == [2, 3]
    visitor.say(notification("ack", {"seq": 3}))
    assert visitor.happened() == [Received(rids=("r1", "r2"))]


def test_an_answer_that_cannot_be_encoded_spoils_nothing_but_itself() -> None:
    visitor = Visitor().enter()
    visitor.say(batch(request(1, "list_tools"), request(2, "list_tools")))
    visitor.server.send_result(2, {})
    try:
        visitor.server.send_result(1, object())
    except TypeError:
        visitor.server.send_error(1, ErrorCode.INTERNAL_ERROR)
    visitor.drain()
    [array] = visitor.heard()
    assert ids(array) == [2, 1]


def test_the_rest_of_a_batch_is_dropped_when_the_connection_ends_in_the_middle() -> None:
    visitor = Visitor().enter()
    visitor.on_event = lambda event: visitor.server.close(1012, "bye")
    visitor.say(batch(CALL[1], CALL[2], "1"))
    assert [event.id for event in visitor.happened()] == [1]
    assert visitor.heard() == ["close 1012 bye"]


elements = st.sampled_from([*CALL.values(), ACK, "1", request(None, "list_tools"), "{}"])


@quick
@given(st.lists(elements, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_every_request_is_answered_exactly_once_whatever_the_order(
    texts: list[str], rng: Any
) -> None:
    visitor = Visitor().enter()
    visitor.say(batch(*texts))
    calls = [event.id for event in visitor.happened() if isinstance(event, Called)]
    rng.shuffle(calls)
    for request_id in calls:
        assert visitor.heard() == []
        visitor.server.send_error(request_id, ErrorCode.DENIED_BY_POLICY)
        visitor.drain()
    answers = [answer for array in visitor.heard() for answer in array]
    messages = [json.loads(text) for text in texts if text != ACK]
    asked = [message.get("id") if isinstance(message, dict) else None for message in messages]
    assert sorted(ids(answers), key=repr) == sorted(asked, key=repr)
