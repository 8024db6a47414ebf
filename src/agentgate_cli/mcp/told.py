"""What ``agent-gate mcp`` is told on its command line, and what its parts share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CHUNK_BYTES = 65_536
"""Read from standard input at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the command line says."""

    url: str
    token: str | None = field(repr=False)
    token_file: Path | None
    ca_file: Path | None
    insecure: bool | None = None
    hold_s: float | None
    log_level: str
