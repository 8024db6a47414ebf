"""The calls of MCP clients that are under way: what becomes of them, and how each is answered.

What to do is decided by the machine of each call (``McpCall``); here it is done: by the call desk,
by the carrier of the client's request, by the clock. A call of which its client was told that it
waits is forgotten here: the ledger knows it, and it is found again.
"""

from __future__ import annotations

import math
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

import anyio
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.answering import Ending
from agentgate_proto.faces.mcp.call import McpCall
from agentgate_proto.faces.mcp.call_effects import (
    Answer,
    AskClient,
    Begin,
    Effect,
    GiveUp,
    HungUp,
    Leave,
    MakeTask,
    Received,
    Send,
    Standing,
    Withdraw,
)
from agentgate_proto.faces.mcp.holds import Holds
from agentgate_proto.faces.mcp.names import GATE_RESULT
from agentgate_proto.faces.mcp.questions import QUESTION_S, Question, input_required, named
from agentgate_proto.faces.mcp.replies import Code, failure, status_of, success
from agentgate_proto.faces.mcp.seals import EventSeal, StateSeal, seal
from agentgate_proto.principal import Principal
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import CancelStatus
from agentgate_server.faces.call_desk import CallDesk, FaceCall, Told
from agentgate_server.faces.mcp_asked import Asked, TaskMaker
from agentgate_server.faces.mcp_clock import Clock
from agentgate_server.faces.mcp_questions import Questions
from agentgate_server.sockets.peer import Peer

CALLS_MAX: Final = 256
"""Calls of one principal that are held at once; the next is refused. Each holds a connection, and
agents that mean it don't make so many at a time."""

NONCE_BYTES: Final = 12

FAILED_NAMELESS: Final = (
    "The gateway has a fault and can't hold this call; what it asked for goes on"
)
FAILED: Final = FAILED_NAMELESS + f", as request {{}}: {GATE_RESULT} has the outcome"


class LiveCall:
    """One call that its client waits for, or may come back to."""

    def __init__(self, calls: McpCalls, asked: Asked, now: float) -> None:
        self.asked = asked
        self.machine = McpCall(asked.terms, asked.answers, now)
        self.call: FaceCall
        self.armed_at = math.inf
        self._calls = calls
        self._is_draining = False

    # The clock

    def next_deadline(self) -> float | None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        return self.machine.next_deadline()

    def handle_timer(self, now: float) -> None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        self.machine.handle_timer(now, self.standing())
        self.drain()

    def timer_failed(self) -> None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        asked, rid = self.asked, self.call.rid
        try:
            if self.machine.waits:
                text = FAILED.format(rid) if rid else FAILED_NAMELESS
                message = failure(asked.request_id, Code.INTERNAL_ERROR, text)
                asked.carrier.answer(message, status=500)
        finally:
            self.machine.give_up()
            self.drain()

    def standing(self) -> Standing:
        """How the request stands."""
        return Standing(self.call.phase, self.call.rid)

    # What becomes of it

    def taken(self) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.ask_what_is_open()

    def waiting(self, record: Record) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.machine.waiting(record, anyio.current_time())
        self.drain()

    def settled(self, outcome: Outcome, told: Told) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.machine.settled(outcome, Ending(told.rid, told.joined_at, told.tool))
        self.drain()

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.machine.refused(code, message, retry_after_s)
        self.drain()

    def withdrawn(self, status: CancelStatus) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.machine.withdrawn(status)
        self.drain()

    # What the tool wants of the client

    @property
    def can(self) -> frozenset[str]:
        """See :class:`~agentgate_server.tools.dialogue.Asker`."""
        return self.asked.terms.can

    async def ask(
        self, method: str, params: msgspec.Raw, timeout_s: float, key: str = ""
    ) -> msgspec.Raw:
        """See :class:`~agentgate_server.tools.dialogue.Asker`."""
        questions = self._calls.questions
        question = questions.put(self.asked.who.name, method, params, key, self.call.rid)
        self.asks(question)
        try:
            return await questions.wait(question.name, min(timeout_s, QUESTION_S))
        finally:
            self.machine.answered(question.name)

    def ask_what_is_open(self) -> None:
        """Ask the client what the request's tool wants to know already: it may have been asked by
        another call, that it has left."""
        for question in self._calls.questions.open_of(self.asked.who.name, self.call.rid):
            self.asks(question)

    def asks(self, question: Question) -> None:
        """Ask the client, in the way that is its era's."""
        self.machine.asks(question, anyio.current_time())
        self.drain()

    def tell(self, method: str, params: msgspec.Raw) -> None:
        """See :class:`~agentgate_server.tools.dialogue.Asker`."""
        self.machine.told(method, params, anyio.current_time())
        self.drain()

    # Doing what is to be done

    def drain(self) -> None:
        """Do all that is to be done; what is told meanwhile adds to it."""
        if self._is_draining:
            return
        self._is_draining = True
        try:
            while (effect := self.machine.next_effect()) is not None:
                self._do(effect)
        finally:
            self._is_draining = False
        if self.machine.over:
            self._calls.forget(self)
        else:
            self._calls.clock.rearm(self)

    def _do(self, effect: Effect) -> None:
        carrier = self.asked.carrier
        match effect:
            case Begin(primed=primed):
                carrier.begin(self._calls.event_id(self) if primed and self.call.number else "")
            case Send(message):
                carrier.send(message)
            case Answer(message, settles):
                status = status_of(message, self.asked.version)
                carrier.answer(message, self.call if settles else None, status)
            case MakeTask(record):
                result = self._calls.tasks.make(self.asked, self.call, record)
                carrier.answer(success(self.asked.request_id, result))
            case AskClient(questions):
                carrier.answer(self._calls.round_of(self, questions))
            case GiveUp(name, why):
                self._calls.questions.give_up(name, why)
            case Withdraw():
                self.call.withdraw()
            case Leave():
                self.call.leave()
            case Received():
                self.call.received()
            case HungUp(held_s):
                self._calls.hung_up(self, held_s)


