"""What is stored of sessions comes back as it was."""

from __future__ import annotations

import msgspec
import pytest
from tests.server.store.session_samples import QUEUED, RUN, SESSION, USAGE, row, session, usage

from agentgate_proto.records.session import EventKind
from agentgate_proto.records.usage import Usage, UsageStatus
from agentgate_server.store.session_rows import (
    LOG_COLUMNS,
    SESSION_COLUMNS,
    USAGE_COLUMNS,
    log_of_row,
    log_row_of,
    session_of_row,
    session_row_of,
    spent_of_row,
    sum_of_row,
    usage_of_row,
    usage_row_of,
    whole,
)

DAMAGE = (TypeError, ValueError, msgspec.ValidationError)


@pytest.mark.parametrize("record", [SESSION, session("s1"), session("s2", next=2**63 - 1)])
def test_a_session_comes_back(record: object) -> None:
    assert session_of_row(session_row_of(record)) == record


def test_every_field_has_a_column() -> None:
    assert set(SESSION_COLUMNS) == set(SESSION.__struct_fields__)
    assert set(LOG_COLUMNS) == set(row(0).__struct_fields__)
    fields = {*USAGE.__struct_fields__, *Usage.__struct_fields__}
    assert set(USAGE_COLUMNS) == fields - {"usage"}


@pytest.mark.parametrize("kind", EventKind)
def test_a_row_of_a_log_comes_back(kind: EventKind) -> None:
    record = row(2**63 - 2, kind, "ä\x00", blocks=b"\xff\x00")

    assert log_of_row(log_row_of(record)) == record


@pytest.mark.parametrize(
    "record",
    [
        USAGE,
        usage("u1", cost_micros=None, reserved_micros=None, status=UsageStatus.RESERVED),
        usage("u2", usage=Usage(input=2**63 - 1, is_estimate=True), prices=""),
    ],
)
def test_usage_comes_back(record: object) -> None:
    assert usage_of_row(usage_row_of(record)) == record


def test_half_a_surrogate_pair_in_a_run_becomes_a_question_mark() -> None:
    run = msgspec.structs.replace(RUN, message_id="a\ud800b")

    found = session_of_row(session_row_of(session("s1", run=run)))

    assert found.run == msgspec.structs.replace(RUN, message_id="a?b")


def test_half_a_surrogate_pair_in_a_message_that_waits_becomes_a_question_mark() -> None:
    params = {"a\ud800": ["\ud800", 1, None]}
    said = msgspec.structs.replace(QUEUED, text="a\ud800b", params=params)

    found = session_of_row(session_row_of(session("s1", queue=(QUEUED, said))))

    asked = msgspec.structs.replace(QUEUED, text="a?b", params={"a?": ["?", 1, None]})
    assert found.queue == (QUEUED, asked)


def test_a_run_that_was_stored_without_how_far_it_has_come_is_read_all_the_same() -> None:
    row = dict(zip(SESSION_COLUMNS, session_row_of(session("s1", run=RUN)), strict=True))
    run = msgspec.json.decode(row["run"])
    del run["so_far"], run["started"]
    row["run"] = msgspec.json.encode(run).decode()

    found = session_of_row(tuple(row.values()))

    assert found.run == msgspec.structs.replace(RUN, so_far=None, started=0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("run", "{"),
        ("run", '{"id":1}'),
        ("queue", "{"),
        ("queue", '[{"run":"r"}]'),
        ("next", "many"),
        ("metadata", 7),
        ("principal", None),
    ],
)
def test_a_session_that_nobody_wrote_so_is_damage(column: str, value: object) -> None:
    values = dict(zip(SESSION_COLUMNS, session_row_of(SESSION), strict=True))

    with pytest.raises(DAMAGE):
        session_of_row(tuple({**values, column: value}.values()))


def test_a_row_of_a_log_that_nobody_wrote_so_is_damage() -> None:
    with pytest.raises(DAMAGE):
        log_of_row((0, 1, "shout", 1.5, b"{}", b""))
    with pytest.raises(DAMAGE):
        log_of_row((0, 1, "text", 1.5, None, b""))


def test_usage_that_nobody_wrote_so_is_damage() -> None:
    values = dict(zip(USAGE_COLUMNS, usage_row_of(USAGE), strict=True))
    for column, value in (("status", "spent"), ("input", "many"), ("cost_micros", 1.5)):
        with pytest.raises(DAMAGE):
            usage_of_row(tuple({**values, column: value}.values()))


def test_a_sum_is_made_of_its_two_parts() -> None:
    assert whole(None, None) == 0
    assert whole(1, 5) == 2**32 + 5
    assert whole(3 * (2**31 - 1), 3 * (2**32 - 1)) == 3 * (2**63 - 1)


def test_a_sum_of_a_row() -> None:
    found = sum_of_row(("m", 3, 1, 1, 0, 7, 0, 9, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6))

    assert (found.key, found.requests, found.unknown) == ("m", 3, 1)
    assert (found.reserved_micros, found.cost_micros) == (7, 9)
    assert found.usage == Usage(
        input=1,
        output=2,
        cache_read=3,
        cache_write=4,
        cache_write_1h=5,
        thinking=6,
        is_estimate=True,
    )
    with pytest.raises(DAMAGE):
        sum_of_row((None, 3, 1, 1, *[0] * 16))
    with pytest.raises(DAMAGE):
        spent_of_row(("agent", 7, "2023-11-14", 0, 1))
