"""What the models of these tests play, and how a test waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from agentgate_client import Cursor, Event
from agentgate_client.sessions import Session

WORDS = 120
SPOKEN = " ".join(f"wörd{number}" for number in range(WORDS))
"""What the model says to ``speak``. Its letters have several bytes."""

BEFORE, AFTER = " ".join(["before"] * 30), " ".join(["after"] * 30)

SCENES: list[dict[str, Any]] = [
    {"when": "speak", "say": SPOKEN},
    {
        "when": "write {key}",
        "say": BEFORE,
        "call": {"tool": "allowed_write", "args": {"key": "{key}"}},
        "then": [{"say": AFTER, "if_failed": f"{AFTER} {{result}}"}],
    },
    {
        "when": "slowly write {key}",
        "say": BEFORE,
        "call": {"tool": "slow_write", "args": {"key": "{key}"}},
        "then": [{"say": AFTER, "if_failed": f"{AFTER} {{result}}"}],
    },
    {
        "when": "stubbornly write {key}",
        "call": {"tool": "stubborn_write", "args": {"key": "{key}"}},
        "then": [{"say": "{result}", "if_failed": "{result}"}],
    },
    {
        "when": "ask {key}",
        "call": {"tool": "asked_write", "args": {"key": "{key}"}},
        "then": [{"say": "{result}", "if_failed": "no: {result}"}],
    },
    {"when": "hello", "say": "hello to you"},
]


def conversing(folder: Path, pause_ms: int = 1, **sessions: Any) -> dict[str, Any]:
    """The changes of a configuration that has these models."""
    script = folder / "scenes.yaml"
    script.write_text(yaml.safe_dump({"pause_ms": pause_ms, "scenes": SCENES}))
    models = {"actor": {"backend": "rehearsal", "script": script.name}}
    return {"sessions": {"models": models, **sessions}}


def texts_of(events: list[Event]) -> str:
    """What the model has said, as a watcher puts it together."""
    return "".join(event.data["text"] for event in events if event.kind == "text")


async def whole_log(session: Session) -> list[Event]:
    """Read all that a session's log has, up to what it has now."""
    view = await session.refresh()
    events: list[Event] = []
    async with session.attach(Cursor(view.epoch, 0)) as stream:
        while not events or events[-1].offset + events[-1].count < view.next:
            events.append(await anext(stream))
    return events
