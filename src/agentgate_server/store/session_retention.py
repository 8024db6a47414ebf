"""Retention of sessions in the SQLite file, and of what they have cost.

Sessions in which nothing happens go after a while; a run that is under way keeps its session, and
those of named agents last. They
are only found here (``take_idle``): something may have begun in one of them that is not written
yet, so the machine of the sessions is asked to drop them. What was spent is kept for longer, for
sums of the past. Each has a clock of its own, by the rules of
:mod:`agentgate_proto.records.retention`. A session that is dropped, by somebody or by its age, is
gone at once for whoever asks; its log is deleted here, a few rows at a time.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from agentgate_server.store import session_statements as statements
from agentgate_server.store.retention import turn
from agentgate_server.store.session_queries import first_of_month

log = logging.getLogger(__name__)

FORGOTTEN_MAX = 100_000
"""Ids of sessions that nobody has asked for yet; of more the oldest are lost."""

IDLE_MAX = 1_000
"""Sessions found at a time that are kept no longer: their changes are few beside what the queue of
the store holds."""

PRUNE_ROWS_MAX = 256
"""Rows of logs and sessions, and of usage, deleted by one step: ten milliseconds."""

USAGE_ROWS_MAX = 1_000_000
"""Rows of usage, about 300 MB; the oldest go early beyond. Never those of this month: budgets count
them (I13)."""


class Idle(NamedTuple):
    """A session in which nothing has happened for long.

    Attributes:
        session, principal: which, and whose.
        before: since before then, UTC seconds.
        log_bytes: what it keeps.
    """

    session: str
    principal: str
    before: float
    log_bytes: int


class SessionRetention:
    """What is kept of sessions, and for how long.

    Args:
        keep_s: how long a session is kept in which nothing happens.
        keep_usage_s: how long it is kept what a model request took.

    Attributes:
        usage_rows_max: so many rows of usage are kept at the most.
    """

    def __init__(self, keep_s: float, keep_usage_s: float) -> None:
        self.keep_s = keep_s
        self.keep_usage_s = keep_usage_s
        self.usage_rows_max = USAGE_ROWS_MAX
        self._forgotten: deque[str] = deque(maxlen=FORGOTTEN_MAX)
        self._idle: list[Idle] = []

    def take_idle(self) -> list[Idle]:
        """Return those that are kept no longer, as the last ``prune`` has found; for any thread."""
        found, self._idle = self._idle, []
        return found

    def take_forgotten(self) -> list[str]:
        """Return the ids of those that are deleted for good since the last time; for any thread."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._forgotten.popleft())
        return found

    def prune(self, connection: sqlite3.Connection, utc: float, ran_s: float) -> int:
        """Delete some of what is not kept, all in one transaction.

        Args:
            connection: to the file, not in a transaction.
            utc: what the system's clock shows.
            ran_s: seconds for which the gateway has run since the last time.

        Returns:
            how many rows were deleted; 0: nothing is left to be.

        Raises:
            sqlite3.Error: it could not be done.
        """
        connection.execute("BEGIN IMMEDIATE")
        deleted = self._prune_sessions(connection, utc, ran_s)
        deleted += self._prune_usage(connection, utc, ran_s)
        connection.execute("COMMIT")
        return deleted

    def _prune_sessions(self, connection: sqlite3.Connection, utc: float, ran_s: float) -> int:
        idle = connection.execute(statements.OLDEST_IDLE).fetchone()
        if idle is not None:
            (oldest,) = idle
            now = turn(connection, "sessions", utc, ran_s, oldest)
            before = now - self.keep_s
            found = connection.execute(statements.IDLE, (before, IDLE_MAX)).fetchall()
            self._idle = [Idle(name, principal, before, size) for name, principal, size in found]
        deleted = connection.execute(statements.PRUNE_LOGS, (PRUNE_ROWS_MAX,)).rowcount
        left = PRUNE_ROWS_MAX - deleted
        if left:
            gone = connection.execute(statements.DROPPED, (left,)).fetchall()
            deleted += connection.execute(statements.PRUNE_SESSIONS, (left,)).rowcount
            self._forgotten.extend(session for (session,) in gone)
        return deleted

    def _prune_usage(self, connection: sqlite3.Connection, utc: float, ran_s: float) -> int:
        (oldest,) = connection.execute(statements.OLDEST_USAGE).fetchone()
        if oldest is None:
            return 0
        now = turn(connection, "usage", utc, ran_s, oldest)
        old = now - self.keep_usage_s, PRUNE_ROWS_MAX
        deleted = connection.execute(statements.PRUNE_USAGE, old).rowcount
        excess = self.usage_rows_max, first_of_month(now), PRUNE_ROWS_MAX - deleted
        early = connection.execute(statements.PRUNE_USAGE_EXCESS, excess).rowcount
        if early:
            log.warning(
                "there are more than %d rows of usage: %d went before sessions.keep_usage_days;"
                " find out who asks models so often",
                self.usage_rows_max,
                early,
            )
        return deleted + early
