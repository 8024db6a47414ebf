"""An editor's connection: the gateway as an agent of ACP, version 1.

The client's requests become native calls; what the sessions say becomes ``session/update``. A
connection has any number of sessions (a :class:`Thread` each), and all that happens in them is told
on it. That the connection ends is no input: runs go on, and another connection may take them up.

No server of the client's configuration is started, no file of its is read: tools are the gateway's,
under its policy. ``cwd`` is kept for the client's own lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.acp import messages as acp
from agentgate_proto.faces.acp.contents import Unreadable, prompt_text
from agentgate_proto.faces.acp.effects import About, Effect, Outbox, Step
from agentgate_proto.faces.acp.opening import Opening, Openings, kept_in
from agentgate_proto.faces.acp.permissions import PREFIX
from agentgate_proto.faces.acp.thread import Thread
from agentgate_proto.faces.acp.turns import Turn
from agentgate_proto.limits import MESSAGE_CHARS_MAX
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc import jsonrpc
from agentgate_proto.rpc.jsonrpc import Failure, Invalid, Notification, Request, RequestId, Success
from agentgate_proto.rpc.session_methods import (
    DeleteSession,
    ListSessions,
    SendMessage,
    SessionList,
)

FACE = "acp"
CHANNEL = "acp"
"""By which a person has answered who did so at an editor."""

TITLE_CHARS = 80
"""Of the first prompt of a session, which are its title."""

NOT_OPEN = "this session is not open here: session/load or session/resume it first"
BUSY = "too many requests at once: wait for answers"

METHODS: dict[str, type[acp.Params]] = {
    "initialize": acp.Initialize,
    "session/new": acp.NewSession,
    "session/load": acp.OpenSession,
    "session/resume": acp.OpenSession,
    "session/list": acp.ListSessions,
    "session/prompt": acp.Prompt,
    "session/close": acp.OneSession,
    "session/delete": acp.OneSession,
    "session/set_config_option": acp.SetOption,
}

NOTIFICATIONS: dict[str, type[acp.Params]] = {
    "session/cancel": acp.OneSession,
    "$/cancel_request": acp.CancelRequest,
}


class Editor:
    """See the module. Drain ``next_effect`` after every call.

    Args:
        prefix: of the names of its messages; never used for another connection.
        may_decide: whoever is on the other end may answer approvals.
        version: of this gateway.
    """

    def __init__(self, prefix: str, *, may_decide: bool, version: str) -> None:
        self._prefix = prefix
        self._version = version
        self._out = Outbox()
        self._threads: dict[str, Thread] = {}
        self._openings = Openings(self._out, self._threads, may_decide=may_decide)
        self._count = 0

    def next_effect(self) -> Effect | None:
        """Return what is to be done next; None: nothing for now."""
        return self._out.next_effect()

    # The client

    def receive(self, text: str) -> None:
        """Take a message of the client."""
        match jsonrpc.decode(text, batch_items_max=0):
            case Request(id=request_id, method=method, params=raw):
                self._request(request_id, method, raw)
            case Notification(method=method, params=raw) if method in NOTIFICATIONS:
                self._notification(method, raw)
            case Success(id=request_id) as answer:
                self._answered(request_id, answer)
            case Failure(id=request_id):
                self._answered(request_id, None)
            case Invalid(code=code, detail=detail):
                self._out.refuse(None, code, detail)
            case _:
                pass  # a notification of whatever comes after this version

    def _request(self, request_id: RequestId, method: str, raw: msgspec.Raw) -> None:
        kind = METHODS.get(method)
        if kind is None:
            self._out.refuse(request_id, ErrorCode.METHOD_NOT_FOUND, f"no method {method[:100]!r}")
            return
        try:
            params = msgspec.json.decode(bytes(raw) or b"{}", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._out.refuse(request_id, ErrorCode.INVALID_PARAMS, str(error))
            return
        if not self._out.may_ask:
            self._out.refuse(request_id, ErrorCode.INTERNAL_ERROR, BUSY)
            return
        match params:
            case acp.Initialize():
                self._openings.cursors = bool(acp.meta_of(params, acp.CURSORS, bool))
                self._out.answer(request_id, acp.initialized(self._version))
            case acp.NewSession() | acp.OpenSession():
                self._openings.begin(request_id, params, shows_all=method == "session/load")
            case acp.ListSessions():
                about = About(Step.LIST, what=(request_id, params.cwd))
                self._out.call(about, ListSessions(before=params.cursor or ""))
            case acp.Prompt():
                self._prompt(request_id, params)
            case acp.SetOption():
                self._set_option(request_id, params)
            case acp.OneSession() if method == "session/close":
                self._close(request_id, params.session_id)
            case _:
                assert isinstance(params, acp.OneSession), "nothing else is read"
                about = About(Step.DELETE, params.session_id, request_id)
                self._out.call(about, DeleteSession(session=params.session_id))

    def _notification(self, method: str, raw: msgspec.Raw) -> None:
        try:
            params = msgspec.json.decode(bytes(raw) or b"{}", type=NOTIFICATIONS[method])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # nobody waits for an answer
        if isinstance(params, acp.CancelRequest):
            target = params.request_id
            for thread in self._threads.values():
                if any(turn.id == target for turn in thread.turns):
                    thread.cancel(target)
            return
        assert isinstance(params, acp.OneSession), "nothing else is read"
        if params.session_id in self._threads:
            self._threads[params.session_id].cancel()

    def _answered(self, request_id: RequestId, answer: Success | None) -> None:
        if isinstance(request_id, str) and request_id.startswith(PREFIX):
            for thread in self._threads.values():
                thread.permissions.answered(request_id.removeprefix(PREFIX), answer)

    # Requests

    def _prompt(self, request_id: RequestId, params: acp.Prompt) -> None:
        thread = self._threads.get(params.session_id)
        if thread is None:
            self._out.refuse(request_id, ErrorCode.INVALID_PARAMS, NOT_OPEN)
            return
        try:
            text = prompt_text(params.prompt)
        except Unreadable as error:
            self._out.refuse(request_id, ErrorCode.INVALID_PARAMS, str(error))
            return
        if not text.strip() or len(text) > MESSAGE_CHARS_MAX:
            what = f"more than {MESSAGE_CHARS_MAX} characters" if text.strip() else "nothing"
            self._out.refuse(request_id, ErrorCode.INVALID_PARAMS, f"the prompt says {what}")
            return
        if len(thread.turns) >= acp.MESSAGE_IDS_MAX:
            self._out.refuse(request_id, ErrorCode.INVALID_REQUEST, BUSY)
            return
        self._count += 1
        name = acp.meta_of(params, acp.MESSAGE_ID, acp.Id) or f"{self._prefix}-{self._count}"
        turn = Turn(request_id, name)
        if thread.known(turn):
            return
        message = SendMessage(
            session=thread.session, text=text, message_id=name, model=thread.model, queue=True
        )
        self._out.call(About(Step.SEND, thread.session, (thread, turn)), message)
        if not thread.title:
            words = " ".join(text.split())
            thread.title = words[:TITLE_CHARS] + ("…" if len(words) > TITLE_CHARS else "")
            self._openings.keep(thread)
            thread.tell({"sessionUpdate": "session_info_update", "title": thread.title})

    def _set_option(self, request_id: RequestId, params: acp.SetOption) -> None:
        thread = self._threads.get(params.session_id)
        if thread is None:
            self._out.refuse(request_id, ErrorCode.INVALID_PARAMS, NOT_OPEN)
        elif not thread.choose(params.config_id, params.value):
            self._out.refuse(request_id, ErrorCode.INVALID_PARAMS, "there is no such option")
        else:
            self._openings.keep(thread)
            self._out.answer(request_id, {"configOptions": thread.options()})

    def _close(self, request_id: RequestId, session: str) -> None:
        thread = self._threads.pop(session, None)
        if thread is not None:
            thread.close()
            self._out.leave(session)
        self._out.answer(request_id, {})

    # What the sessions say

    def succeeded(self, about: About, result: Any) -> None:
        """A call went well."""
        self._out.answered()
        thread = self._threads.get(about.session)
        match about.step:
            case Step.LIST:
                request_id, cwd = about.what
                self._listed(request_id, cwd, result)
            case Step.DELETE:
                self._out.answer(about.what, {})
            case Step.SEND:
                sender, turn = about.what
                sender.taken(turn, result)
            case Step.ATTACH if thread is not None:
                thread.attached(result)
            case Step.DECIDE if thread is not None:
                thread.decided(about.what, result)
            case Step.CREATE | Step.FIND | Step.MODELS | Step.USAGE:
                self._openings.go_on(about.what, result)
            case _:
                pass  # a run that is cancelled says so itself

    def failed(self, about: About, code: ErrorCode, message: str) -> None:
        """A call went wrong."""
        self._out.answered()
        text = message or ERRORS[code].message
        thread = self._threads.get(about.session)
        match about.step:
            case Step.DELETE if code is ErrorCode.SESSION_NOT_FOUND:
                self._out.answer(about.what, {})  # it is as the client wants it
            case Step.DELETE:
                self._out.refuse_native(about.what, code, text)
            case Step.LIST:
                self._out.refuse_native(about.what[0], code, text)
            case Step.SEND:
                sender, turn = about.what
                sender.not_taken(turn, code, text)
            case Step.ATTACH if thread is not None:
                thread.gone(code, text)
                del self._threads[about.session]
            case Step.DECIDE if thread is not None:
                thread.not_decided(about.what, code, text)
            case Step.CREATE | Step.FIND | Step.MODELS | Step.USAGE:
                opening: Opening = about.what
                self._openings.end(opening)
                self._out.refuse_native(opening.id, code, text)
            case _:
                pass

    def take(self, session: str, events: Sequence[SessionEvent]) -> None:
        """Take events of a session that is watched."""
        thread = self._threads.get(session)
        if thread is not None:
            thread.take(events)

    def gone(self, session: str) -> None:
        """A session was deleted: nothing follows."""
        thread = self._threads.pop(session, None)
        if thread is not None:
            thread.gone(ErrorCode.SESSION_NOT_FOUND, "the session was deleted")

    def approval_changed(self, view: ApprovalView) -> None:
        """An approval has changed, whoever's it is."""
        for thread in self._threads.values():
            thread.approval_changed(view)

    def _listed(self, request_id: RequestId, cwd: str | None, result: SessionList) -> None:
        rows = []
        for view in result.sessions:
            kept = kept_in(view)
            if cwd is None or cwd == kept.cwd:
                row = {
                    "sessionId": view.id,
                    "cwd": kept.cwd or view.workspace or "/",
                    "title": kept.title or f"Session of {view.created_at}",
                    "updatedAt": view.updated_at,
                }
                rows.append(row)
        more = {"nextCursor": result.sessions[-1].id} if result.more else {}
        self._out.answer(request_id, {"sessions": rows, **more})
