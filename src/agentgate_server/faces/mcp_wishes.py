"""Doing what MCP clients want: lists, calls, tasks, streams."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import anyio
import msgspec

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.faces.mcp import lists
from agentgate_proto.faces.mcp.answering import (
    Answers,
    LookAnswers,
    PermitAnswers,
    ToolAnswers,
    UnlistedAnswers,
)
from agentgate_proto.faces.mcp.call_effects import Terms
from agentgate_proto.faces.mcp.dispatch import Gate
from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.http import SESSION_HEADER
from agentgate_proto.faces.mcp.messages import NO_META, Meta
from agentgate_proto.faces.mcp.names import GATE_RESULT, PERMIT, RESERVED
from agentgate_proto.faces.mcp.parameters import mismatch
from agentgate_proto.faces.mcp.permit import question_of
from agentgate_proto.faces.mcp.questions import answers_in, describe_refusal, is_answer
from agentgate_proto.faces.mcp.replies import Code, failure, success
from agentgate_proto.faces.mcp.seals import EventSeal, StateSeal, unseal
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
    UpdateTask,
    Wish,
)
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.jsonrpc import UNREADABLE, RequestId
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.faces.mcp_asked import Asked
from agentgate_server.faces.mcp_calls import McpCalls
from agentgate_server.faces.mcp_catalogue import Catalogues
from agentgate_server.faces.mcp_notices import Notices
from agentgate_server.faces.mcp_sessions import Sessions
from agentgate_server.faces.mcp_tasks import Tasks
from agentgate_server.faces.mcp_visits import Visit, token_in

NO_STATE: Final = "requestState is none of this call, or was used: call again without it"


class Look(msgspec.Struct, frozen=True):
    """The arguments of ``gate_result``."""

    request_id: str


class Wishes:
    """See the module.

    Args:
        catalogues, calls, tasks, notices, sessions: the parts of the face.
        join_window_s: how long a call can be joined by the same after its end.
        permit: whether clients may ask here for the use of their own tools.
        utc: the time, in UTC seconds.
    """

    def __init__(
        self,
        catalogues: Catalogues,
        calls: McpCalls,
        tasks: Tasks,
        notices: Notices,
        sessions: Sessions,
        *,
        join_window_s: float,
        permit: bool,
        utc: Callable[[], float] = time.time,
    ) -> None:
        self._catalogues = catalogues
        self._calls = calls
        self._tasks = tasks
        self._notices = notices
        self._sessions = sessions
        self._join_window_s = join_window_s
        self._permit = permit
        self._utc = utc

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
            case _:
                assert isinstance(wish, Nothing | RootsChanged), "there is nothing else here"

    def resume(self, event_id: str, visit: Visit, gate: Gate) -> bool:
        """A client comes back to the stream of a call; return whether there is such a stream."""
        place = unseal(self._calls.desk.seal, visit.who.name, event_id, EventSeal, self._utc())
        if place is None:
            return False
        asked = self._asked(
            visit,
            gate,
            request_id=place.request_id,
            tool=place.tool,
            meta=NO_META if place.token is None else Meta(progress_token=place.token),
            resumed=True,
        )
        self._calls.find(asked, place.number, place.digest)
        return True

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
            self._refuse(request_id, str(error), visit)
        else:
            visit.carrier.answer(body)

    def _listen(self, wish: ListenFor, visit: Visit) -> None:
        is_open = self._notices.open(
            visit.peer, visit.who, visit.token_hash, wish.wanted, request_id=wish.id
        )
        if not is_open:
            text = "too many streams at once: close others first"
            visit.carrier.answer(failure(wish.id, Code.BUSY, text), status=429)

    def _task(self, wish: GetTask | UpdateTask | CancelTask, visit: Visit) -> None:
        look = visit.who, wish.id, wish.task_id
        match wish:
            case GetTask():
                self._tasks.get(*look, visit.version, visit.carrier)
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
            self._refuse(wish.id, f"Unknown tool: {wish.name}", visit)
            return
        if row is not None and visit.era is Era.MODERN:
            wrong = mismatch(row.args, bytes(wish.arguments), visit.headers)
            if wrong is not None:
                visit.carrier.answer(failure(wish.id, Code.HEADER_MISMATCH, wrong), status=400)
                return
        try:
            raw, key = wish.arguments, ""
            if row is not None:
                raw, key = take_key(row, raw, self._join_window_s)
            args = msgspec.json.decode(raw, type=dict[str, Any])
        except UNREADABLE as error:
            self._refuse(wish.id, f"Invalid params: {error}", visit)
            return
        tool = wish.name if row is None else row.name
        asked = self._asked(visit, gate, request_id=wish.id, tool=wish.name, meta=wish.meta)
        if wish.request_state:
            self._go_on(wish, tool, args, asked, visit)
        else:
            self._calls.ask(asked, self._request(tool, args, key))

    def _request(self, tool: str, args: dict[str, Any], key: str) -> ToolRequest:
        """The request, and when it is the same as another one: by the key of the client's model,
        which then alone counts, else by its content. A client's own id of the call says nothing: a
        model that asks again gets another one from its client."""
        if key:
            return ToolRequest(tool=tool, args=args, idempotency_key=key)
        return ToolRequest(tool=tool, args=args, join_s=self._join_window_s)

    def _go_on(
        self, wish: Call, tool: str, args: dict[str, Any], asked: Asked, visit: Visit
    ) -> None:
        """The client was asked something and calls again."""
        key, name = self._calls.desk.seal, visit.who.name
        state = unseal(key, name, wish.request_state, StateSeal, self._utc())
        digest = digest_of(tool, canonical_args(args))
        if state is None or state.digest != digest or not self._calls.questions.use(state.nonce):
            self._refuse(wish.id, NO_STATE, visit)
        else:
            self._calls.go_on(asked, state, answers_in(wish.input_responses))

    def _ask_permit(self, wish: Call, visit: Visit, gate: Gate) -> None:
        """A client asks whether it may use a tool of its own. The same use is the same question;
        what is alike is not, for it would be done again."""
        try:
            question = question_of(wish.arguments)
        except ValueError as error:
            self._refuse(wish.id, f"Invalid params: {error}", visit)
            return
        asked = self._asked(visit, gate, request_id=wish.id, tool=PERMIT, meta=wish.meta)
        join_s = self._join_window_s if question.joins else 0.0
        request = ToolRequest(tool=question.tool, args=question.args, join_s=join_s)
        self._calls.ask(asked, request)

    def _look(self, wish: Call, visit: Visit, gate: Gate) -> None:
        try:
            rid = msgspec.json.decode(wish.arguments, type=Look).request_id
        except UNREADABLE as error:
            self._refuse(wish.id, f"Invalid params: {error}", visit)
            return
        asked = self._asked(visit, gate, request_id=wish.id, tool=GATE_RESULT, meta=wish.meta)
        self._calls.look(asked, rid)

    def _answered(self, wish: Answered, visit: Visit) -> None:
        questions, name = self._calls.questions, str(wish.id)
        if wish.result is not None and is_answer(wish.result):
            questions.answer(visit.who.name, name, wish.result)
        else:
            questions.refuse(visit.who.name, name, describe_refusal(wish.error))

    def _asked(
        self,
        visit: Visit,
        gate: Gate,
        *,
        request_id: RequestId,
        tool: str,
        meta: Meta,
        resumed: bool = False,
    ) -> Asked:
        catalogue = self._catalogues.of(visit.who)
        owns = tool != GATE_RESULT
        row = catalogue.row(tool)
        answers: Answers
        if tool == PERMIT:
            answers = PermitAnswers(request_id, visit.version)
        elif row is not None:
            answers = ToolAnswers(request_id, visit.version, tool, row)
        elif owns:
            answers = UnlistedAnswers(request_id, visit.version, tool, None)
        else:
            answers = LookAnswers(request_id, visit.version, tool, catalogue.named)
        token = token_in(meta)
        terms = Terms(
            era=visit.era,
            token=token,
            streams=visit.carrier.streams,
            tasks=tool not in RESERVED and visit.knows_tasks(meta),
            can=visit.can(meta),
            hold_s=self._calls.holds.hold_s(
                visit.who.name, progress=token is not None, now=anyio.current_time()
            ),
            hears=visit.hears(meta) if gate.logging else "",
            resumed=resumed,
            owns=owns,
            stops=row is not None and (row.effects is Effects.READ or row.form == "mcp"),
        )
        return Asked(
            who=visit.who,
            token_hash=visit.token_hash,
            request_id=request_id,
            session=visit.session_key,
            version=visit.version,
            tool=tool,
            terms=terms,
            answers=answers,
            carrier=visit.carrier,
            connection=visit.peer.number,
        )

    def _refuse(self, request_id: RequestId, text: str, visit: Visit) -> None:
        message = failure(request_id, Code.INVALID_PARAMS, text)
        visit.carrier.answer(message, status=visit.bad)
