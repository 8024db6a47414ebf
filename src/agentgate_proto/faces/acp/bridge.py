"""Between an editor's pipe and a gateway that comes and goes: what ``agent-gate acp`` goes by.

Theory of operation. The editor's messages are handed to the gateway, and the gateway's to the
editor, as they are but for our members of ``_meta`` (``messages``). When there is another
connection, whatever the former ended by, the bridge makes good what that took along: it introduces
the editor again, resumes each session that is open, from the last cursor that it has seen, and then
sends again what has no answer yet. A prompt has a name, so it joins the run that it began, or its
end; a question about an approval has the same id as before, and is not put to the editor twice: its
answer is given again. The editor notices nothing but that it takes longer.

Whoever ends a pipe ends no run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp import messages as acp
from agentgate_proto.limits import SERVER_LIMITS
from agentgate_proto.rpc import jsonrpc
from agentgate_proto.rpc.jsonrpc import (
    Batch,
    Failure,
    Invalid,
    Message,
    Notification,
    Request,
    RequestId,
    Success,
)

MESSAGE_BYTES_MAX = SERVER_LIMITS.message_bytes_max - 4_096
"""Of what goes to the gateway, which would end the connection over more; the rest is for what is
added. A file of a megabyte does not go into a prompt."""

PENDING_MAX = 256
"""Requests of an editor that are not answered: a gateway that is away for hours must not fill the
memory of this machine."""

HELD_MAX = 256
"""Notifications and answers that wait for the gateway to come back; the first are kept."""

ANSWERS_MAX = 64
"""Answers of the editor that are remembered, in case their connection took them along."""

TOO_LONG = f"too long: at most {MESSAGE_BYTES_MAX} bytes, files included"
TOO_MANY = "too many requests are not answered: the gateway is away, or slow"

Params = dict[str, msgspec.Raw]

T = TypeVar("T")

read_params = msgspec.json.Decoder(Params).decode


class ToEditor(msgspec.Struct, frozen=True):
    """Write this line."""

    text: bytes


class ToGateway(msgspec.Struct, frozen=True):
    """Send this message."""

    text: bytes


Effect = ToEditor | ToGateway


class Update(msgspec.Struct, frozen=True, rename="camel"):
    """What of a notification of the gateway is looked at."""

    session_id: str = ""
    request_id: Any = None
    meta: dict[str, msgspec.Raw] | None = msgspec.field(default=None, name="_meta")


class Opened(msgspec.Struct, frozen=True, rename="camel"):
    """What of the answer to an opening request is looked at."""

    session_id: str = ""
    meta: dict[str, msgspec.Raw] | None = msgspec.field(default=None, name="_meta")


@dataclass(slots=True)
class Pending:
    """A request of the editor that has no answer yet.

    Attributes:
        method, params: of the request.
        session: that it is about; "".
        since: the cursor of the session when it came; "": none was known.
        message_id: of a prompt.
        is_cancelled: the editor wants no more of it.
    """

    method: str
    params: Params
    session: str
    since: str = ""
    message_id: str = ""
    is_cancelled: bool = False


class Bridge:
    """See the module. Drain ``next_effect`` after every call.

    Args:
        fresh: makes a name that nobody has used.
    """

    def __init__(self, fresh: Callable[[], str]) -> None:
        self._fresh = fresh
        self._effects: deque[Effect] = deque()
        self._is_ready = False  # the gateway knows all that was before
        self._introduction: Params | None = None  # of the editor, once it was answered
        self._pending: dict[RequestId, Pending] = {}
        self._held: list[bytes] = []
        self._open: dict[str, Params] = {}  # what sessions were opened with
        self._cursors: dict[str, str] = {}
        self._asked: set[RequestId] = set()  # of the gateway, not answered by the editor
        self._answers: dict[RequestId, bytes] = {}  # of the editor, to what it was asked
        self._steps: dict[str, str] = {}  # our own requests: the session each resumes, or ""

    @property
    def owes_answers(self) -> bool:
        """Whether the editor has asked for what it was not answered yet."""
        return bool(self._pending)

    def next_effect(self) -> Effect | None:
        """Return what is to be done next; None: nothing for now."""
        return self._effects.popleft() if self._effects else None

    # The gateway

    def connected(self) -> None:
        """There is a connection."""
        if self._introduction is None:
            self._get_ready()
            return
        self._step("initialize", self._introduction)
        for session, params in self._open.items():
            self._step("session/resume", self._resuming(session, params), session)

    def lost(self) -> None:
        """The connection is over."""
        self._is_ready = False
        self._steps.clear()
        self._effects = deque(each for each in self._effects if isinstance(each, ToEditor))

    def from_gateway(self, text: str) -> None:
        """Take a message of the gateway."""
        message = jsonrpc.decode(text, batch_items_max=0)
        match message:
            case Success(id=str(own)) | Failure(id=str(own)) if own in self._steps:
                session = self._steps.pop(own)
                if session and isinstance(message, Failure):
                    self._forget(session)
                if not self._steps:
                    self._get_ready()
                return
            case Success(id=answered) if answered in self._pending:
                self._went_well(self._pending.pop(answered), message.result)
            case Failure(id=answered):
                self._pending.pop(answered, None)
            case Request(id=asked):
                if asked in self._answers:  # and a broken connection took the answer along
                    self._to_gateway(self._answers[asked])
                    return
                if asked in self._asked:
                    return  # the editor has this question already
                self._asked.add(asked)
            case Notification(method=method, params=raw):
                self._noticed(method, raw)
            case Batch() | Invalid():
                return  # whatever that is, it is nothing for an editor
            case _:
                pass
        self._effects.append(ToEditor(text.encode()))

    def _noticed(self, method: str, raw: msgspec.Raw) -> None:
        update = read_as(raw, Update, Update())
        if method == "session/update":
            self._keep_cursor(update.session_id, update.meta)
        elif method == "$/cancel_request":
            self._asked.discard(update.request_id)
            self._answers.pop(update.request_id, None)

    def _went_well(self, pending: Pending, result: msgspec.Raw) -> None:
        match pending.method:
            case "initialize":
                self._introduction = pending.params
            case "session/new" | "session/load" | "session/resume":
                opened = read_as(result, Opened, Opened())
                session = opened.session_id or pending.session
                self._open[session] = pending.params
                self._keep_cursor(session, opened.meta)
            case "session/close" | "session/delete":
                self._forget(pending.session)
            case _:
                pass

    def _keep_cursor(self, session: str, meta: dict[str, msgspec.Raw] | None) -> None:
        cursor = read_as((meta or {}).get(acp.CURSOR, b""), str, "")
        if cursor:
            self._cursors[session] = cursor

    def _forget(self, session: str) -> None:
        self._open.pop(session, None)
        self._cursors.pop(session, None)

    # Coming back

    def _step(self, method: str, params: Params, session: str = "") -> None:
        name = self._fresh()
        self._steps[name] = session
        self._to_gateway(jsonrpc.encode_request(name, method, params))

    def _resuming(self, session: str, opened: Params) -> Params:
        kept = ("cwd", "mcpServers")
        params: Params = {name: raw for name, raw in opened.items() if name in kept}
        params["sessionId"] = encoded(session)
        return self._from_cursor(params, session)

    def _from_cursor(self, params: Params, session: str) -> Params:
        """Ask for what comes after the last that was seen of a session."""
        cursor = self._cursors.get(session)
        if cursor is None:
            return params
        prompts = [
            each for each in self._pending.values() if each.session == session and each.message_id
        ]
        more = {
            acp.CURSOR: cursor,
            acp.SINCE: prompts[0].since if prompts else cursor,
            acp.MESSAGE_IDS: [each.message_id for each in prompts],
        }
        return with_meta(params, more)

    def _get_ready(self) -> None:
        """The gateway knows what was before: go on."""
        self._is_ready = True
        for request_id, pending in self._pending.items():
            self._ask(request_id, pending)
        held, self._held = self._held, []
        for text in held:
            self._to_gateway(text)

    def _ask(self, request_id: RequestId, pending: Pending) -> None:
        params = pending.params
        if pending.method == "session/load":
            params = self._from_cursor(params, pending.session)
        self._to_gateway(jsonrpc.encode_request(request_id, pending.method, params))
        if pending.is_cancelled:  # whether the gateway has heard of that nobody knows
            cancel = jsonrpc.encode_notification("$/cancel_request", {"requestId": request_id})
            self._to_gateway(cancel)

    # The editor

    def from_editor(self, message: Message | Batch) -> None:
        """Take a message of the editor."""
        match message:
            case Request(id=request_id, method=method, params=raw):
                self._request(request_id, method, raw)
            case Notification(method=method, params=raw):
                params = msgspec.Raw(bytes(raw) or b"{}")
                self._note_cancel(method, params)
                self._hand_on(jsonrpc.encode_notification(method, params))
            case Success(id=answered, result=result):
                self._answer(answered, jsonrpc.encode_success(answered, result))
            case Failure(id=answered, error=error):
                text = jsonrpc.encode_failure(answered, error.code, error.message, error.data)
                self._answer(answered, text)
            case Invalid(code=code, detail=detail):
                self._refuse(None, code, detail)
            case _:
                self._refuse(None, ErrorCode.INVALID_REQUEST, "there are no batches in ACP")

    def _request(self, request_id: RequestId, method: str, raw: msgspec.Raw) -> None:
        if len(bytes(raw)) > MESSAGE_BYTES_MAX:
            self._refuse(request_id, ErrorCode.INVALID_PARAMS, TOO_LONG)
            return
        if request_id in self._pending or len(self._pending) >= PENDING_MAX:
            text = "this id has no answer yet" if request_id in self._pending else TOO_MANY
            self._refuse(request_id, ErrorCode.INVALID_REQUEST, text)
            return
        try:
            params = read_params(bytes(raw) or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(request_id, ErrorCode.INVALID_PARAMS, str(error))
            return
        pending = Pending(method, params, name_in(params, "sessionId"))
        if method == "session/prompt":
            pending.message_id = self._fresh()
            pending.since = self._cursors.get(pending.session, "")
            pending.params = with_meta(params, {acp.MESSAGE_ID: pending.message_id})
        elif method == "initialize":
            pending.params = with_meta(params, {acp.CURSORS: True})
        elif method == "session/load":
            self._cursors.pop(pending.session, None)  # all of it is wanted anew, questions too
            self._answers.clear()
        self._pending[request_id] = pending
        if self._is_ready:
            self._ask(request_id, pending)

    def _answer(self, answered: RequestId, text: bytes) -> None:
        if answered in self._asked:
            self._asked.remove(answered)
            self._answers[answered] = text
            if len(self._answers) > ANSWERS_MAX:
                del self._answers[next(iter(self._answers))]
        self._hand_on(text)

    def _note_cancel(self, method: str, raw: msgspec.Raw) -> None:
        """Remember what the editor wants no more: a broken connection may take that along."""
        told = read_as(raw, Update, Update())
        for request_id, pending in self._pending.items():
            is_meant = {
                "session/cancel": pending.session == told.session_id,
                "$/cancel_request": request_id == told.request_id,
            }
            if pending.message_id and is_meant.get(method, False):
                pending.is_cancelled = True

    def _refuse(self, request_id: RequestId, code: int, text: str) -> None:
        self._effects.append(ToEditor(jsonrpc.encode_failure(request_id, code, text)))

    def _hand_on(self, text: bytes) -> None:
        if len(text) > MESSAGE_BYTES_MAX:
            return  # a notification has no answer, and none of ACP's is long
        if self._is_ready:
            self._to_gateway(text)
        elif len(self._held) < HELD_MAX:
            self._held.append(text)

    def _to_gateway(self, text: bytes) -> None:
        self._effects.append(ToGateway(text))


def encoded(value: Any) -> msgspec.Raw:
    """Return a value as JSON."""
    return msgspec.Raw(msgspec.json.encode(value))


def read_as(raw: bytes | msgspec.Raw, kind: type[T], otherwise: T) -> T:
    """Read what may be there, and may be anything."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return otherwise


def name_in(params: Params, member: str) -> str:
    """Return a text that parameters have; "": none."""
    return read_as(params.get(member, b""), str, "")


def with_meta(params: Params, more: dict[str, Any]) -> Params:
    """Add members to ``_meta``. If that is no object, the gateway says what is wrong with it."""
    raw = params.get("_meta", b"null")
    meta: dict[str, Any] = read_as(raw, Params, {})
    if bytes(raw).strip() != b"null" and not bytes(raw).lstrip().startswith(b"{"):
        return params
    return {**params, "_meta": encoded({**meta, **more})}
