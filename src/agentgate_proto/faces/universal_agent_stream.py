"""The universal_agent face, ``WS /sessions/{id}/execute``: a message, and what its run says.

From the client: ``{"action": "execute", "user_input": …, "context": {}, "max_iterations": 25}``
(seed 003); besides it ``cancel``, ``attach`` (the run that is under way, from its beginning) and
``ping``. To the client: ``{"type": …, "data": {…}, "timestamp": …}``. When the run is over, the
connection is closed with 1000.

An iteration is seed 003's: all that one message leads to, its tools included, so a run has one. An
``error`` raises in seed 003's clients, which read ``message`` or ``error`` of it; what they know no
type for comes as ``status``. The frames have the blanks of seed 003.

Sources: seed 003; its original for what the seed leaves open. What that has in further members
stands in the events of whoever asks for ``"details": true``.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import (
    BROKEN,
    Close,
    Conversation,
    Said,
    Send,
    shown,
    text_of,
    words_of,
)
from agentgate_proto.faces.universal_agent import NOT_FOUND
from agentgate_proto.limits import MESSAGE_CHARS_MAX, NAME_CHARS_MAX
from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import GAP, SessionEvent, SessionView
from agentgate_proto.records.usage import MICROS
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    MessageTaken,
    RunCancelled,
    SendMessage,
)

NORMAL = 1000
SESSION_UNKNOWN = 4004
"""What a WebSocket about a session that does not exist is closed with."""

PREVIEW_CHARS = 2_000
"""Of a result, in ``content_preview`` (the original of seed 003)."""

NOTHING_RUNS = "No run is under way in this session"
NOT_KEPT = "The run of this message is not kept any more"

ACTIONS = ("execute", "attach", "cancel", "ping")


class Message(msgspec.Struct, frozen=True):
    """What a client sends.

    Attributes:
        action: one of ``ACTIONS``.
        user_input: what to say to the model.
        context: nothing in it means anything here; a ``status`` says so.
        max_iterations: how often the model may be asked.
        message_id, model, details: not seed 003's: a name for this message (the same again joins
            the run that it began), another model, and whether to tell more.
    """

    action: str = ""
    user_input: Annotated[str, msgspec.Meta(max_length=MESSAGE_CHARS_MAX)] = ""
    context: dict[str, Any] | None = None
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    message_id: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] | None = None
    model: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] | None = None
    details: bool = False


read_message = msgspec.json.Decoder(Message).decode


class Execution(Conversation):
    """One connection.

    Args:
        session: the session that its path names, which exists.
        message_id: of the message that comes, unless it names itself; never used before.
    """

    def __init__(self, session: SessionView, message_id: str) -> None:
        super().__init__()
        self._session = session
        self._message_id = message_id
        self._details = False
        self._busy = False  # a run is watched, or will be
        self._cancels = False  # it is to be cancelled as soon as it is known
        self._waits_for = ""  # the run that was begun
        self._began_at = ""
        self._calls = 0
        self._chars = 0  # of text, in this attempt

    def receive(self, text: str, now: float) -> None:
        """See :class:`Conversation`."""
        try:
            message = read_message(text.encode())
        except msgspec.ValidationError as error:
            self._error(f"Invalid message: {shown(error)}", now)
            return
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            self._error("Invalid JSON", now)
            return
        match message.action:
            case "execute":
                self._execute(message, now)
            case "attach":
                self._attach(message, now)
            case "cancel":
                self._cancel(now)
            case "ping":
                self._frame("pong", {}, rfc3339(now))
            case other:
                self._error(f"Unknown action: {shown(other)}; there are {', '.join(ACTIONS)}", now)

    def gone(self, now: float) -> None:
        """See :class:`Conversation`."""
        if self._run:
            self._unwatch()
            self._error("The session was deleted", now)
            self._close()

    def _execute(self, message: Message, now: float) -> None:
        if self._is_busy(now):
            return
        if not message.user_input:
            self._error("Empty user_input", now)
            return
        if message.context:
            names = shown(", ".join(list(message.context)[:10]))
            self._status("ignored", rfc3339(now), context=f"means nothing here: {names}")
        self._begin(message)
        params = SendMessage(
            session=self._session.id,
            text=message.user_input,
            message_id=message.message_id or self._message_id,
            model=message.model or "",
            max_iterations=message.max_iterations or 25,
        )
        self._call("execute", params)

    def _attach(self, message: Message, now: float) -> None:
        if not self._is_busy(now):
            self._begin(message)
            self._watch("attach", AttachSession(session=self._session.id))

    def _begin(self, message: Message) -> None:
        self._busy = True
        self._details = message.details

    def _is_busy(self, now: float) -> bool:
        """Refuse a second message by a ``status``: an error would end the first for the client."""
        if self._busy:
            text = "a connection has one run: open another one"
            self._status("turn_rejected_busy", rfc3339(now), reason=text)
        return self._busy

    def _cancel(self, now: float) -> None:
        if self._busy and not self._waits_for:
            self._cancels = True
        elif not self._may_ask:
            self._status("ignored", rfc3339(now), reason="it is being cancelled")
        else:
            self._call("cancel", CancelRun(session=self._session.id, run=self._waits_for))

    # Answers

    def _on_result(self, about: Any, result: Any, now: float) -> None:
        match result:
            case MessageTaken(run=run, epoch=epoch, offset=offset):
                self._waits_for = run
                params = AttachSession(session=self._session.id, epoch=epoch, offset=offset)
                self._watch("execute", params)
            case Attached():
                self._on_attached(result, now)
            case RunCancelled(status="no_run"):
                self._status("no_run", rfc3339(now))
            case _:
                pass  # a run that was cancelled says so itself
        if self._waits_for and self._cancels:
            self._cancels = False
            self._cancel(now)

    def _on_attached(self, attached: Attached, now: float) -> None:
        is_known = bool(self._waits_for)
        self._waits_for = self._waits_for or attached.run
        if not self._watch_run(self._waits_for, attached):
            self._unwatch()
            self._error(NOT_KEPT if is_known else NOTHING_RUNS, now)
            self._busy = self._cancels = False
            self._waits_for = ""

    def _on_failure(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        more: dict[str, Any] = {"code": code.name}
        if code is ErrorCode.RUN_IN_PROGRESS and isinstance(data, dict):
            more |= {name: data[name] for name in ("run", "approvals") if name in data}
        if about == "cancel":
            self._status("not_cancelled", rfc3339(now), reason=message, **more)
            return
        if code is ErrorCode.SESSION_NOT_FOUND:
            self._error(NOT_FOUND, now, **more)
            self._close(SESSION_UNKNOWN, NOT_FOUND)
            return
        self._error(message, now, **more)
        self._busy = self._cancels = False

    # The run

    def _on_event(self, event: SessionEvent, said: Said) -> None:
        at = event.at
        match event.kind:
            case EventKind.RUN_STARTED:
                self._on_started(said, at)
            case EventKind.MODEL_STARTED:
                self._chars = 0
            case EventKind.TEXT:
                self._chars += len(said.text)
                self._frame("text", {"text": said.text}, at)
            case EventKind.THINKING:
                self._frame("thinking", {"thinking": said.text}, at)
            case EventKind.TOOL_CALL:
                self._on_call(said, at)
            case EventKind.TOOL_RESULT:
                self._frame("tool_result", self._result_of(said), at)
            case EventKind.APPROVAL:
                facts = {"tool_call_id": said.call, "approval_id": said.approval}
                facts |= {"signature": said.signature, "expires_at": said.expires_at}
                self._status("approval_required", at, **facts)
            case EventKind.RETRYING:
                pause = {"wait_seconds": said.wait_s, "reason": said.reason}
                self._status("retrying", at, attempt=said.attempt, **pause)
            case EventKind.RESET:
                self._status("reset", at, withdrawn_chars=self._chars, reason=said.reason)
                self._chars = 0
            case EventKind.NOTE:
                self._status("note", at, text=said.text)
            case EventKind.RUN_ENDED:
                self._on_ended(said, at)
            case _ if event.kind == GAP:
                self._status("gap", at, missing=event.count)
            case _:
                pass

    def _on_started(self, said: Said, at: str) -> None:
        self._began_at = at
        data = {"session_id": self._session.id}
        if self._details:
            data |= {"workspace": self._session.workspace, "user_id": self._session.user_id}
            data |= {"run_id": said.run, "message_id": said.message_id, "model": said.model}
        self._frame("session_info", data, at)

    def _on_call(self, said: Said, at: str) -> None:
        self._calls += 1
        data = {"id": said.call, "name": said.tool, "input": msgspec.json.decode(said.args)}
        if self._details:
            data["time_offset"] = seconds_between(self._began_at, at)
        self._frame("tool_call", data, at)

    def _result_of(self, said: Said) -> dict[str, Any]:
        failed = said.has_error
        text = words_of(said.error) if failed else text_of(said.result)
        data: dict[str, Any] = {"tool_call_id": said.call, "result": text, **said.of_people}
        if failed:
            data |= {"is_error": True, "status": said.status}
        if said.late:
            data["late"] = True
        if self._details:
            data |= {"tool_use_id": said.call, "name": said.tool, "is_error": failed}
            data |= {"content_preview": text[:PREVIEW_CHARS], "content_size": len(text)}
        return data

    def _on_ended(self, said: Said, at: str) -> None:
        self._unwatch()
        if said.status in BROKEN:
            text = said.reason or f"the run is {said.status}"
            facts = {"message": text, "error": text, "status": said.status}
            self._frame("error", facts, at)
        else:
            if said.status != RunStatus.COMPLETED:
                rows = [
                    {"tool_call_id": each.call, "name": each.tool} for each in said.still_running
                ]
                running = {"still_running": rows} if rows else {}
                self._status(said.status, at, reason=said.reason, **running)
            self._frame("iteration_end", {"iteration": 1, **self._sums_of(said, at)}, at)
        self._close()

    def _sums_of(self, said: Said, at: str) -> dict[str, Any]:
        if not self._details:
            return {}
        usage = said.usage
        return {
            "tool_calls": self._calls,
            "duration_seconds": seconds_between(self._began_at, at),
            "model_requests": said.iterations,
            "token_usage": {
                "input_tokens": usage.input,
                "output_tokens": usage.output,
                "total_tokens": usage.input + usage.output,
            },
            "cost_usd": None if said.cost_micros is None else said.cost_micros / MICROS,
        }

    # Frames

    def _frame(self, kind: str, data: dict[str, Any], at: str) -> None:
        frame = {"type": kind, "data": data, "timestamp": at}
        self._effects.append(Send(json.dumps(frame, ensure_ascii=False)))

    def _status(self, status: str, at: str, **more: Any) -> None:
        self._frame("status", {"status": status, **more}, at)

    def _error(self, text: str, now: float, **more: Any) -> None:
        self._frame("error", {"message": text, "error": text, **more}, rfc3339(now))

    def _close(self, code: int = NORMAL, reason: str = "the run is over") -> None:
        self._effects.append(Close(code, reason))


def seconds_between(one: str, other: str) -> float:
    """Return how long it is from a time of RFC 3339 to another one; 0 if the first is unknown."""
    if not one:
        return 0.0
    passed = datetime.fromisoformat(other) - datetime.fromisoformat(one)
    return round(passed.total_seconds(), 3)
