"""What tools of servers are called here.

A server may call a tool what it likes; the catalogue holds plain names only. So a name gets its
prefix, other characters become ``_``, and what was changed gets a hash of the server's own name, so
that no two names become one and none depends on what else there is.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from agentgate_server.tools.python import NAME

FOREIGN: Final = re.compile(r"[^A-Za-z0-9_.:/-]")
HASH_CHARS: Final = 8

CHARS_MAX: Final = 128
"""Of a name, see ``NAME``."""


def name_here(prefix: str, there: str) -> str:
    """Return the name in the catalogue of what a server calls so."""
    plain = f"{prefix}.{there}" if prefix else there
    if NAME.fullmatch(plain):
        return plain
    plain = FOREIGN.sub("_", plain)
    if not re.match("[A-Za-z_]", plain):
        plain = f"_{plain}"
    mark = sha256(there.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_CHARS]
    return f"{plain[: CHARS_MAX - HASH_CHARS - 1]}_{mark}"
