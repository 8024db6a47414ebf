"""Each request is answered exactly once, in both directions."""

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.chance import examples

from agentgate_proto.connection.requests import BatchAnswer, Frame, InFlight, Outstanding
from agentgate_proto.errors import ErrorCode, LocalProtocolError
from agentgate_proto.rpc.jsonrpc import RequestId


def said(text: str) -> Frame:
    return lambda: json.dumps(text).encode()


def unencodable() -> bytes:
    raise TypeError("cannot be encoded")


# What we asked


def test_an_answer_settles_its_request_once_and_names_the_method() -> None:
    outstanding = Outstanding()
    outstanding.add(1, "list_tools")
    assert len(outstanding) == 1
    assert outstanding.settle(1) == "list_tools"
    assert outstanding.settle(1) is None
    assert len(outstanding) == 0


def test_an_answer_that_nobody_waits_for_settles_nothing() -> None:
    outstanding = Outstanding()
    outstanding.add(1, "ping")
    assert outstanding.settle("1") is None
    assert outstanding.settle(None) is None
    assert len(outstanding) == 1


def test_an_id_in_use_is_refused_and_the_first_request_stays() -> None:
    outstanding = Outstanding()
    outstanding.add(1, "first")
    with pytest.raises(LocalProtocolError, match="request id 1 is in use"):
        outstanding.add(1, "second")
    assert outstanding.settle(1) == "first"


def test_a_number_and_its_spelling_are_two_requests() -> None:
    outstanding = Outstanding()
    outstanding.add(7, "number")
    outstanding.add("7", "text")
    assert (outstanding.settle("7"), outstanding.settle(7)) == ("text", "number")


# What the peer asked


def test_a_request_is_answered_at_once_and_once() -> None:
    in_flight = InFlight(8)
    in_flight.add("a", None)
    assert "a" in in_flight
    assert in_flight.answer("a", said("yes")) == b'"yes"'
    assert "a" not in in_flight
    with pytest.raises(LocalProtocolError, match="'a' is not in flight"):
        in_flight.answer("a", said("again"))


def test_an_answer_to_nothing_is_our_own_error() -> None:
    with pytest.raises(LocalProtocolError, match="request 1 is not in flight"):
        InFlight(8).answer(1, said("what"))


def test_a_request_whose_answer_cannot_be_encoded_can_still_be_answered() -> None:
    in_flight = InFlight(8)
    in_flight.add(1, None)
    with pytest.raises(TypeError):
        in_flight.answer(1, unencodable)
    assert in_flight.answer(1, said("an error")) == b'"an error"'


def test_the_table_says_why_there_is_no_room() -> None:
    in_flight = InFlight(2)
    in_flight.add(1, None)
    assert in_flight.no_room(2) is None
    assert in_flight.no_room(1) == (ErrorCode.INVALID_REQUEST, "id 1 is in flight already")
    in_flight.add(2, None)
    refused = in_flight.no_room(3)
    assert refused is not None
    assert refused[0] is ErrorCode.LIMIT_EXCEEDED
    assert "2 requests are in flight" in refused[1]
    in_flight.answer(1, said("room"))
    assert in_flight.no_room(3) is None


def test_of_a_method_that_is_alone_there_is_one_at_a_time() -> None:
    in_flight = InFlight(9)
    in_flight.add(1, None, "list_requests")
    refused = in_flight.no_room(2, "list_requests")
    assert refused is not None
    assert refused[0] is ErrorCode.LIMIT_EXCEEDED
    assert "one list_requests is in flight" in refused[1]
    assert in_flight.no_room(2, "other") is None
    in_flight.add(2, None)
    in_flight.answer(2, said("another"))
    assert in_flight.no_room(3, "list_requests") is not None
    in_flight.answer(1, said("the one"))
    assert in_flight.no_room(3, "list_requests") is None


# Batches


def test_a_batch_is_answered_by_one_array_when_its_last_answer_is_there() -> None:
    in_flight = InFlight(8)
    batch = BatchAnswer(3)
    in_flight.add(1, batch)
    in_flight.add(2, batch)
    assert in_flight.answer(2, said("second")) is None
    assert in_flight.answer_in(batch, said("no message")) is None
    text = in_flight.answer(1, said("first"))
    assert text is not None
    assert json.loads(text) == ["second", "no message", "first"]


def test_an_answer_in_a_batch_does_not_wait_for_requests_outside_it() -> None:
    in_flight = InFlight(8)
    in_flight.add("alone", None)
    in_flight.add("in batch", BatchAnswer(1))
    assert in_flight.answer("in batch", said("b")) == b'["b"]'
    assert in_flight.answer("alone", said("a")) == b'"a"'


def test_the_answers_of_a_batch_are_encoded_when_it_is_sent_and_not_before() -> None:
    drawn: list[str] = []

    def numbered(name: str) -> Frame:
        def frame() -> bytes:
            drawn.append(name)
            return b"%d" % len(drawn)

        return frame

    in_flight = InFlight(8)
    batch = BatchAnswer(2)
    in_flight.add(1, batch)
    in_flight.add(2, batch)
    in_flight.add(3, None)
    assert in_flight.answer(1, numbered("batched")) is None
    assert in_flight.answer(3, numbered("alone")) == b"1"
    assert in_flight.answer(2, numbered("last")) == b"[2,3]"
    assert drawn == ["alone", "batched", "last"]


IDS: st.SearchStrategy[RequestId] = st.sampled_from([None, 7, "7", 0, "", -1])


class InFlightAgainstADictionary(RuleBasedStateMachine):
    """Requests come singly and in batches and are answered in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = InFlight(4)
        self.model: dict[RequestId, list[RequestId]] = {}
        self.batches: dict[RequestId, BatchAnswer] = {}
        self.answered: dict[int, list[str]] = {}

    @rule(request_id=IDS)
    def a_request_comes(self, request_id: RequestId) -> None:
        if self.in_flight.no_room(request_id) is None:
            self.in_flight.add(request_id, None)
            self.model[request_id] = []

    @rule(ids=st.lists(IDS, min_size=1, max_size=4, unique=True))
    def a_batch_comes(self, ids: list[RequestId]) -> None:
        fresh = [request_id for request_id in ids if request_id not in self.in_flight]
        if fresh and len(self.model) + len(fresh) <= 4:
            batch = BatchAnswer(len(fresh))
            for request_id in fresh:
                self.in_flight.add(request_id, batch)
                self.model[request_id] = fresh

    @rule(request_id=IDS)
    def an_answer_is_given(self, request_id: RequestId) -> None:
        frame = said(repr(request_id))
        if request_id not in self.model:
            with pytest.raises(LocalProtocolError):
                self.in_flight.answer(request_id, frame)
            return
        companions = self.model.pop(request_id)
        text = self.in_flight.answer(request_id, frame)
        if not companions:
            assert text == frame()
        elif any(self.model.get(other) is companions for other in companions):
            assert text is None
        else:
            assert text is not None
            assert sorted(json.loads(text)) == sorted(map(repr, companions))

    @invariant()
    def both_know_the_same_requests(self) -> None:
        assert len(self.in_flight) == len(self.model)
        assert all(request_id in self.in_flight for request_id in self.model)
        assert (self.in_flight.no_room("none of them") is not None) is (len(self.model) >= 4)


InFlightAgainstADictionary.TestCase.settings = settings(
    max_examples=examples(60), stateful_step_count=25
)
TestInFlightAgainstADictionary = InFlightAgainstADictionary.TestCase
