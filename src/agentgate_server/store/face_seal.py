"""The key of the seals on what faces hand out: ids that their clients bring back to us.

It is kept beside the epoch, so that an id means the same after a restart, and nothing any more when
the memory that it speaks of is gone.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from pathlib import Path

from agentgate_server.store.engine import StoreError

SEAL_BYTES = 32
KEY = "SELECT value FROM meta WHERE key = 'face_seal'"
SET_KEY = "INSERT OR IGNORE INTO meta VALUES ('face_seal', ?)"
KEY_HEX = re.compile(f"[0-9a-f]{{{2 * SEAL_BYTES}}}")


def make_seal(connection: sqlite3.Connection) -> None:
    """Make the key, if there is none."""
    connection.execute(SET_KEY, (secrets.token_hex(SEAL_BYTES),))


def read_seal(connection: sqlite3.Connection, path: Path) -> bytes:
    """Return the key: ``SEAL_BYTES`` secret bytes.

    Raises:
        StoreError: there is none, or somebody wrote something else in its place.
    """
    row = connection.execute(KEY).fetchone()
    if row is None or not isinstance(row[0], str) or not KEY_HEX.fullmatch(row[0]):
        raise StoreError(
            f"damaged: {path} has no key for the seals of faces; stop the gateway, keep a copy, and"
            " restore a backup"
        )
    return bytes.fromhex(row[0])
