"""A gateway whose models rehearse scenes: some go wrong, some would steer a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from tests.cli.support import AGENT_TOKEN, OWNER_TOKEN, Served, write_files

MARKDOWN = """\
# Lamps

Some *lamps* are `on`, see [there](http://lamps.example/list).

1. hall
2. kitchen

```python
def lamps():
    return 2
```

| room | lamp |
|---|---|
| hall | on |
"""

EVIL = (
    "before \x1b[31mred\x1b[0m \x1b]0;title\x07 \u202etxt.exe \u200bx \r over \x9b31m \x00 "
    "<b>bold</b>\n\n<div>shown</div> after"
)

LONG = "\n\n".join(
    f"Paragraph {number}: " + " ".join(f"w{number}x{word}" for word in range(20))
    for number in range(25)
)

SCRIPT: dict[str, Any] = {
    "pause_ms": 10,
    "scenes": [
        {"when": "markdown", "say": MARKDOWN},
        {
            "when": "break once*",
            "say": "alpha beta gamma delta",
            "fail": {"kind": "retryable", "after": 3, "retry_after_s": 0, "message": "too busy"},
        },
        {
            "when": "cut",
            "say": "alpha beta gamma",
            "fail": {"kind": "truncated", "after": 2, "times": "always"},
        },
        {
            "when": "fatal",
            "fail": {"kind": "fatal", "message": "wrong\x1b[2J key", "times": "always"},
        },
        {"when": "evil", "say": EVIL, "pause_ms": 0},
        {"when": "long", "say": LONG, "pause_ms": 0},
        {"when": "slowly", "say": " ".join(f"s{word}" for word in range(400)), "pause_ms": 20},
        {"when": "one line", "say": "x" * 150_000 + " end", "pause_ms": 0},
        {
            "when": "light",
            "call": {"tool": "set_light", "args": {"room": "bedroom", "on": True}},
            "then": [{"say": "The light is on.", "if_failed": "No light: {result}"}],
        },
        {
            "when": "unlock",
            "call": {"tool": "unlock_door", "args": {"door": "front"}},
            "then": [{"say": "It is open."}],
        },
    ],
}

SESSIONS: dict[str, Any] = {
    "default_model": "plain",
    "models": {
        "plain": {
            "backend": "rehearsal",
            "script": "script.yaml",
            "max_tokens": 200_000,
            "context_tokens": 400_000,
        },
        "brief": {"backend": "rehearsal", "max_tokens": 16},
        "dear": {"backend": "rehearsal", "price": {"input": 3, "output": 15}, "max_tokens": 1000},
    },
    "budgets": [{"name": "daily", "per": "day", "usd": 0.1, "model": "dear", "over": "deny"}],
}


def write_rehearsal(folder: Path, **changes: Any) -> None:
    """Write what ``agent-gate serve`` reads, with these models."""
    (folder / "script.yaml").write_text(yaml.safe_dump(SCRIPT))
    write_files(folder, sessions=SESSIONS, **changes)


def agent_of(gateway: Served) -> dict[str, str]:
    """The environment of an agent."""
    return {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": AGENT_TOKEN}


def both_of(gateway: Served) -> dict[str, str]:
    """The environment of an agent whose person may answer approvals."""
    return {**agent_of(gateway), "AGENT_GATE_APPROVER_TOKEN": OWNER_TOKEN}
