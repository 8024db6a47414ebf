"""What the ledger asks of a store: values that say everything and cannot change."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import msgspec
import pytest

from agentgate_proto.records import storage
from agentgate_proto.records.outcome import executed, failed
from agentgate_proto.records.request import Effects, Phase, Record, Relayed
from agentgate_proto.records.storage import (
    Answer,
    DropNote,
    FindIdempotencyKey,
    FindRequest,
    FindRid,
    FindTwin,
    HighestId,
    ListNotes,
    ListRequests,
    MarkDelivered,
    Put,
    PutNote,
    Query,
    Restored,
    Undelivered,
    as_many_as,
    may_be_repeated,
    record_bytes,
)

RECORD = Record(
    rid="r1",
    principal="bot",
    client_id="",
    request_id=1,
    tool="lamp",
    args=msgspec.Raw(b"{}"),
    signature="lamp()",
    digest="d",
    effects=Effects.READ,
    phase=Phase.WAITING,
    created_at=1.0,
)

QUESTIONS = [
    FindRequest("bot", "", 1),
    FindIdempotencyKey("bot", "key"),
    FindTwin("bot", "d", 0.0),
    FindRid("r1"),
    HighestId("bot", ""),
    Undelivered("bot", "", 10),
    ListRequests("bot", 10),
    ListNotes("telegram", 10),
]


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: type(query).__name__)
def test_a_question_says_what_its_answer_is(query: Query) -> None:
    text = inspect.getdoc(type(query)) or ""
    assert "Answer: ``" in text


def test_every_question_is_tried_here() -> None:
    assert {type(query) for query in QUESTIONS} == set(typing.get_args(Query))
    assert set(typing.get_args(Answer)) == {
        *(Record, type(None), int, list[Record], dict[str, str])
    }


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: type(query).__name__)
def test_the_same_question_is_the_same_key(query: Query) -> None:
    assert {query: 1}[msgspec.structs.replace(query)] == 1
    with pytest.raises(AttributeError):
        query.limit = 5


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, False),
        ({"effects": Effects.WRITE}, True),
        ({"expires_at": 2.0}, True),
        ({"relayed": Relayed(asks_there=True)}, True),
    ],
)
def test_a_read_that_nobody_was_asked_about_is_no_twin(more: dict[str, Any], found: bool) -> None:
    assert may_be_repeated(msgspec.structs.replace(RECORD, **more)) is found


def test_a_number_and_its_spelling_are_different_requests() -> None:
    assert FindRequest("bot", "", 7) != FindRequest("bot", "", "7")


def test_an_operator_asks_for_everybody_by_naming_nobody() -> None:
    query = ListRequests(None, 10)
    assert (query.principal, query.open_only) == (None, False)


def test_changes_carry_whole_records_or_nothing_but_names() -> None:
    assert Put(RECORD).record is RECORD
    assert MarkDelivered(("r1", "r2")).rids == ("r1", "r2")
    with pytest.raises(AttributeError):
        Put(RECORD).record = RECORD


def test_a_note_belongs_to_one_channel_and_one_approval() -> None:
    assert PutNote("telegram", "r1", "7") != PutNote("mail", "r1", "7")
    assert DropNote("telegram", "r1").rid == "r1"
    assert ListNotes("telegram", 10).rid == ""


def test_a_restart_begins_with_an_epoch_and_what_was_left() -> None:
    restored = Restored(epoch="e1", active=[RECORD], unknown=[])
    assert (restored.epoch, restored.active, restored.unknown) == ("e1", [RECORD], [])


def test_every_value_of_the_module_is_documented() -> None:
    kinds = [kind for _, kind in inspect.getmembers(storage, inspect.isclass)]
    ours = [kind for kind in kinds if kind.__module__ == storage.__name__]
    assert all(inspect.getdoc(kind) for kind in ours)


def made(rid: str = "r1", **kw: typing.Any) -> Record:
    return msgspec.structs.replace(RECORD, rid=rid, **kw)


def test_rows_are_taken_up_to_the_one_with_which_they_are_too_much() -> None:
    rows = [made(f"r{n}", args=msgspec.Raw(b"x" * 1_000)) for n in range(4)]
    assert as_many_as([], 0) == []
    assert as_many_as(rows, 0) == rows[:1]
    assert as_many_as(rows, record_bytes(rows[0])) == rows[:2]
    assert as_many_as(rows, 10**9) == rows


def test_what_can_be_large_in_a_record_counts() -> None:
    empty = record_bytes(RECORD)
    more = [
        made(args=msgspec.Raw(b"x" * (2 + 5_000))),
        made(signature="x" * (6 + 5_000)),
        made(outcome=executed(b"x" * 5_000)),
        made(outcome=failed("x" * (5_000 - 4))),
    ]
    assert [record_bytes(each) - empty for each in more] == [5_000] * 4
