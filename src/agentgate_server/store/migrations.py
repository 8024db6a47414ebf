"""The schema of the file, and how an older file becomes a newer one.

Each migration of an older file is one transaction; ``PRAGMA user_version`` counts those that were
done. A released migration is never edited: what comes later is a new one. The indexes are exactly
those that the queries of :mod:`agentgate_server.store.statements`,
:mod:`agentgate_server.store.session_statements` and :mod:`agentgate_server.store.usage_sums` name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from threading import Lock

from agentgate_server.store import usage_sums

APPLICATION_ID = 0x61676174
"""``PRAGMA application_id`` of our files: "agat". Tells them from other programs' databases."""

AUDIT_TRIGGERS = {
    "audit_stays": """
        CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
        """,
    "audit_kept": """
        CREATE TRIGGER audit_kept BEFORE DELETE ON audit
        WHEN OLD.seq > coalesce(
            (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'audit_anchor'), 0
        )
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
        """,
}
"""What keeps the audit append-only, by name; there is nothing else that fires on that table."""

FIRES_ON_AUDIT = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"

NEW_EPOCH = "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'epoch'"
"""No two files have the same."""

BUILDING = Lock()
"""Who has it makes a new file."""

Migration = tuple[str, ...]

MIGRATIONS: tuple[Migration, ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(16))))",
        # request_id has no type on purpose, see rows. superseded is no part of a record: somebody
        # ran the same thing again after this one had ended unknown.
        """
        CREATE TABLE requests (
            seq INTEGER PRIMARY KEY,
            rid TEXT NOT NULL UNIQUE,
            principal TEXT NOT NULL,
            client_id TEXT NOT NULL,
            request_id NOT NULL,
            tool TEXT NOT NULL,
            args BLOB NOT NULL,
            signature TEXT NOT NULL,
            digest TEXT NOT NULL,
            effects TEXT NOT NULL,
            idempotency_key TEXT NOT NULL,
            phase TEXT NOT NULL,
            rule TEXT NOT NULL,
            description TEXT NOT NULL,
            warning TEXT NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            approver TEXT NOT NULL,
            channel TEXT NOT NULL,
            decided_at REAL NOT NULL,
            resolved_at REAL NOT NULL,
            status TEXT,
            data BLOB,
            code INTEGER,
            message TEXT,
            delivered INTEGER NOT NULL,
            superseded INTEGER NOT NULL DEFAULT 0
        )
        """,
        "CREATE INDEX requests_id ON requests (principal, client_id, request_id)",
        "CREATE INDEX requests_principal ON requests (principal)",
        """
        CREATE INDEX requests_idempotency ON requests (principal, idempotency_key)
        WHERE idempotency_key <> ''
        """,
        """
        CREATE INDEX requests_open ON requests (principal, client_id)
        WHERE phase <> 'done' OR delivered = 0
        """,
        """
        CREATE INDEX requests_done ON requests (delivered, resolved_at)
        WHERE phase = 'done'
        """,
        """
        CREATE INDEX requests_unknown ON requests (principal, digest)
        WHERE status = 'unknown' AND superseded = 0
        """,
    ),
    (
        """
        CREATE TABLE notes (
            channel TEXT NOT NULL,
            rid TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (channel, rid)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX notes_rid ON notes (rid)",
        """
        CREATE TRIGGER requests_forgotten AFTER DELETE ON requests
        BEGIN DELETE FROM notes WHERE rid = OLD.rid; END
        """,
    ),
    (
        # endorsements and any_args are JSON; an empty list is ''.
        "ALTER TABLE requests ADD COLUMN approvers_needed INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE requests ADD COLUMN needs_code INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE requests ADD COLUMN endorsements TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE requests ADD COLUMN grant TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX requests_coded ON requests (decided_at) WHERE needs_code = 1",
        """
        CREATE TABLE grants (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            agent TEXT NOT NULL,
            tool TEXT NOT NULL,
            args BLOB NOT NULL,
            any_args TEXT NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            uses_max INTEGER NOT NULL,
            uses INTEGER NOT NULL,
            approver TEXT NOT NULL,
            channel TEXT NOT NULL,
            rid TEXT NOT NULL,
            revoked_at REAL NOT NULL,
            revoked_by TEXT NOT NULL
        )
        """,
    ),
    (
        # AUTOINCREMENT: SQLite remembers the highest seq even when its row is gone.
        """
        CREATE TABLE audit (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            lines BLOB NOT NULL
        )
        """,
        *AUDIT_TRIGGERS.values(),
    ),
    (
        # As agentgate_proto.records.retention.rank_of has it, of what is done.
        """
        ALTER TABLE requests ADD COLUMN rank INTEGER AS (
            CASE
                WHEN effects = 'read' OR status IN ('denied', 'expired', 'cancelled') THEN 0
                WHEN idempotency_key <> '' OR status = 'unknown' THEN 2
                ELSE 1
            END
        ) VIRTUAL
        """,
        """
        CREATE INDEX requests_ranked ON requests (rank, principal, resolved_at)
        WHERE phase = 'done' AND delivered = 1
        """,
    ),
    (
        # What is dropped is no session any more; its row stays until its log is gone, so that its
        # seq, which is what the log goes by, is not another's meanwhile. run is JSON; none is ''.
        """
        CREATE TABLE sessions (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL,
            principal TEXT NOT NULL,
            epoch TEXT NOT NULL,
            created_at REAL NOT NULL,
            model TEXT NOT NULL,
            workspace TEXT NOT NULL,
            user_id TEXT NOT NULL,
            metadata BLOB NOT NULL,
            updated_at REAL NOT NULL,
            messages INTEGER NOT NULL,
            oldest INTEGER NOT NULL,
            next INTEGER NOT NULL,
            reserved INTEGER NOT NULL,
            run TEXT NOT NULL,
            last_message_id TEXT NOT NULL,
            last_run TEXT NOT NULL,
            dropped INTEGER NOT NULL DEFAULT 0
        )
        """,
        "CREATE UNIQUE INDEX sessions_id ON sessions (id) WHERE dropped = 0",
        "CREATE INDEX sessions_principal ON sessions (principal) WHERE dropped = 0",
        "CREATE INDEX sessions_running ON sessions (principal) WHERE run <> '' AND dropped = 0",
        "CREATE INDEX sessions_idle ON sessions (updated_at) WHERE run = '' AND dropped = 0",
        "CREATE INDEX sessions_dropped ON sessions (dropped) WHERE dropped = 1",
        """
        CREATE TABLE session_log (
            session INTEGER NOT NULL,
            first INTEGER NOT NULL,
            count INTEGER NOT NULL,
            kind TEXT NOT NULL,
            at REAL NOT NULL,
            data BLOB NOT NULL,
            blocks BLOB NOT NULL,
            UNIQUE (session, first)
        )
        """,
        # As agentgate_proto.records.session.WATCHED_ONLY has it.
        """
        CREATE INDEX session_log_history ON session_log (session, first)
        WHERE kind NOT IN ('text', 'thinking', 'retrying', 'note')
        """,
        """
        CREATE TABLE usage (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            session TEXT NOT NULL,
            principal TEXT NOT NULL,
            run TEXT NOT NULL,
            model TEXT NOT NULL,
            model_id TEXT NOT NULL,
            at REAL NOT NULL,
            day TEXT NOT NULL,
            status TEXT NOT NULL,
            reserved_micros INTEGER,
            cost_micros INTEGER,
            input INTEGER NOT NULL,
            output INTEGER NOT NULL,
            cache_read INTEGER NOT NULL,
            cache_write INTEGER NOT NULL,
            cache_write_1h INTEGER NOT NULL,
            thinking INTEGER NOT NULL,
            is_estimate INTEGER NOT NULL,
            prices TEXT NOT NULL
        )
        """,
        "CREATE INDEX usage_reserved ON usage (at) WHERE status = 'reserved'",
        "CREATE INDEX usage_settled ON usage (at) WHERE status = 'settled'",
        *usage_sums.SCHEMA,
    ),
    (
        # relayed is JSON; '' where no other gateway has to do with it.
        "ALTER TABLE requests ADD COLUMN relayed TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE grants ADD COLUMN on_behalf_of TEXT NOT NULL DEFAULT ''",
    ),
    ("ALTER TABLE sessions ADD COLUMN queue TEXT NOT NULL DEFAULT ''",),
    (
        # '' for tools that are part of the gateway.
        "ALTER TABLE requests ADD COLUMN definition TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE grants ADD COLUMN definition TEXT NOT NULL DEFAULT ''",
    ),
    (
        "ALTER TABLE requests ADD COLUMN joined TEXT NOT NULL DEFAULT ''",
        # As agentgate_proto.records.storage.may_be_repeated has it.
        """
        CREATE INDEX requests_twins ON requests (principal, digest, resolved_at)
        WHERE phase = 'done' AND (effects = 'write' OR expires_at > 0 OR relayed <> '')
        """,
    ),
    ("ALTER TABLE requests ADD COLUMN doubt TEXT NOT NULL DEFAULT ''",),
    (
        "ALTER TABLE requests ADD COLUMN args_bytes INTEGER NOT NULL DEFAULT 0",
        # As agentgate_proto.records.retention.kept_bytes has it.
        """
        ALTER TABLE requests ADD COLUMN bytes INTEGER AS (
            1000 + 2 * length(args) + ifnull(length(data), 0)
        ) VIRTUAL
        """,
        "DROP INDEX requests_ranked",
        """
        CREATE INDEX requests_ranked ON requests (rank, principal, resolved_at, bytes)
        WHERE phase = 'done' AND delivered = 1
        """,
        # How long lines were in all, up to this row; 0 for those that are older than this column.
        "ALTER TABLE audit ADD COLUMN upto_bytes INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # '' where args are as they were written; filled is NULL where nobody has looked whether
        # the tool gets more.
        "ALTER TABLE requests ADD COLUMN written TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE requests ADD COLUMN filled TEXT",
        """
        CREATE INDEX requests_written ON requests (principal, written, resolved_at)
        WHERE phase = 'done' AND (effects = 'write' OR expires_at > 0 OR relayed <> '')
        AND written <> ''
        """,
    ),
    (
        """
        CREATE TABLE mutes (
            agent TEXT NOT NULL PRIMARY KEY,
            until REAL NOT NULL,
            by TEXT NOT NULL,
            channel TEXT NOT NULL,
            at REAL NOT NULL
        )
        """,
    ),
    (
        "ALTER TABLE sessions ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0",
        # As agentgate_proto.records.session.log_row_bytes has it.
        """
        UPDATE sessions SET log_bytes = length(metadata) + coalesce((
            SELECT sum(300 + length(data) + length(blocks)) FROM session_log WHERE session = seq
        ), 0)
        """,
    ),
    (
        # JSON; '' where nobody has said or changed anything.
        "ALTER TABLE requests ADD COLUMN words TEXT NOT NULL DEFAULT ''",
    ),
)

VERSION = len(MIGRATIONS)
"""The schema version that this program writes."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Do the migrations that were not done yet. A new file gets them all at once, or none.

    Raises:
        sqlite3.Error: a step failed. Those before it are kept, it left nothing.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (things,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version or things:  # nothing may take the place of what is there, whatever its version says
        take_steps(connection, migrations, version)
        return
    with BUILDING:
        empty = built(tuple(migrations))
        empty.execute(NEW_EPOCH)
        empty.backup(connection)


@cache
def built(migrations: tuple[Migration, ...]) -> sqlite3.Connection:
    """An empty database in memory: on a disk each step would have to wait for it."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        take_steps(connection, migrations, 0)
    except BaseException:
        connection.close()
        raise
    return connection


def take_steps(
    connection: sqlite3.Connection, migrations: Sequence[Migration], version: int
) -> None:
    """Do the migrations that come after a version, each in a transaction of its own.

    Raises:
        sqlite3.Error: a step failed. Those before it are kept, it left nothing.
    """
    for number, statements in enumerate(migrations[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def restore_triggers(connection: sqlite3.Connection) -> list[str]:
    """Put back what keeps the audit append-only, and take away what else fires on it.

    Returns:
        what was done, in words; usually nothing.

    Raises:
        sqlite3.Error: it cannot be done; nothing was.
    """
    found = {name: words(sql) for name, sql in connection.execute(FIRES_ON_AUDIT)}
    wrong = [name for name in found if name not in AUDIT_TRIGGERS]
    gone = [name for name, sql in AUDIT_TRIGGERS.items() if found.get(name) != words(sql)]
    if not wrong and not gone:
        return []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for name in (*wrong, *gone):
            connection.execute('DROP TRIGGER IF EXISTS "{}"'.format(name.replace('"', '""')))
        for name in gone:
            connection.execute(AUDIT_TRIGGERS[name])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    done = [f"the trigger {name} was gone or another, and is put back" for name in gone]
    return [*done, *(f"the trigger {name!r} was none of ours, and is taken away" for name in wrong)]


def words(sql: object) -> list[str]:
    """A statement without regard to its blanks."""
    return str(sql).split()
