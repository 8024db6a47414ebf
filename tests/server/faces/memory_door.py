"""Sessions in memory, behind the real door: a scripted model, a log, watchers that pull."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.records.session_views import SectionName, SessionEvent, SessionView
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    InspectedSection,
    Inspection,
    InspectSession,
    ListSessions,
    MessageTaken,
    RunCancelled,
    SendMessage,
    SessionDeleted,
    SessionList,
)
from agentgate_proto.rpc.usage_methods import (
    ListModels,
    ModelList,
    ModelRow,
    ReportUsage,
    UsageLine,
    UsageReport,
)
from agentgate_server.sessions.door import Watcher
from agentgate_server.sockets.replies import Reply

AT = "2026-01-24T08:00:00.000Z"
MODEL = "claude-sonnet-4.5"
ALLOWED = "/work"

Step = str | tuple[str, dict[str, Any]] | anyio.Event
"""A piece of text, another event, or something to wait for."""

Script = Callable[[list[str]], Iterable[Step]]
"""What the model answers to the messages so far."""


def echo(said: list[str]) -> Iterable[Step]:
    """Say what was said, word by word."""
    yield from (f"{word} " for word in f"You said: {' / '.join(said)}".split())


@dataclass
class Kept:
    """A session."""

    view: SessionView
    said: list[str] = field(default_factory=list)
    log: list[SessionEvent] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    run: str = ""
    runs: dict[str, MessageTaken] = field(default_factory=dict)
    cancelled: bool = False

    def append(self, kind: str, **data: Any) -> None:
        raw = msgspec.Raw(msgspec.json.encode(data))
        self.log.append(SessionEvent(offset=len(self.log), kind=kind, at=AT, data=raw))
        for place in list(self.places):
            place.has_room()


@dataclass(eq=False)
class Place:
    """That somebody watches."""

    kept: Kept
    watcher: Watcher
    offset: int

    def has_room(self) -> None:
        while self in self.kept.places and self.offset < len(self.kept.log):
            if not self.watcher.has_room:
                return
            event = self.kept.log[self.offset]
            self.offset += 1
            self.watcher.take([event])

    def end(self) -> None:
        if self in self.kept.places:
            self.kept.places.remove(self)


class MemoryDoor:
    """See :class:`agentgate_server.sessions.door.SessionDoor`."""

    def __init__(self, spawn: Callable[..., None], script: Script = echo) -> None:
        self.spawn = spawn
        self.script = script
        self.sessions: dict[str, Kept] = {}
        self.usage = Usage()
        self.requests = 0
        self.refusals: dict[type, ErrorCode] = {}

    @property
    def active(self) -> int:
        return sum(bool(kept.run) for kept in self.sessions.values())

    def call(self, principal: Principal, params: msgspec.Struct, reply: Reply) -> None:
        refusal = self.refusals.get(type(params))
        if refusal is not None:
            reply.error(refusal, "", None)
            return
        match params:
            case CreateSession():
                self._create(principal, params, reply)
            case ListSessions():
                reply.result(self._listed(principal, params))
            case ListModels():
                price = {"input_micros": 3_000_000, "output_micros": 15_000_000}
                row = ModelRow(name=MODEL, model_id=MODEL, backend="rehearsal", **price)
                reply.result(ModelList([row]))
            case ReportUsage():
                usage = {"usage": self.usage, "cost_micros": 5, "requests": self.requests}
                line = UsageLine(key=MODEL, **usage)
                reply.result(UsageReport(rows=[line], total=line))
            case _:
                kept = self._find(principal, params)
                if kept is None:
                    reply.error(ErrorCode.SESSION_NOT_FOUND, "", None)
                else:
                    self._call_one(kept, params, reply)

    def _find(self, principal: Principal, params: Any) -> Kept | None:
        kept = self.sessions.get(params.session)
        return kept if kept is not None and kept.view.principal == principal.name else None

    def _create(self, principal: Principal, params: CreateSession, reply: Reply) -> None:
        if params.workspace and not params.workspace.startswith(ALLOWED):
            reply.error(ErrorCode.INVALID_PARAMS, "set sessions.workspace_roots", None)
            return
        name = f"s{len(self.sessions) + 1}"
        view = SessionView(
            id=name,
            key=f"agent:{principal.name}:{name}",
            principal=principal.name,
            model=params.model or MODEL,
            workspace=params.workspace or f"{ALLOWED}/{name}",
            user_id=params.user_id,
            metadata=msgspec.Raw(msgspec.json.encode(params.metadata)),
            created_at=AT,
            updated_at=AT,
            messages=0,
            epoch="e",
            oldest=0,
            next=0,
        )
        self.sessions[name] = Kept(view)
        reply.result(view)

    def _listed(self, principal: Principal, params: ListSessions) -> SessionList:
        views = [
            msgspec.structs.replace(kept.view, messages=len(kept.said))
            for kept in reversed(self.sessions.values())
            if kept.view.principal == principal.name
            if params.user_id in ("", kept.view.user_id)
        ]
        return SessionList(sessions=views[: params.limit], more=len(views) > params.limit)

    def _call_one(self, kept: Kept, params: Any, reply: Reply) -> None:
        match params:
            case GetSession():
                reply.result(kept.view)
            case DeleteSession():
                del self.sessions[kept.view.id]
                for place in list(kept.places):
                    place.end()
                    place.watcher.gone()
                reply.result(SessionDeleted())
            case SendMessage():
                self._send(kept, params, reply)
            case CancelRun():
                run, kept.cancelled = kept.run, bool(kept.run)
                status: Any = "cancelled" if run else "no_run"
                reply.result(RunCancelled(status=status, run=run))
            case InspectSession():
                reply.result(inspection(kept))

    def _send(self, kept: Kept, params: SendMessage, reply: Reply) -> None:
        known = kept.runs.get(params.message_id)
        if known is not None:
            reply.result(msgspec.structs.replace(known, joined=True, ended=not kept.run))
            return
        if kept.run:
            reply.error(ErrorCode.RUN_IN_PROGRESS, "", {"run": kept.run, "approvals": []})
            return
        kept.run = f"r{len(kept.runs) + 1}"
        taken = MessageTaken(run=kept.run, epoch="e", offset=len(kept.log))
        kept.runs[params.message_id] = taken
        kept.said.append(params.text)
        facts = {"run": kept.run, "message_id": params.message_id}
        kept.append("message", **facts, text=params.text)
        kept.append("run_started", **facts, model=params.model or kept.view.model)
        reply.result(taken)
        self.spawn(self._run, kept)

    async def _run(self, kept: Kept) -> None:
        run = kept.run
        words = 0
        for step in self.script(list(kept.said)):
            await anyio.lowlevel.checkpoint()
            if isinstance(step, anyio.Event):
                await step.wait()
            elif isinstance(step, str):
                words += 1
                kept.append("text", run=run, text=step)
            else:
                kept.append(step[0], run=run, **step[1])
            if kept.cancelled:
                break
        status = "cancelled" if kept.cancelled else "completed"
        usage = Usage(input=len(" ".join(kept.said)) // 4 + 1, output=words)
        self.usage = Usage(
            input=self.usage.input + usage.input, output=self.usage.output + usage.output
        )
        self.requests += 1
        kept.run, kept.cancelled = "", False
        end = {"status": status, "reason": "", "iterations": 1, "still_running": []}
        kept.append("run_ended", run=run, **end, usage=usage, cost_micros=usage.output * 15 + 3)

    def attach(
        self, principal: Principal, params: AttachSession, watcher: Watcher, reply: Reply
    ) -> Place:
        kept = self._find(principal, params)
        if kept is None:
            reply.error(ErrorCode.SESSION_NOT_FOUND, "", None)
            return Place(Kept(None), watcher, 0)  # type: ignore[arg-type]
        offset = params.offset
        if offset is None:
            offset = list(kept.runs.values())[-1].offset if kept.run else len(kept.log)
        place = Place(kept, watcher, offset)
        kept.places.append(place)
        reply.result(Attached(epoch="e", offset=offset, next=len(kept.log), run=kept.run))
        place.has_room()
        return place


def inspection(kept: Kept) -> Inspection:
    """Show a context of a prompt and a history."""
    lines = "\n".join(f"user: {text}" for text in kept.said)
    texts = {SectionName.SYSTEM_PROMPT: "You are a helpful AI assistant."}
    texts[SectionName.HISTORY] = lines
    sections = [
        InspectedSection(
            name=name,
            content=(text := texts.get(name, "")),
            bytes=len(text),
            tokens=len(text) // 4,
            cost_micros=len(text),
        )
        for name in SectionName
    ]
    size = sum(section.bytes for section in sections)
    return Inspection(
        model=MODEL,
        model_id=MODEL,
        backend="rehearsal",
        sections=sections,
        envelope_bytes=0,
        bytes=size,
        tokens=size // 4,
    )


def steps_of(*steps: Step) -> Script:
    """A model that answers the same whatever it is told."""

    def script(said: Sequence[str]) -> Iterable[Step]:
        return steps

    return script
