"""Records survive being rows, and damaged rows do not become records."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from tests.server.store.samples import WAITING, done

from agentgate_proto.records.edit import Edit
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_server.store.rows import COLUMNS, record_of, row_of, storable

TEXT = st.text(max_size=8)
SECONDS = st.floats(min_value=0, max_value=1e12)
JSON = st.sampled_from([b"null", b"{}", b'{ "a" : 1 }', '{"ä":"\\u0000"}'.encode(), b"\xff"])
WHOLE_JSON = st.sampled_from([b"{}", b'{"a":1}'])

OUTCOMES = st.builds(
    Outcome,
    status=st.sampled_from(Status),
    data=st.builds(msgspec.Raw, JSON),
    code=st.integers(-(2**63), 2**63 - 1),
    message=TEXT,
    word=TEXT,
    edited=st.just(UNSET) | st.builds(msgspec.Raw, WHOLE_JSON),
)
EDITS = st.builds(
    Edit,
    args=st.builds(msgspec.Raw, WHOLE_JSON),
    signature=TEXT,
    digest=TEXT,
    filled=st.tuples(TEXT),
    changed=st.tuples(TEXT),
    told=st.just(UNSET) | st.builds(msgspec.Raw, WHOLE_JSON),
)
RECORDS = st.builds(
    Record,
    rid=TEXT,
    principal=TEXT,
    client_id=TEXT,
    request_id=st.integers(-(2**63), 2**63 - 1) | TEXT,
    tool=TEXT,
    args=st.builds(msgspec.Raw, JSON),
    signature=TEXT,
    digest=TEXT,
    effects=st.sampled_from(Effects),
    definition=TEXT,
    idempotency_key=TEXT,
    phase=st.sampled_from(Phase),
    rule=TEXT,
    description=TEXT,
    warning=TEXT,
    created_at=SECONDS,
    expires_at=SECONDS,
    approver=TEXT,
    channel=TEXT,
    decided_at=SECONDS,
    joined=TEXT,
    outcome=st.none() | OUTCOMES,
    resolved_at=SECONDS,
    why=TEXT,
    word=TEXT,
    edit=st.none() | EDITS,
    delivered=st.booleans(),
)


@given(RECORDS)
def test_a_record_is_the_same_after_being_a_row(record: Record) -> None:
    row = row_of(record)

    assert len(row) == len(COLUMNS)
    assert record_of(row) == record


def test_every_field_of_a_record_has_its_column() -> None:
    fields = set(Record.__struct_fields__) - {"outcome"} | set(Outcome.__struct_fields__)
    in_words = {"why", "word", "edit", "edited"}

    assert set(COLUMNS) == fields - in_words | {"words"}


def test_integer_and_text_ids_stay_what_they_are() -> None:
    seven = record_of(row_of(msgspec.structs.replace(WAITING, request_id=7)))
    text = record_of(row_of(msgspec.structs.replace(WAITING, request_id="7")))

    assert seven.request_id == 7
    assert text.request_id == "7"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("phase", "asleep"),
        ("effects", "none"),
        ("status", "maybe"),
        ("request_id", 1.5),
        ("args", None),
        ("tool", b"blob"),
        ("created_at", "yesterday"),
    ],
)
def test_a_row_that_nobody_wrote_is_no_record(column: str, value: object) -> None:
    row: list[Any] = list(row_of(done("r1")))
    row[COLUMNS.index(column)] = value

    with pytest.raises((TypeError, ValueError, msgspec.ValidationError)):
        record_of(tuple(row))


def test_half_a_surrogate_pair_becomes_a_question_mark_and_nothing_else_changes() -> None:
    assert storable("caf\udce9.txt") == "caf?.txt"
    assert storable("café") == "café"
    assert [storable(value) for value in (b"\xff", 1, 1.5, None)] == [b"\xff", 1, 1.5, None]
