"""The agentspace face: seed 004's messages over a WebSocket, to native calls and back.

From the client: ``chat.send``, ``context.inspect``, ``usage.query``, ``session.list`` (seed 004);
``chat.cancel`` and ``chat.attach`` are ours. What seed 004 has no message for has one of ours, of a
type that its clients ignore. An ``error`` ends a stream for these clients, so none is sent in the
midst of one, but in answer to a message of the client's own.

One stream at a time: a connection sees one run, and a session has one.

Sources: seed 004; its original for what the seed leaves open (order of the sections, codes, names).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.agentspace_messages import (
    Stream,
    cancelled_message,
    end_message,
    inspection_message,
    list_message,
    usage_message,
)
from agentgate_proto.faces.conversing import BROKEN, CALLS_MAX, Conversation, Said, Send, shown
from agentgate_proto.limits import LIST_ROWS_MAX, MESSAGE_CHARS_MAX, NAME_CHARS_MAX
from agentgate_proto.records.session import EventKind, RunStatus, UsageBy
from agentgate_proto.records.session_views import SessionEvent, SessionView
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    Inspection,
    InspectSession,
    ListSessions,
    MessageTaken,
    RunCancelled,
    SendMessage,
    SessionList,
)
from agentgate_proto.rpc.usage_methods import ListModels, ModelList, ReportUsage, UsageReport

FACE = "agentspace"

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]

NOTHING_RUNS = "No response is under way in this session"
NOT_KEPT = "The response to this message is not kept any more"

NO_RUN = RunCancelled(status="no_run")

PLEASE_WAIT = "Please wait for the current response to complete"

CODES = {
    ErrorCode.SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    ErrorCode.RUN_IN_PROGRESS: "STREAM_IN_PROGRESS",
    ErrorCode.INVALID_PARAMS: "INVALID_MESSAGE",
    ErrorCode.MODEL_FAILED: "LLM_ERROR",
}
"""Seed 004's codes; other errors go by their native names."""


class Ask(msgspec.Struct, frozen=True, tag_field="type"):
    """A message of the client; ``id`` comes back as ``requestId``."""

    id: Name


class ChatSend(Ask, frozen=True, kw_only=True, tag="chat.send", rename="camel"):
    """Say something; without a session a new one begins.

    Attributes:
        message_id: ours: a name for this message. The same again joins the run that it began.
    """

    content: Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_CHARS_MAX)]
    session_id: Name | None = None
    model: Name | None = None
    message_id: Id | None = None


class ChatAttach(Ask, frozen=True, kw_only=True, tag="chat.attach", rename="camel"):
    """Ours: stream the run that is under way in a session, from its beginning."""

    session_id: Id


class ChatCancel(Ask, frozen=True, kw_only=True, tag="chat.cancel", rename="camel"):
    """Ours: end the run that is streamed, or that of a session."""

    session_id: Name | None = None


class ContextInspect(Ask, frozen=True, kw_only=True, tag="context.inspect", rename="camel"):
    """Show what the model would be sent."""

    session_id: Id
    model: Name | None = None


class UsageQuery(Ask, frozen=True, kw_only=True, tag="usage.query", rename="camel"):
    """Say what was used, of all sessions or of one."""

    session_id: Name | None = None


class SessionListAsk(Ask, frozen=True, kw_only=True, tag="session.list"):
    """List the sessions, newest first; ``before`` and ``limit`` are ours."""

    before: Name = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIST_ROWS_MAX)] = 100


Message = ChatSend | ChatAttach | ChatCancel | ContextInspect | UsageQuery | SessionListAsk

read_message = msgspec.json.Decoder(Message).decode


