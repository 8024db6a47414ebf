"""A house with sessions in memory: enough of a gateway for the tests of editors."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.proto.faces.acp.logs import AT, Kept
from tests.proto.faces.acp.seat import Seat

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp.editor import Editor
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import (
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    ListSessions,
    MessageTaken,
    RunCancelled,
    SendMessage,
    SessionDeleted,
    SessionList,
    SetMetadata,
)
from agentgate_proto.rpc.usage_methods import (
    ListModels,
    ModelList,
    ModelRow,
    ReportUsage,
    UsageLine,
    UsageReport,
)

MODELS = [
    ModelRow(name="large", model_id="l", backend="rehearsal", context_tokens=1_000),
    ModelRow(name="small", model_id="s", backend="rehearsal", context_tokens=100),
]


class House:
    """See the module.

    Attributes:
        refusals: by type of the parameters: how such a call ends instead.
        asked: parameters of all calls, in order.
        decisions: what becomes of a person's answer.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, Kept] = {}
        self.refusals: dict[type, ErrorCode] = {}
        self.asked: list[Any] = []
        self.unknown_cost = 0
        self.decision: Any = "approved"
        self._ids = 0

    def make(self, metadata: Any = None) -> Kept:
        self._ids += 1
        name = f"s{self._ids}"
        view = SessionView(
            id=name,
            key=f"agent:ann:{name}",
            principal="ann",
            model="large",
            workspace=f"/work/{name}",
            metadata=msgspec.Raw(json.dumps(metadata or {}).encode()),
            created_at=AT,
            updated_at=AT,
            messages=0,
            epoch=f"e{name}",
            oldest=0,
            next=0,
        )
        kept = self.sessions[name] = Kept(view)
        return kept

    def call(self, params: Any) -> Any:
        """Return what a call comes to: a result, or a code."""
        self.asked.append(params)
        if type(params) in self.refusals:
            return self.refusals[type(params)]
        match params:
            case CreateSession(metadata=metadata):
                return self.make(metadata).view
            case ListSessions(before=before):
                views = [kept.view for kept in reversed(self.sessions.values())]
                places = [place for place, view in enumerate(views, 1) if view.id == before]
                rest = views[places[0] if places else 0 :]
                return SessionList(sessions=rest[:2], more=len(rest) > 2)
            case ListModels():
                return ModelList(MODELS)
            case ReportUsage():
                total = {"usage": Usage(), "cost_micros": 100, "unknown": self.unknown_cost}
                line = UsageLine(key="", **total)
                return UsageReport(rows=[], total=line)
        kept = self.sessions.get(params.session)
        return ErrorCode.SESSION_NOT_FOUND if kept is None else self._call_one(kept, params)

    def _call_one(self, kept: Kept, params: Any) -> Any:
        match params:
            case GetSession():
                return msgspec.structs.replace(kept.view, next=kept.end)
            case SetMetadata(metadata=metadata):
                kept.view = msgspec.structs.replace(kept.view, metadata=metadata)
                return None
            case DeleteSession(session=session):
                del self.sessions[session]
                return SessionDeleted()
            case SendMessage():
                return self._send(kept, params)
            case CancelRun(run=run):
                is_open = run in kept.open if run else bool(kept.open)
                if is_open:
                    kept.finish("cancelled", run=run)
                return RunCancelled(status="cancelled" if is_open else "no_run", run=run)
        raise AssertionError(params)

    def _send(self, kept: Kept, params: SendMessage) -> MessageTaken:
        taken = kept.runs.get(params.message_id)
        if taken is not None and (taken.run in kept.open or kept.last == params.message_id):
            over = taken.run not in kept.open
            return msgspec.structs.replace(taken, joined=True, ended=over)
        run = f"r{len(kept.runs) + 1}"
        kept.runs[params.message_id] = MessageTaken(
            run=run, epoch=kept.view.epoch, offset=kept.end, waits=bool(kept.open)
        )
        kept.last = params.message_id
        kept.open.append(run)
        kept.append("message", run=run, message_id=params.message_id, text=params.text)
        if kept.open == [run]:
            kept.append("run_started", run=run)
        return kept.runs[params.message_id]

    def connect(self, *, may_decide: bool = True) -> Seat:
        self._ids += 1
        return Seat(self, Editor(f"p{self._ids}", may_decide=may_decide, version="1.2"))
