"""The tasks of MCP clients: views of requests that somebody asks about now and then.

What a task is, its id says; so nothing needs to be kept. What is kept for a while is who listens to
the request, for questions of its tool to reach the client, and for the next look to cost nothing.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import anyio
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.answering import Ending, ToolAnswers
from agentgate_proto.faces.mcp.questions import (
    QUESTION_S,
    QUESTIONS_OPEN_MAX,
    answers_in,
    named,
    need,
)
from agentgate_proto.faces.mcp.replies import Code, failure, success
from agentgate_proto.faces.mcp.seals import TaskSeal, seal, unseal
from agentgate_proto.faces.mcp.tasks import Task
from agentgate_proto.principal import Principal
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.results import CancelStatus, ToolRow
from agentgate_server.faces.call_desk import CallDesk, FaceCall, Told
from agentgate_server.faces.mcp_asked import Asked
from agentgate_server.faces.mcp_carriers import Carrier
from agentgate_server.faces.mcp_catalogue import can_be_stopped
from agentgate_server.faces.mcp_clock import Clock
from agentgate_server.faces.mcp_questions import Questions
from agentgate_server.tools.dialogue import NotAnswered

IDLE_S: Final = 60.0
"""For how long nobody may ask about a task that is listened to: clients ask every few seconds."""

NEWS_S: Final = 2.0
"""How long a look waits to hear how the request is; then it is said to be under way."""

TASKS_MAX: Final = 64
"""Tasks of one principal that are listened to. Of more, the one that was not asked about for the
longest time is not: it is found again, but its tool can ask nothing meanwhile."""

RESULTS_BYTES_MAX: Final = 4_194_304
"""Of the results of one principal's tasks that are listened to. Of more, those are listened to no
longer that were not asked about for the longest time: the store has them."""

UNKNOWN: Final = "no such task"

Row = Callable[[Principal, str], ToolRow | None]
"""Returns what is known of a tool under its published name."""


class WaitingAnswer(NamedTuple):
    """Who wants to know how a task is.

    Attributes:
        until: when it is answered whatever is known, on anyio's clock.
        answer: answers by what is known.
        fail: answers that nobody can say.
    """

    until: float
    answer: Callable[[], None]
    fail: Callable[[], None]


class TaskView:
    """One task that is listened to. ``weight``: bytes of its result."""

    def __init__(
        self, tasks: Tasks, who: Principal, task_id: str, content: TaskSeal, version: str
    ) -> None:
        self.who = who
        self.task_id = task_id
        self.call: FaceCall
        self.armed_at = math.inf
        self.seen_at = anyio.current_time()
        self.can: frozenset[str] = frozenset()
        self.weight = 0
        self._tasks = tasks
        row = tasks.row(who, content.tool)
        self.stops = can_be_stopped(row)
        answers = ToolAnswers(0, version, content.tool, row)
        self.task = Task(task_id, content.created_at, answers, tasks.utc())
        self._waiting: list[WaitingAnswer] = []
        self._withdraws = False

    # The clock

    def next_deadline(self) -> float | None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        if not self._tasks.has(self):
            return None
        return self._waiting[0].until if self._waiting else self.seen_at + IDLE_S

    def handle_timer(self, now: float) -> None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        if self._waiting:
            self._tell()
        elif self.seen_at + IDLE_S <= now:
            self._tasks.drop(self)

    def timer_failed(self) -> None:
        """See :class:`~agentgate_server.faces.mcp_clock.Timed`."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.fail()
        self._tasks.drop(self)

    # What becomes of the request

    def taken(self) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.task.taken()
        self._news()

    def waiting(self, record: Record) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.task.waiting(record)
        self._news()

    def settled(self, outcome: Outcome, told: Told) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.task.settled(outcome, Ending(told.rid, told.joined_at, told.tool), self._tasks.utc())
        self.weight = memoryview(outcome.data).nbytes
        self._withdraws = False
        self._tell()
        self._tasks.make_room(self)

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""
        self.task.refused(code, message)
        self._tasks.drop(self)  # who asks again looks anew

    def withdrawn(self, status: CancelStatus) -> None:
        """See :class:`~agentgate_server.faces.call_desk.CallListener`."""

    # What the tool wants of the client

    async def ask(
        self, method: str, params: msgspec.Raw, timeout_s: float, key: str = ""
    ) -> msgspec.Raw:
        """See :class:`~agentgate_server.tools.dialogue.Asker`."""
        if need(method, params) not in self.can or len(self.task.asked) >= QUESTIONS_OPEN_MAX:
            raise NotAnswered("the client can't be asked that")
        questions = self._tasks.questions
        question = questions.put(self.who.name, method, params, key)
        self.task.asks(question, self._tasks.utc())
        try:
            return await questions.wait(question.name, min(timeout_s, QUESTION_S))
        finally:
            self.task.answered(question.name, self._tasks.utc())

    def tell(self, method: str, params: msgspec.Raw) -> None:
        """See :class:`~agentgate_server.tools.dialogue.Asker`: a task tells of nothing."""

    # What the client wants

    def when_known(self, answer: Callable[[], None], fail: Callable[[], None]) -> None:
        """Answer when something is known of the request, or after a moment; or ``fail``."""
        if self.task.known:
            answer()
        else:
            until = anyio.current_time() + NEWS_S
            self._waiting.append(WaitingAnswer(until, answer, fail))
            self._tasks.clock.rearm(self)

    def withdraw(self) -> None:
        """The client wants it no more."""
        if self.task.known:
            self._withdraw()
        else:
            self._withdraws = True

    def _withdraw(self) -> None:
        """What runs is stopped only if that does no harm; else its outcome is kept."""
        self._withdraws = False
        if not self.task.over and (self.stops or self.call.phase is not Phase.RUNNING):
            self.call.withdraw()

    def left(self) -> None:
        """Nobody listens any more: answer who waits by what is known."""
        self._tell()

    def _news(self) -> None:
        self._tell()
        if self._withdraws:
            self._withdraw()

    def _tell(self) -> None:
        while self._waiting:  # one that fails is left for the clock
            self._waiting[0].answer()
            del self._waiting[0]
        self._tasks.clock.rearm(self)


