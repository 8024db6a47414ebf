"""The history: what was asked and decided, read beside a gateway that runs.

Read-only and without the gateway's lock. It is read in pages, each in a transaction of its own:
one long transaction would keep the gateway from folding its WAL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_server.policy.replaying import Past
from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import BUSY_S, explain
from agentgate_server.store.files import uri_for_reading
from agentgate_server.store.migrations import APPLICATION_ID, VERSION
from agentgate_server.store.rows import unlisted

PAGE_ROWS = 500
"""Requests of one transaction: some milliseconds."""

PAGE = """
    SELECT seq, rid, created_at, principal, tool, effects, args, args_bytes, rule, warning <> '',
        filled,
        CASE WHEN code = :denied THEN 'deny'
             WHEN expires_at > 0 OR "grant" <> '' THEN 'ask'
             ELSE 'allow' END
    FROM requests
    WHERE seq > :after AND created_at >= :since AND (:agent = '' OR principal = :agent)
        AND rule <> ''
    ORDER BY seq LIMIT :rows
"""
"""What a rule has not decided (it was withdrawn before) has none, and is left out."""


def history(path: Path, *, since: float = 0.0, agent: str = "") -> Iterator[Past]:
    """Yield the requests that a store has, in the order in which they came.

    Args:
        path: the database.
        since: leave out what came before then, UTC seconds.
        agent: only those of this principal; "": of all.

    Raises:
        StoreError: it is not there, not ours, or of another version.
    """
    path = path.expanduser().resolve()
    if not path.is_file():
        raise StoreError(f"there is no database {path}: has this gateway ever run?")
    try:
        with closing(connect(path)) as connection:
            check(connection, path)
            after = 0
            while True:
                values = {
                    "denied": int(ErrorCode.DENIED_BY_POLICY),
                    "after": after,
                    "since": since,
                    "agent": agent,
                    "rows": PAGE_ROWS,
                }
                rows = connection.execute(PAGE, values).fetchall()
                if not rows:
                    return
                for row in rows:
                    yield past_of(row)
                after = rows[-1][0]
    except sqlite3.Error as error:
        raise StoreError(explain(error, path)) from error
    except msgspec.ValidationError as error:
        text = f"damaged: {path} holds a record that nobody wrote so ({error})"
        raise StoreError(f"{text}; keep a copy, and restore a backup") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open a database for reading only."""
    return sqlite3.connect(uri_for_reading(path), uri=True, timeout=BUSY_S, isolation_level=None)


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that it is a store of this version.

    Raises:
        StoreError: it is not.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path} is the database of some other program")
    if version != VERSION:
        raise StoreError(
            f"{path} has schema {version} and this agent-gate reads {VERSION}: use the version "
            "that the gateway runs, or start this one's gateway once"
        )


def past_of(row: tuple[object, ...]) -> Past:
    """Make a request of a row of ``PAGE``."""
    _, rid, at, agent, tool, effects, args, args_bytes, rule, repeats_unknown, filled, action = row
    fields = {
        "id": rid,
        "at": at,
        "agent": agent,
        "tool": tool,
        "effects": effects,
        "args": args,
        "args_bytes": args_bytes,
        "action": action,
        "rule": rule,
        "repeats_unknown": bool(repeats_unknown),
        "filled": unlisted(str(filled or "")),
    }
    return msgspec.convert(fields, Past)
