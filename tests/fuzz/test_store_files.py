"""Store files that are damaged, edited or of another version: served, or refused in words."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.server.store.samples import UNKNOWN, done, put

from agentgate_proto.records.grant import Grant
from agentgate_proto.records.storage import (
    FindIdempotencyKey,
    FindRequest,
    FindRid,
    FindTwin,
    HighestId,
    ListNotes,
    ListRequests,
    Put,
    PutGrant,
    PutNote,
    Query,
    Undelivered,
)
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.store.engine import StoreError
from agentgate_server.store.migrations import VERSION
from agentgate_server.store.sqlite import SqliteEngine

NOW = 1_700_000_100.0
LATER = NOW + 40 * 86_400.0
QUERIES: list[Query] = [
    FindRequest("agent", "client", 1),
    FindIdempotencyKey("agent", "k"),
    FindTwin("agent", "d", 0.0),
    FindRid("r0"),
    HighestId("agent", "client"),
    Undelivered("agent", "client", 10, newest_first=True),
    ListRequests(None, 10, open_only=False),
    ListRequests("agent", 10, open_only=True),
    ListNotes("telegram", 10),
]
GRANT = Grant(
    id="g1",
    agent="agent",
    tool="ha_turn_on",
    args=msgspec.Raw(b"{}"),
    any_args=("a",),
    created_at=NOW,
    expires_at=NOW + 60,
    uses_max=3,
    uses=1,
    approver="owner",
    channel="http",
    rid="r0",
)

file_fuzz = settings(deadline=None, max_examples=50)
"""Each example writes files and waits for the disk."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with some of everything."""
    path = tmp_path_factory.mktemp("store") / "gate.db"
    engine = SqliteEngine(path, utc=lambda: NOW)
    engine.commit([put("r0", idempotency_key="k"), Put(done("r1", request_id=2))])
    engine.commit([Put(done("r2", UNKNOWN, request_id="x")), PutNote("telegram", "r0", "7")])
    engine.commit([PutGrant(GRANT)])
    engine.prune(LATER, math.inf)  # leaves an anchor of the audit
    engine.close()
    return path


@contextmanager
def copy_of(sample: Path) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(shutil.copy(sample, folder))


def use(path: Path) -> None:
    """Do with a file all that a gateway and ``agent-gate audit`` do.

    Only :class:`StoreError` may come of it, and it is one line.
    """
    try:
        engine = SqliteEngine(path, utc=lambda: NOW)
    except StoreError as error:
        assert_told(error)
    else:
        for deed in (
            engine.restore,
            *(lambda query=query: engine.answer(query) for query in QUERIES),
            lambda: engine.commit([put("r9", request_id=9), PutNote("telegram", "r9", "8")]),
            lambda: engine.prune(LATER, math.inf),
            engine.close,
        ):
            try:
                deed()
            except StoreError as error:
                assert_told(error)
    try:
        with AuditFile(path) as audit:
            verdict = audit.verify()
            assert verdict.entries >= 0
            with audit.snapshot():
                audit.newest(5)
                audit.head()
                list(audit.lines(audit.before(NOW).seq))
    except StoreError as error:
        assert_told(error)


def assert_told(error: StoreError) -> None:
    assert str(error)
    assert "\n" not in str(error)


@given(cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40)), max_size=5))
@example([(0.0, b"\0" * 40)])
@file_fuzz
def test_whatever_bytes_a_file_has_lost_it_is_used_or_refused(
    sample: Path, cuts: list[tuple[float, bytes]]
) -> None:
    with copy_of(sample) as path:
        data = bytearray(path.read_bytes())
        for place, junk in cuts:
            at = int(place * len(data))
            data[at : at + len(junk)] = junk
        path.write_bytes(data)
        use(path)


@given(left=st.floats(0, 1))
@file_fuzz
def test_wherever_a_file_was_cut_off_it_is_used_or_refused(sample: Path, left: float) -> None:
    with copy_of(sample) as path:
        data = path.read_bytes()
        path.write_bytes(data[: int(left * len(data))])
        use(path)


def columns(path: Path) -> list[tuple[str, str]]:
    """All tables with their columns."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [
            (table, column)
            for (table,) in tables.fetchall()
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        ]


VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
    | st.binary(max_size=10)
    | st.sampled_from(["done", "running", "[", '{"a":1}', "1-" + "0" * 64, 1e300, -1, b"\xff"])
)


@given(edits=st.lists(st.tuples(st.integers(0, 1_000), VALUES), min_size=1, max_size=3))
@settings(file_fuzz, max_examples=150)
def test_whatever_somebody_wrote_into_a_file_it_is_used_or_refused(
    sample: Path, edits: list[tuple[int, object]]
) -> None:
    with copy_of(sample) as path:
        places = columns(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for trigger in ("audit_stays", "audit_kept"):
                connection.execute(f"DROP TRIGGER {trigger}")
            for number, value in edits:
                table, column = places[number % len(places)]
                with suppress(sqlite3.IntegrityError):  # no integer for a primary key
                    connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
        use(path)


@pytest.mark.parametrize("version", [VERSION + 1, 2**31 - 1, -1, -(2**31)])
def test_a_file_of_another_version_is_refused_and_left_as_it_is(sample: Path, version: int) -> None:
    with copy_of(sample) as path:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        before = path.read_bytes()
        with pytest.raises(StoreError, match=r"newer|damaged"):
            SqliteEngine(path)
        assert path.read_bytes() == before
        use(path)


@pytest.mark.parametrize("version", range(VERSION))
def test_a_file_whose_version_lies_is_refused(sample: Path, version: int) -> None:
    with copy_of(sample) as path:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(StoreError):
            SqliteEngine(path)