class Tasks:
    """All that are listened to. See the module.

    Args:
        desk: where the requests are.
        clock: looks after deadlines.
        questions: what clients were asked.
        row: knows the tools.
        utc: the time, in UTC seconds.
    """

    def __init__(
        self,
        desk: CallDesk,
        clock: Clock,
        questions: Questions,
        row: Row,
        utc: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self.questions = questions
        self.row = row
        self.utc = utc
        self._desk = desk
        self._views: defaultdict[str, OrderedDict[str, TaskView]] = defaultdict(OrderedDict)

    def make(self, asked: Asked, call: FaceCall, record: Record | None) -> bytes:
        """See :class:`~agentgate_server.faces.mcp_asked.TaskMaker`."""
        now = self.utc()
        content = TaskSeal(call.number, call.digest, asked.tool, now)
        view = self._listen(
            asked.who, seal(self._desk.seal, asked.who.name, content), content, asked.version
        )
        view.can = asked.terms.can
        if record is not None:
            view.task.waiting(record)
        call.leave()
        return view.task.made(now)

    def get(
        self,
        who: Principal,
        request_id: RequestId,
        task_id: str,
        version: str,
        can: frozenset[str],
        carrier: Carrier,
    ) -> None:
        """Say how a task is; ``can``: what its client may be asked from now on."""
        view = self._find(who, task_id, version)
        if view is None:
            refuse(request_id, carrier)
            return
        view.can = can
        if view.call.phase is not None:
            view.task.taken()

        def answer() -> None:
            if view.task.missing:
                refuse(request_id, carrier)
                return
            message = success(request_id, view.task.shown(view.call.phase, self.utc()))
            carrier.answer(message, view.call if view.task.over else None)
            if view.task.over:
                self._forget(view)

        def fail() -> None:
            text = "The gateway has a fault, and can't say how this task is; it goes on"
            carrier.answer(failure(request_id, Code.INTERNAL_ERROR, text), status=500)

        view.when_known(answer, fail)

    def update(
        self,
        who: Principal,
        request_id: RequestId,
        task_id: str,
        answers: Mapping[str, msgspec.Raw],
        carrier: Carrier,
    ) -> None:
        """Take answers to what a task has asked; those to nothing are ignored."""
        if self._content(who, task_id) is None:
            refuse(request_id, carrier)
            return
        view = self._views[who.name].get(task_id)
        if view is not None:
            for name, answer in named(view.task.asked, answers_in(answers)).items():
                self.questions.answer(who.name, name, answer)
        carrier.answer(success(request_id, DONE))

    def cancel(
        self, who: Principal, request_id: RequestId, task_id: str, version: str, carrier: Carrier
    ) -> None:
        """Withdraw a task, if that is still possible; nobody waits for what comes of it."""
        view = self._find(who, task_id, version)
        if view is None:
            refuse(request_id, carrier)
            return
        if view.call.phase is not None:
            view.task.taken()
        view.withdraw()
        carrier.answer(success(request_id, DONE))

    def has(self, view: TaskView) -> bool:
        """Whether a task is listened to."""
        return self._views[view.who.name].get(view.task_id) is view

    def drop(self, view: TaskView) -> None:
        """Listen no more."""
        if self.has(view):
            self._forget(view)
            view.call.leave()
            view.left()

    def make_room(self, view: TaskView) -> None:
        """A task has a result: those of others may be too much beside it."""
        others = [each for each in self._views[view.who.name].values() if each is not view]
        size = view.weight + sum(each.weight for each in others)
        for each in others:
            if size > RESULTS_BYTES_MAX and each.weight:
                size -= each.weight
                self.drop(each)

    def _content(self, who: Principal, task_id: str) -> TaskSeal | None:
        return unseal(self._desk.seal, who.name, task_id, TaskSeal, self.utc())

    def _find(self, who: Principal, task_id: str, version: str) -> TaskView | None:
        content = self._content(who, task_id)
        if content is None:
            return None
        views = self._views[who.name]
        view = views.get(task_id)
        if view is None:
            view = self._listen(who, task_id, content, version)
        views.move_to_end(task_id)
        view.seen_at = anyio.current_time()
        return view

    def _listen(self, who: Principal, task_id: str, content: TaskSeal, version: str) -> TaskView:
        views = self._views[who.name]
        if len(views) >= TASKS_MAX:
            self.drop(next(iter(views.values())))
        view = views[task_id] = TaskView(self, who, task_id, content, version)
        view.call = self._desk.find(who, content.number, content.digest, view, view)
        self.clock.rearm(view)
        return view

    def _forget(self, view: TaskView) -> None:
        if self.has(view):
            del self._views[view.who.name][view.task_id]


DONE: Final = b'{"resultType":"complete"}'


def refuse(request_id: RequestId, carrier: Carrier) -> None:
    """There is no such task of this principal: whose it may be is not said."""
    carrier.answer(failure(request_id, Code.INVALID_PARAMS, UNKNOWN), status=404)
