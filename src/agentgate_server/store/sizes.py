"""Sizes: how much a store holds, counted beside the gateway that writes it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from agentgate_server.store.audit_rows import anchor_of, head_of
from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import FAULTS, explain, explain_os
from agentgate_server.store.history import connect

COUNTS = "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM sessions)"
OLDEST = "SELECT CAST(at AS REAL) FROM audit ORDER BY seq LIMIT 1"


class Sizes(NamedTuple):
    """What a store holds.

    Attributes:
        database_bytes: of the file and its journal.
        requests, sessions, audit_entries: how many there are.
        audit_from: when the oldest entry was written, UTC seconds; 0: there is none.
    """

    database_bytes: int
    requests: int
    sessions: int
    audit_entries: int
    audit_from: float


def sizes_of(path: Path) -> Sizes:
    """Count. It blocks, for some milliseconds: call it in a thread.

    Raises:
        StoreError: it can't be read.
    """
    try:
        size = sum(
            file.stat().st_size
            for file in (path, path.with_name(f"{path.name}-wal"))
            if file.exists()
        )
        with closing(connect(path)) as connection:
            requests, sessions = connection.execute(COUNTS).fetchone()
            oldest = connection.execute(OLDEST).fetchone()
            entries = head_of(connection).seq - anchor_of(connection).seq
    except OSError as error:
        raise StoreError(explain_os(error, path)) from error
    except FAULTS as error:
        raise StoreError(explain(error, path)) from error
    return Sizes(size, requests, sessions, entries, oldest[0] if oldest else 0.0)
