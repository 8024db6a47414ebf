"""How much memory an answer of the store takes."""

from __future__ import annotations

import msgspec
from tests.server.store.samples import done

from agentgate_proto.records.session import EventKind, LogRow
from agentgate_proto.records.storage import record_bytes
from agentgate_server.store.answers import bytes_of, size_of


def test_records_and_rows_count_by_what_is_in_them() -> None:
    record = done("r1", at=0.0)
    assert bytes_of(record) == record_bytes(record) > 0
    assert bytes_of([record, record]) == 2 * bytes_of(record)
    data = msgspec.Raw(b'"' + b"x" * 10_000 + b'"')
    row = LogRow(first=0, count=1, kind=EventKind.MESSAGE, at=0.0, data=data)
    assert 10_000 < size_of(row) < 11_000


def test_what_is_neither_takes_next_to_nothing() -> None:
    assert bytes_of(None) == bytes_of(7) == 0
    assert bytes_of(["a sum", "another"]) == 2_000
