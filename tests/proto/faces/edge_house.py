"""A session in memory, whose runs end when a test says so, and devices that come and go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import Call, Close, Send, Tell, Unwatch, Watch
from agentgate_proto.faces.edge import Device
from agentgate_proto.faces.edge_messages import Prompt
from agentgate_proto.records.session_views import SessionEvent, SessionView
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CreateSession,
    ListSessions,
    MessageTaken,
    MetadataSet,
    SendMessage,
    SessionList,
    SetMetadata,
)

NOW = 1_764_440_000.0
AT = "2025-11-29T18:13:20.000Z"


class Kept:
    """A session: its log, the runs that wait, and what is kept beside it."""

    def __init__(self, number: int) -> None:
        self.id = f"s{number}"
        self.epoch = f"e{number}"
        self.log: list[SessionEvent] = []
        self.oldest = 0
        self.metadata = msgspec.Raw(b"{}")
        self.runs: dict[str, MessageTaken] = {}  # by message id
        self.waiting: list[str] = []  # runs, the first is under way
        self.texts: dict[str, str] = {}

    @property
    def view(self) -> SessionView:
        return SessionView(
            id=self.id,
            key=self.id,
            principal="pi",
            model="m",
            workspace="",
            metadata=self.metadata,
            created_at=AT,
            updated_at=AT,
            messages=0,
            epoch=self.epoch,
            oldest=self.oldest,
            next=len(self.log),
        )

    def add(self, kind: str, **data: Any) -> None:
        raw = msgspec.Raw(msgspec.json.encode(data))
        self.log.append(SessionEvent(offset=len(self.log), kind=kind, at=AT, data=raw))


class House:
    """The sessions of one principal."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.refusals: dict[type, ErrorCode] = {}

    @property
    def session(self) -> Kept:
        return self.kept[-1]

    def call(self, params: msgspec.Struct) -> Any:
        """Do what is asked, at once; an error code is a refusal."""
        if type(params) in self.refusals:
            return self.refusals[type(params)]
        match params:
            case ListSessions():
                return SessionList(sessions=[one.view for one in reversed(self.kept)])
            case CreateSession():
                self.kept.append(Kept(len(self.kept) + 1))
                return self.session.view
        kept = next((one for one in self.kept if one.id == params.session), None)  # type: ignore[attr-defined]
        if kept is None:
            return ErrorCode.SESSION_NOT_FOUND
        match params:
            case SetMetadata(metadata=metadata):
                kept.metadata = metadata
                return MetadataSet()
            case AttachSession(epoch=epoch, offset=offset):
                assert offset is not None
                gap = (
                    "epoch" if epoch != kept.epoch else "retention" if offset < kept.oldest else ""
                )
                begins = max(offset, kept.oldest) if epoch == kept.epoch else kept.oldest
                return Attached(epoch=kept.epoch, offset=begins, next=len(kept.log), gap=gap)
            case SendMessage():
                return self._send(kept, params)
        raise AssertionError(params)

    def _send(self, kept: Kept, params: SendMessage) -> MessageTaken:
        assert params.queue
        known = kept.runs.get(params.message_id)
        if known is not None:
            ended = known.run not in kept.waiting
            return msgspec.structs.replace(known, joined=True, ended=ended)
        run = f"{kept.id}r{len(kept.runs) + 1}"
        taken = MessageTaken(run=run, epoch=kept.epoch, offset=len(kept.log))
        kept.runs[params.message_id] = taken
        kept.waiting.append(run)
        kept.texts[run] = params.text
        kept.add("message", run=run, message_id=params.message_id, text=params.text)
        return taken

    def finish(self) -> str:
        """The run that is under way answers, and ends; return its text."""
        kept = self.session
        run = kept.waiting.pop(0)
        text = f"answer to {kept.texts[run]}"
        kept.add("run_started", run=run, message_id="", model="m")
        kept.add("reply", run=run, iteration=1, text=text)
        kept.add("run_ended", run=run, status="completed", reason="")
        return text


class Socket:
    """One connection of a device: ``work`` does what the conversation wants, and brings events.

    Attributes:
        frames: what the device was sent.
        told: what the face was told.
        closed: the code, once the gateway closed it.
    """

    def __init__(self, house: House, now: float = NOW, unsent: Iterable[Prompt] = ()) -> None:
        self.house = house
        self.now = now
        self.device = Device(now, unsent)
        self.frames: list[dict[str, Any]] = []
        self.told: list[Any] = []
        self.closed: int | None = None
        self.held: list[Callable[[], None]] = []  # answers that are on their way
        self.slow = False
        self._at: tuple[Kept, int] | None = None

    def work(self) -> Socket:
        while self.closed is None:
            effect = self.device.next_effect()
            if effect is None:
                if not self._read():
                    break
                continue
            self._do(effect)
        return self

    def _do(self, effect: Any) -> None:
        match effect:
            case Send(text):
                self.frames.append(json.loads(text))
            case Tell(what):
                self.told.append(what)
            case Close(code, _):
                self.closed = code
            case Unwatch():
                self._at = None
            case Call() | Watch():
                result = self.house.call(effect.params)
                if isinstance(effect, Watch) and isinstance(result, Attached):
                    session = effect.params.session
                    kept = next(one for one in self.house.kept if one.id == session)
                    self._at = (kept, result.offset)
                self.held.append(lambda: self._settle(effect, result))
                if not self.slow:
                    self.settle()

    def settle(self) -> Socket:
        """Let what was asked be answered."""
        held, self.held = self.held, []
        for each in held:
            each()
        return self

    def _settle(self, effect: Any, result: Any) -> None:
        if isinstance(result, ErrorCode):
            self.device.failed(effect, result, "no", None, self.now)
        else:
            self.device.succeeded(effect, result, self.now)

    def _read(self) -> bool:
        if self._at is None or self.held:
            return False
        kept, offset = self._at
        if kept not in self.house.kept:
            self._at = None
            self.device.gone(self.now)
            return True
        events = kept.log[offset : offset + 2]
        self._at = kept, offset + len(events)
        self.device.take(events)
        return bool(events)

    def say(self, kind: str, **payload: Any) -> Socket:
        message = {"type": kind, "payload": payload, "timestamp": AT}
        self.device.receive(json.dumps(message), self.now)
        return self.work()

    def ask(self, request_id: str, prompt: str = "hi") -> Socket:
        return self.say("agent_request", requestId=request_id, prompt=prompt)

    def wait(self, seconds: float) -> Socket:
        self.now += seconds
        self.device.handle_timer(self.now)
        self.work()
        assert self.closed is not None or self.device.next_deadline() > self.now
        return self

    def pong(self) -> Socket:
        """Answer the pings that came; first those that are due are sent."""
        self.wait(0)
        pings = [frame for frame in self.frames if frame["type"] == "ping"]
        self.frames = [frame for frame in self.frames if frame["type"] != "ping"]
        for _ in pings:
            self.say("pong")
        return self

    def answers(self) -> list[tuple[str, str]]:
        """Take the answers that came: request id and text."""
        found = [frame["payload"] for frame in self.frames if frame["type"] == "agent_response"]
        self.frames = [frame for frame in self.frames if frame["type"] != "agent_response"]
        return [(one["requestId"], one["result"]["response"]) for one in found]
