"""Sessions in memory: what their logs say, and how it is handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.session_views import SessionEvent, SessionView
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import MessageTaken

AT = "2026-11-29T18:13:20.500Z"


@dataclass
class Kept:
    """A session."""

    view: SessionView
    log: list[SessionEvent] = field(default_factory=list)
    end: int = 0
    runs: dict[str, MessageTaken] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)  # runs, the first of which is under way
    last: str = ""  # the message before

    def append(self, kind: str, count: int = 1, **data: Any) -> None:
        raw = msgspec.Raw(msgspec.json.encode(data))
        event = SessionEvent(offset=self.end, count=count, kind=kind, at=AT, data=raw)
        self.log.append(event)
        self.end += count

    def begin(self, run: str, message_id: str, text: str) -> None:
        """Another face says something."""
        self.open.append(run)
        taken = MessageTaken(run=run, epoch=self.view.epoch, offset=self.end)
        self.runs[message_id] = taken
        self.append("message", run=run, message_id=message_id, text=text)
        self.append("run_started", run=run)

    def text(self, *pieces: str, kind: str = "text") -> None:
        """Let the model say something, in a row of the log."""
        cuts = [sum(map(len, pieces[:number])) for number in range(1, len(pieces))]
        more = {"cuts": cuts} if cuts else {}
        self.append(kind, len(pieces), run=self.open[0], text="".join(pieces), **more)

    def model(self, iteration: int = 1, attempt: int = 1) -> None:
        facts = {"iteration": iteration, "attempt": attempt, "model_id": "l"}
        self.append("model_started", run=self.open[0], **facts)

    def call(self, call: str = "c1", tool: str = "light") -> None:
        self.append("tool_call", run=self.open[0], call=call, tool=tool, args={"room": "hall"})

    def wait(self, approval: str = "a1", call: str = "c1", signature: str = "light(hall)") -> None:
        facts = {"approval": approval, "rule": "ask for lights", "expires_at": AT}
        self.append("approval", run=self.open[0], call=call, signature=signature, **facts)

    def result(self, call: str = "c1", status: str = "executed", **more: Any) -> None:
        more = more or {"result": {"on": True}}
        self.append("tool_result", **{"run": "", "call": call, "status": status, **more})

    def spend(self, cost: int | None = 5) -> None:
        usage = Usage(input=40, output=2)
        self.append("usage", run=self.open[0], model="large", usage=usage, cost_micros=cost)

    def finish(self, status: str = "completed", reason: str = "", run: str = "") -> None:
        over = run or self.open[0]
        self.open.remove(over)
        facts = {"iterations": 1, "still_running": [], "usage": Usage(), "cost_micros": 5}
        self.append("run_ended", run=over, status=status, reason=reason, **facts)
        if self.open:
            self.append("run_started", run=self.open[0])


def events_from(kept: Kept, offset: int) -> list[SessionEvent]:
    """Return what a log has from an offset on, as the gateway hands it over."""
    found = []
    for event in kept.log:
        passed = offset - event.offset
        if passed < event.count:
            found.append(rest_of(event, passed) if passed > 0 else event)
    return found


def rest_of(event: SessionEvent, passed: int) -> SessionEvent:
    """Leave out the first events of a row of text."""
    data = msgspec.json.decode(event.data)
    cuts = data.pop("cuts")
    start = cuts[passed - 1]
    rest = [cut - start for cut in cuts[passed:]]
    data |= {"text": data["text"][start:], **({"cuts": rest} if rest else {})}
    raw = msgspec.Raw(msgspec.json.encode(data))
    offset = event.offset + passed
    return msgspec.structs.replace(event, offset=offset, count=event.count - passed, data=raw)


def approval(name: str, status: str = "waiting", **more: Any) -> ApprovalView:
    """Make an approval as people see it."""
    decided = {"decided_by": "ann", "channel": "telegram"} if status != "waiting" else {}
    return ApprovalView(
        id=name,
        agent="ann",
        tool="light",
        args=msgspec.Raw(b"{}"),
        signature="light(hall)",
        rule="r",
        created_at=AT,
        expires_at=AT,
        status=status,
        **{**decided, **more},
    )
