"""The gateway's file, as anybody may read it who does not own it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from agentgate_proto.records.request import Record
from agentgate_server.store import statements
from agentgate_server.store.rows import record_of

ROWS_MAX = 100_000
FROM_THE_LAST = 2**63 - 1


class Rows:
    """What is on disk at present, while the gateway lives or not.

    Attributes:
        freed: the requests that retention has let go, as `tests.sim.disk.Disk` counts them; these
            worlds are over within a minute, and nothing is let go in that.
        is_old: the file could not be read the last time: what is kept is what was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.freed: Counter[tuple[int, bool]] = Counter()
        self.is_old = True
        self._last: dict[str, Record] = {}

    @property
    def kept(self) -> dict[str, Record]:
        """Every record by its rid; as it was, while the file cannot be read."""
        try:
            connection = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=0.0)
            with closing(connection):
                rows = connection.execute(statements.LIST_ALL, (FROM_THE_LAST, ROWS_MAX)).fetchall()
        except sqlite3.OperationalError:
            self.is_old = True
            return self._last  # there is none yet, or somebody is just bringing it in order
        self.is_old = False
        self._last = {record.rid: record for record in map(record_of, rows)}
        return self._last