class AgentSpace(Conversation):
    """One connection.

    Args:
        prefix: of the ids of its messages; never used for another connection.
    """

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._count = 0
        self._stream: Stream | None = None
        self._cancels: list[ChatCancel] = []  # for a run that has not begun yet

    @property
    def _may_ask(self) -> bool:
        return self._asked + len(self._cancels) < CALLS_MAX

    def receive(self, text: str, now: float) -> None:
        """See :class:`Conversation`."""
        try:
            message = read_message(text.encode())
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            self._error(None, "INVALID_MESSAGE", f"Invalid message: {shown(error)}")
            return
        if not self._may_ask:
            text = "too many questions at once: wait for answers"
            self._error(message.id, ErrorCode.LIMIT_EXCEEDED.name, text)
            return
        match message:
            case ChatSend() | ChatAttach():
                self._open_stream(message)
            case ChatCancel():
                self._cancel(message)
            case ContextInspect(session_id=session):
                self._call(message, InspectSession(session=session, model=message.model or ""))
            case UsageQuery():
                wanted = message.session_id or ""
                self._call(message, ReportUsage(by=UsageBy.MODEL, session=wanted))
            case _:
                self._call(message, ListSessions(before=message.before, limit=message.limit))

    def gone(self, now: float) -> None:
        """See :class:`Conversation`."""
        if self._run and self._stream is not None:
            self._unwatch()
            self._error(self._stream.id, "SESSION_NOT_FOUND", "The session was deleted")
            self._stream = None

    def _open_stream(self, message: ChatSend | ChatAttach) -> None:
        if self._stream is not None:
            self._error(message.id, "STREAM_IN_PROGRESS", PLEASE_WAIT)
            return
        self._stream = Stream(message.id, message.session_id or "")
        if isinstance(message, ChatAttach):
            self._watch(message, AttachSession(session=message.session_id))
        elif message.session_id:
            self._say_to_model(message)
        else:
            self._call(message, CreateSession(model=message.model or ""))

    def _say_to_model(self, message: ChatSend) -> None:
        assert self._stream is not None
        self._count += 1
        params = SendMessage(
            session=self._stream.session,
            text=message.content,
            message_id=message.message_id or f"{self._prefix}-{self._count}",
            model=message.model or "",
        )
        self._call(message, params)

    def _cancel(self, message: ChatCancel) -> None:
        stream = self._stream
        if stream is not None and message.session_id in (None, "", stream.session):
            if stream.run:
                self._call(message, CancelRun(session=stream.session, run=stream.run))
            else:
                self._cancels.append(message)  # there will be a run in a moment
        elif message.session_id:
            self._call(message, CancelRun(session=message.session_id))
        else:
            self._send(cancelled_message(message.id, NO_RUN))

    def _cancel_now(self) -> None:
        """The run is known by now, or there is none: do what was put off."""
        cancels, self._cancels = self._cancels, []
        for message in cancels:
            self._cancel(message)

    # Answers

    def _on_result(self, about: Any, result: Any, now: float) -> None:
        match result:
            case SessionView():
                self._on_created(about, result)
            case MessageTaken():
                self._on_taken(about, result)
            case Attached():
                self._on_attached(about, result)
            case ModelList():
                self._on_models(about, result)
            case RunCancelled():
                self._send(cancelled_message(about.id, result))
            case Inspection():
                self._send(inspection_message(about.id, result))
            case UsageReport():
                self._send(usage_message(about.id, result))
            case _:
                assert isinstance(result, SessionList), "nothing else was called"
                self._send(list_message(about.id, result))

    def _on_failure(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        if isinstance(about, Said):
            self._on_models(about, ModelList([]))
            return
        more = {}
        if code is ErrorCode.RUN_IN_PROGRESS and isinstance(data, dict):
            more = {name: data[name] for name in ("run", "approvals") if name in data}
            message = PLEASE_WAIT
        if code is ErrorCode.SESSION_NOT_FOUND:
            wanted = getattr(about, "session_id", None) or getattr(about, "before", "")
            message = f"Session {wanted} not found"
        self._error(about.id, CODES.get(code, code.name), message, more)
        if isinstance(about, ChatSend | ChatAttach):
            self._stream = None
            self._cancel_now()

    def _on_created(self, about: ChatSend, view: SessionView) -> None:
        assert self._stream is not None
        self._stream.session = view.id
        self._send({"type": "session.created", "sessionId": view.id, "sessionKey": view.key})
        self._say_to_model(about)

    def _on_taken(self, about: ChatSend, taken: MessageTaken) -> None:
        assert self._stream is not None
        self._stream.run = taken.run
        session = self._stream.session
        params = AttachSession(session=session, epoch=taken.epoch, offset=taken.offset)
        self._watch(about, params)
        self._cancel_now()

    def _on_attached(self, about: ChatSend | ChatAttach, attached: Attached) -> None:
        stream = self._stream
        assert stream is not None
        is_known = bool(stream.run)
        stream.run = stream.run or attached.run
        if not self._watch_run(stream.run, attached):
            self._unwatch()
            self._stream = None
            self._error(about.id, "NO_STREAM", NOT_KEPT if is_known else NOTHING_RUNS)
        self._cancel_now()

    # The run

    def _on_event(self, event: SessionEvent, said: Said) -> None:
        stream = self._stream
        assert stream is not None
        if event.kind == EventKind.RUN_STARTED:
            self._start(stream, said.model)
        elif event.kind == EventKind.RUN_ENDED:
            self._on_ended(stream, said)
        else:
            stream.count(event.kind, said.text)
            message = stream.message_of(event, said)
            if message is not None:
                self._send(message)

    def _start(self, stream: Stream, model: str) -> None:
        stream.model = model
        start = {"type": "chat.stream.start", "requestId": stream.id, "sessionId": stream.session}
        self._send({**start, "model": model})

    def _on_ended(self, stream: Stream, said: Said) -> None:
        self._unwatch()
        if said.status in BROKEN:
            code = "OVER_BUDGET" if said.status == RunStatus.BUDGET else "LLM_ERROR"
            text = said.reason or f"the run is {said.status}"
            self._error(stream.id, code, text, {"status": said.status})
            self._stream = None
        elif said.cost_micros:
            self._call(said, ListModels())  # what of it was for input, and what for output
        else:
            self._on_models(said, ModelList([]))

    def _on_models(self, said: Said, models: ModelList) -> None:
        stream = self._stream
        assert stream is not None
        price = {row.name: row.output_micros for row in models.models}.get(stream.model)
        self._send(end_message(stream.id, said, price))
        self._stream = None

    # Messages

    def _send(self, message: dict[str, Any]) -> None:
        self._effects.append(Send(msgspec.json.encode(message).decode()))

    def _error(
        self, request_id: str | None, code: str, text: str, more: dict[str, Any] | None = None
    ) -> None:
        head = {"type": "error", **({} if request_id is None else {"requestId": request_id})}
        self._send({**head, "code": code, "message": text, **(more or {})})
