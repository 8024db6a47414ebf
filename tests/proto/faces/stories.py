"""What a session's log says of a run, and a conversation of a face to tell it to."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import Call, Close, Conversation, Effect, Send, Unwatch, Watch
from agentgate_proto.records.session_views import SessionEvent, SessionView
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import Attached, MessageTaken
from agentgate_proto.rpc.usage_methods import ModelList, ModelRow

NOW = 1_764_440_000.0  # 2025-11-29T18:13:20Z
AT = "2025-11-29T18:13:20.500Z"

VIEW = SessionView(
    id="s1",
    key="agent:default:s1",
    principal="default",
    model="claude-sonnet-4.5",
    workspace="/work/s1",
    user_id="user_123",
    created_at="2026-01-24T08:00:00.123Z",
    updated_at="2026-01-24T08:00:00.123Z",
    messages=2,
    epoch="e",
    oldest=0,
    next=0,
)
TAKEN = MessageTaken(run="r1", epoch="e", offset=7)
ATTACHED = Attached(epoch="e", offset=7, next=7, run="r1")
MODELS = ModelList(
    [
        ModelRow(
            name="claude-sonnet-4.5",
            model_id="claude-sonnet-4-5",
            backend="rehearsal",
            input_micros=3_000_000,
            output_micros=15_000_000,
        )
    ]
)


def event(kind: str, *, count: int = 1, at: str = AT, **data: Any) -> SessionEvent:
    """Make an event of run r1, unless it is another's."""
    raw = msgspec.Raw(msgspec.json.encode({"run": "r1", **data}))
    return SessionEvent(offset=7, count=count, kind=kind, at=at, data=raw)


def started() -> SessionEvent:
    return event("run_started", message_id="m", model="claude-sonnet-4.5", max_iterations=25)


def ended(status: str = "completed", **more: Any) -> SessionEvent:
    facts: dict[str, Any] = {
        "reason": "",
        "iterations": 1,
        "still_running": [],
        "usage": Usage(input=40, output=12),
        "cost_micros": 300,
    }
    return event("run_ended", status=status, **{**facts, **more})


class Talk:
    """A conversation, and what it wanted done.

    Attributes:
        sent: its messages, decoded.
        frames: the same as they were sent.
        others: its other effects.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.it = conversation
        self.frames: list[str] = []
        self.others: list[Effect] = []

    @property
    def sent(self) -> list[Any]:
        return [json.loads(frame) for frame in self.frames]

    def look(self) -> Talk:
        while (effect := self.it.next_effect()) is not None:
            if isinstance(effect, Send):
                self.frames.append(effect.text)
            else:
                self.others.append(effect)
        return self

    def receive(self, message: Any) -> Talk:
        self.it.receive(message if isinstance(message, str) else json.dumps(message), NOW)
        return self.look()

    def call(self) -> Call | Watch:
        """Take the oldest call that is not answered."""
        effect = self.others.pop(0)
        assert isinstance(effect, Call | Watch)
        return effect

    def params(self) -> msgspec.Struct:
        """Look at the oldest call."""
        effect = self.others[0]
        assert isinstance(effect, Call | Watch)
        return effect.params

    def answer(self, result: Any) -> Talk:
        self.it.succeeded(self.call(), result, NOW)
        return self.look()

    def refuse(self, code: ErrorCode, message: str = "", data: Any = None) -> Talk:
        self.it.failed(self.call(), code, message, data, NOW)
        return self.look()

    def tell(self, *events: SessionEvent) -> Talk:
        self.it.take(events)
        return self.look()

    def clear(self) -> Talk:
        self.frames.clear()
        self.others.clear()
        return self


__all__ = ["Close", "Talk", "Unwatch"]
