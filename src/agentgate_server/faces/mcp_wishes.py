"""Doing what MCP clients want: lists, calls, tasks, streams."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.faces.mcp import lists
from agentgate_proto.faces.mcp.dispatch import Gate
from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.http import SESSION_HEADER
from agentgate_proto.faces.mcp.names import GATE_RESULT, PERMIT
from agentgate_proto.faces.mcp.parameters import mismatch
from agentgate_proto.faces.mcp.permit import question_of
from agentgate_proto.faces.mcp.questions import describe_refusal, is_answer
from agentgate_proto.faces.mcp.replies import Code, failure, success
from agentgate_proto.faces.mcp.tools import take_key
from agentgate_proto.faces.mcp.wishes import (
    Answered,
    Begin,
    Call,
    Cancel,
    CancelTask,
    GetTask,
    ListenFor,
    ListTools,
    Nothing,
    Ready,
    RootsChanged,
    SetLevel,
    Subscribe,
    UpdateTask,
    Wish,
)
from agentgate_proto.rpc.jsonrpc import UNREADABLE, RequestId
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.faces.mcp_asking import NO_STATE, Asking, refuse
from agentgate_server.faces.mcp_catalogue import Catalogues
from agentgate_server.faces.mcp_notices import Notices
from agentgate_server.faces.mcp_offering import Offering
from agentgate_server.faces.mcp_sessions import Sessions
from agentgate_server.faces.mcp_tasks import Tasks
from agentgate_server.faces.mcp_visits import Visit


class Look(msgspec.Struct, frozen=True):
    """The arguments of ``gate_result``."""

    request_id: str


class Wishes:
    """See the module.

    Args:
        catalogues, asking, offering, tasks, notices, sessions: the parts of the face.
        permit: whether clients may ask here for the use of their own tools.
    """

    def __init__(
        self,
        catalogues: Catalogues,
        asking: Asking,
        offering: Offering,
        tasks: Tasks,
        notices: Notices,
        sessions: Sessions,
        *,
        permit: bool,
    ) -> None:
        self._catalogues = catalogues
        self._asking = asking
        self._offering = offering
        self._calls = asking.calls
        self._tasks = tasks
        self._notices = notices
        self._sessions = sessions
        self._permit = permit

    def do(self, wish: Wish, visit: Visit, gate: Gate) -> None:
        """Do it. What wants an answer gets one from ``visit.carrier``, now or later."""
        match wish:
            case Ready(body, status):
                visit.carrier.answer(body, status=status)
            case Begin():
                self._begin(wish, visit)
            case ListTools(request_id, cursor):
                self._list_tools(request_id, cursor, visit)
            case Call():
                self._call(wish, visit, gate)
            case GetTask() | UpdateTask() | CancelTask():
                self._task(wish, visit)
            case ListenFor():
                self._listen(wish, visit)
            case SetLevel(request_id, level):
                if visit.session is not None:
                    self._sessions.set_level(visit.who.name, visit.session, level)
                visit.carrier.answer(success(request_id, b"{}"))
            case Cancel(request_id, reason):
                if visit.era is Era.LEGACY:  # in the other one, over HTTP, who hangs up cancels
                    self._calls.cancel(visit.who, visit.session_key, request_id, reason)
            case Answered():
                self._answered(wish, visit)
            case Subscribe():
                self._subscribe(wish, visit)
            case Nothing() | RootsChanged():
                pass
            case _:
                self._offering.do(wish, visit, gate)

    # Sessions and lists

    def _begin(self, wish: Begin, visit: Visit) -> None:
        can = wish.capabilities.can()
        session = self._sessions.begin(visit.who.name, wish.version, can)
        visit.carrier.add_header(SESSION_HEADER, session)
        visit.carrier.answer(wish.body)

    def _list_tools(self, request_id: RequestId, cursor: str, visit: Visit) -> None:
        definitions = self._catalogues.of(visit.who).definitions(visit.version)
        try:
            body = success(request_id, lists.tools(definitions, cursor, visit.version))
        except lists.BadCursor as error:
            refuse(visit, request_id, str(error))
        else:
            visit.carrier.answer(body)

    def _listen(self, wish: ListenFor, visit: Visit) -> None:
        is_open = self._notices.open(
            visit.peer, visit.who, visit.token_hash, wish.wanted, request_id=wish.id
        )
        if not is_open:
            text = "too many streams at once: close others first"
            visit.carrier.answer(failure(wish.id, Code.BUSY, text), status=429)

    def _subscribe(self, wish: Subscribe, visit: Visit) -> None:
        if self._notices.subscribe(visit.who, visit.session_key, wish.uri, on=wish.on):
            visit.carrier.answer(success(wish.id, b"{}"))
        else:
            refuse(visit, wish.id, "too many resources at once: unsubscribe from others first")

    def _task(self, wish: GetTask | UpdateTask | CancelTask, visit: Visit) -> None:
        look = visit.who, wish.id, wish.task_id
        match wish:
            case GetTask(meta=meta):
                self._tasks.get(*look, visit.version, visit.can(meta), visit.carrier)
            case UpdateTask(input_responses=responses):
                self._tasks.update(*look, responses, visit.carrier)
            case CancelTask():
                self._tasks.cancel(*look, visit.version, visit.carrier)

    # Calls

    def _call(self, wish: Call, visit: Visit, gate: Gate) -> None:
        if wish.name == GATE_RESULT:
            self._look(wish, visit, gate)
            return
        if wish.name == PERMIT and self._permit:
            self._ask_permit(wish, visit, gate)
            return
        catalogue = self._catalogues.of(visit.who)
        row = catalogue.row(wish.name)
        if row is None and not catalogue.may_be_denied(wish.name):
            refuse(visit, wish.id, f"Unknown tool: {wish.name}")
            return
        if row is not None and visit.era is Era.MODERN:
            wrong = mismatch(row.args, bytes(wish.arguments), visit.headers)
            if wrong is not None:
                visit.carrier.answer(failure(wish.id, Code.HEADER_MISMATCH, wrong), status=400)
                return
        try:
            raw, key = wish.arguments, ""
            if row is not None:
                raw, key = take_key(row, raw, self._asking.join_window_s)
            args = msgspec.json.decode(raw, type=dict[str, Any])
        except UNREADABLE as error:
            refuse(visit, wish.id, f"Invalid params: {error}")
            return
        tool = catalogue.asked_for(wish.name) if row is None else row.name
        asked = self._asking.asked(visit, gate, wish.id, wish.name, wish.meta)
        if not wish.request_state:
            self._asking.ask(asked, tool, args, key, wish.meta.reason)
        elif not self._asking.go_on(asked, tool, args, wish.request_state, wish.input_responses):
            refuse(visit, wish.id, NO_STATE)

    def _ask_permit(self, wish: Call, visit: Visit, gate: Gate) -> None:
        """A client asks whether it may use a tool of its own. The same use is the same question;
        what is alike is not, for it would be done again."""
        try:
            question = question_of(wish.arguments)
        except ValueError as error:
            refuse(visit, wish.id, f"Invalid params: {error}")
            return
        asked = self._asking.asked(visit, gate, wish.id, PERMIT, wish.meta)
        join_s = self._asking.join_window_s if question.joins else 0.0
        why = wish.meta.reason
        request = ToolRequest(tool=question.tool, args=question.args, join_s=join_s, why=why)
        self._calls.ask(asked, request)

    def _look(self, wish: Call, visit: Visit, gate: Gate) -> None:
        try:
            rid = msgspec.json.decode(wish.arguments, type=Look).request_id
        except UNREADABLE as error:
            refuse(visit, wish.id, f"Invalid params: {error}")
            return
        asked = self._asking.asked(visit, gate, wish.id, GATE_RESULT, wish.meta)
        self._calls.look(asked, rid)

    def _answered(self, wish: Answered, visit: Visit) -> None:
        questions, name = self._calls.questions, str(wish.id)
        if wish.result is not None and is_answer(wish.result):
            questions.answer(visit.who.name, name, wish.result)
        else:
            questions.refuse(visit.who.name, name, describe_refusal(wish.error))
