"""Tools that the agent may ask for. Put your own here; the policy is in permissions.yaml."""

from datetime import UTC, datetime
from pathlib import Path

from agentgate_server import tool


@tool(effects="read")
def get_time() -> str:
    """Tell the time, as in 2026-11-20T10:00:00+00:00."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@tool
def write_note(name: str, text: str) -> str:
    """Write a note into the folder notes.

    Args:
        name: what to call it; letters and digits.
        text: what it says.
    """
    if not name.isalnum():
        raise ValueError("the name of a note is letters and digits")
    folder = Path("notes")
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.txt"
    path.write_text(text, encoding="utf-8")
    return f"{path} has {len(text)} characters"