class McpCalls:
    """All of them. See the module.

    Args:
        desk: takes calls.
        clock: looks after deadlines.
        holds: how long clients may be held.
        utc: the time, in UTC seconds.

    Attributes:
        questions: what clients were asked.
        tasks: makes tasks; set it before anything is asked for.
    """

    def __init__(
        self,
        desk: CallDesk,
        clock: Clock,
        holds: Holds,
        utc: Callable[[], float] = time.time,
    ) -> None:
        self.desk = desk
        self.clock = clock
        self.holds = holds
        self.questions = Questions()
        self.tasks: TaskMaker
        self._utc = utc
        self._live: dict[LiveCall, None] = {}
        self._count: defaultdict[str, int] = defaultdict(int)
        self._on_connection: defaultdict[int, list[LiveCall]] = defaultdict(list)
        self._gone: defaultdict[tuple[str, str], list[LiveCall]] = defaultdict(list)
        self._by_id: dict[tuple[str, str, RequestId], LiveCall] = {}

    @property
    def count(self) -> int:
        """How many are under way."""
        return len(self._live)

    # The ways to begin one

    def ask(self, asked: Asked, request: ToolRequest) -> None:
        """Ask for a tool."""
        live = self._new(asked)
        if live is None:
            return
        live.call = self.desk.ask(asked.who, request, live, live)
        self._ask_again(live)
        live.drain()

    def find(self, asked: Asked, number: int, digest: str) -> None:
        """Go on with a call that was made before; ``number``, ``digest``: of that."""
        live = self._new(asked)
        if live is None:
            return
        live.call = self.desk.find(asked.who, number, digest, live, live)
        self._ask_again(live)
        live.drain()
        live.ask_what_is_open()

    def go_on(self, asked: Asked, state: StateSeal, answers: Mapping[str, msgspec.Raw]) -> None:
        """Go on with a call whose client was asked something, and brings answers."""
        who = asked.who.name
        put = [found for name in state.questions if (found := self.questions.find(who, name))]
        for name, answer in named(put, answers).items():
            self.questions.answer(who, name, answer)
        self.find(asked, state.number, state.digest)

    def look(self, asked: Asked, rid: str) -> None:
        """Look at a request, by its id."""
        live = self._new(asked)
        if live is not None:
            live.call = self.desk.find_rid(asked.who, rid, live)
            live.drain()

    # What clients do

    def closed(self, connection: int) -> None:
        """A connection is over."""
        now = anyio.current_time()
        for live in self._on_connection.pop(connection, ()):
            live.machine.peer_gone(now)
            if live.machine.gone:
                self._gone[live.asked.who.name, live.call.digest].append(live)
            live.drain()

    def cancel(self, who: Principal, session: str, request_id: RequestId, reason: str) -> None:
        """A client wants no answer to this request of its session."""
        live = self._by_id.get((who.name, session, request_id))
        if live is not None:  # else it was answered: clients are known that cancel nevertheless
            live.machine.cancelled(reason, anyio.current_time(), live.standing())
            live.drain()

    def end_all(self) -> None:
        """The gateway is about to end."""
        now = anyio.current_time()
        for live in list(self._live):
            live.machine.let_go(now, live.standing())
            live.drain()

    def peers_of(self, counts: Callable[[Principal, str], bool]) -> list[Peer]:
        """Return the connections of those whose token counts no more."""
        return [
            live.asked.peer
            for live in self._live
            if not counts(live.asked.who, live.asked.token_hash)
        ]

    # For live calls

    def forget(self, live: LiveCall) -> None:
        """It is answered, or left."""
        if live not in self._live:
            return
        del self._live[live]
        asked = live.asked
        self._count[asked.who.name] -= 1
        on_connection = self._on_connection.get(asked.peer.number, [])
        if live in on_connection:
            on_connection.remove(live)
            if not on_connection:
                del self._on_connection[asked.peer.number]
        key = asked.who.name, asked.session, asked.request_id
        if self._by_id.get(key) is live:
            del self._by_id[key]
        if self._gone:
            self._forget_gone(live)

    def event_id(self, live: LiveCall) -> str:
        """Return the id by which a client can come back to the stream of its call."""
        asked = live.asked
        content = EventSeal(
            live.call.number,
            live.call.digest,
            asked.request_id,
            asked.tool,
            0,
            asked.terms.token,
        )
        try:
            return seal(self.desk.seal, asked.who.name, content)
        except ValueError:
            return ""  # the client's own id is too long for that

    def round_of(self, live: LiveCall, questions: tuple[Question, ...]) -> bytes:
        """Return the response that asks a client, which is to call again with the answers."""
        asked = live.asked
        state = StateSeal(
            secrets.token_urlsafe(NONCE_BYTES),
            live.call.rid,
            live.call.number,
            live.call.digest,
            tuple(question.name for question in questions),
            int(self._utc() + QUESTION_S) + 1,
        )
        result = input_required(questions, seal(self.desk.seal, asked.who.name, state))
        return success(asked.request_id, result)

    def hung_up(self, live: LiveCall, held_s: float) -> None:
        """A client did not wait for its answer."""
        asked = live.asked
        has_token = asked.terms.token is not None
        now = anyio.current_time()
        self.holds.hung_up(asked.who.name, progress=has_token, held_s=held_s, now=now)

    def _new(self, asked: Asked) -> LiveCall | None:
        name = asked.who.name
        if self._count[name] >= CALLS_MAX:
            text = f"more than {CALLS_MAX} calls at once; wait for some of them"
            asked.carrier.answer(asked.answers.refused(ErrorCode.LIMIT_EXCEEDED, text, 1.0))
            return None
        live = LiveCall(self, asked, anyio.current_time())
        self._count[name] += 1
        self._live[live] = None
        self._on_connection[asked.peer.number].append(live)
        self._by_id[name, asked.session, asked.request_id] = live
        return live

    def _ask_again(self, live: LiveCall) -> None:
        """Whoever hung up on the same wants it after all."""
        if self._gone:
            for gone in self._gone.pop((live.asked.who.name, live.call.digest), ()):
                gone.machine.asked_again()
                gone.drain()

    def _forget_gone(self, live: LiveCall) -> None:
        key = live.asked.who.name, live.call.digest
        others = [each for each in self._gone.pop(key, ()) if each is not live]
        if others:
            self._gone[key] = others
