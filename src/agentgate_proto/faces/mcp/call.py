"""The life of one call of an MCP client, from the request to its answer, whatever carries it.

Theory of operation. A call is asked for elsewhere (``CallDesk``), and what becomes of it is brought
here: it was taken, a person is asked, it is over. This machine decides how its client hears of it:

* What is over at once is answered at once, with one response. Nothing was begun for it.
* A client that knows tasks gets one when a person is asked.
* Else a stream is begun when a person is asked, when the call takes more than a second, or when
  there is something to tell. It says that it is alive; who gave a token hears of progress.
* No client is held longer than it bears (``holds``): then it is told that the request waits or
  runs, and how to ask for the outcome. The call goes on.
* Who hangs up has different wishes by era. A legacy client comes back to its stream, so the call is
  left alone. For a modern one it means that the call is not wanted; a dead network looks the same,
  so what waits for a person is withdrawn only after a grace, and not if somebody asks for the same
  again. What a person has said yes to goes on in either case.

Effects are queued in order, for an adapter to do: drain ``next_effect`` after every verb. A machine
that is ``over`` has nothing further to say, and ignores what comes.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Final

import msgspec

from agentgate_proto.connection.timers import Timers
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.answering import Answers, Ending
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
    Terms,
    Withdraw,
)
from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.holds import is_timeout
from agentgate_proto.faces.mcp.levels import reaches
from agentgate_proto.faces.mcp.progress import Pace, Progress
from agentgate_proto.faces.mcp.questions import QUESTIONS_OPEN_MAX, Question, need
from agentgate_proto.faces.mcp.replies import notification, question
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Phase, Record, rfc3339
from agentgate_proto.rpc.results import CancelStatus

STREAM_AFTER_S: Final = 1.0
"""A call that is not over by then is answered by a stream, which can say that it is alive."""

BEAT_S: Final = 10.0
"""From one progress of our own to the next: clients with a time-out of 60 s, or a proxy of 30 s,
hear of it in time even if one is lost."""

GATHER_S: Final = 0.05
"""How long a question waits for others: a modern client gets them together, for it is asked by the
answer to its call."""

GRACE_S: Final = 15.0
"""How long a client may be gone that has not said that it wants the call no more."""

ANSWERING_S: Final = 10.0
"""By so much the end of a hold is put off while the client answers a question."""

PROGRESS: Final = "notifications/progress"
MESSAGE: Final = "notifications/message"


class State(Enum):
    """Where a call is in its life, as its client sees it."""

    OPEN = auto()
    """The client waits."""
    GONE = auto()
    """It hung up, and may come again."""
    WITHDRAWN = auto()
    """It wants the call no more; what came of that is not known yet."""
    OVER = auto()


class Timer(Enum):
    """Why a call wants to be woken."""

    STREAM = auto()
    BEAT = auto()
    HOLD = auto()
    GATHER = auto()
    GRACE = auto()


class McpCall:
    """See the module.

    Args:
        terms: what the client wants.
        answers: makes its response.
        now: monotonic seconds; each later ``now`` is on the same clock.
    """

    def __init__(self, terms: Terms, answers: Answers, now: float) -> None:
        self.terms = terms
        self.state = State.OPEN
        self._answers = answers
        self._began_at = now
        self._record: Record | None = None
        self._streaming = False
        self._is_there = True
        self._open: dict[str, Question] = {}
        self._pace = Pace()
        self._progress = None if terms.token is None else Progress(terms.token)
        self._effects: deque[Effect] = deque()
        self._timers: Timers[Timer] = Timers()
        self._timers.set(Timer.HOLD, now + terms.hold_s)
        if terms.resumed:
            self._begin(now)
        elif terms.streams:
            self._timers.set(Timer.STREAM, now + STREAM_AFTER_S)

    @property
    def over(self) -> bool:
        """Whether there is nothing further to expect of it."""
        return self.state is State.OVER

    @property
    def gone(self) -> bool:
        """Whether its client hung up, and may come again."""
        return self.state is State.GONE

    @property
    def waits(self) -> bool:
        """Whether its client is there, and has no answer."""
        return self._is_there and self.state in (State.OPEN, State.WITHDRAWN)

    def next_effect(self) -> Effect | None:
        """Return the next thing to do, or None."""
        return self._effects.popleft() if self._effects else None

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        deadline = self._timers.next_deadline()
        return None if deadline is None else deadline.at

    def handle_timer(self, now: float, standing: Standing) -> None:
        """Do what is due (``now``: monotonic seconds)."""
        while (timer := self._timers.pop_due(now)) is not None:
            match timer:
                case Timer.STREAM:
                    self._begin(now)
                case Timer.BEAT:
                    self._beat(now, standing)
                case Timer.GATHER:
                    self._ask_client()
                case Timer.HOLD:
                    self._let_go(now, standing)
                case _:
                    assert timer is Timer.GRACE, "there is no other"
                    self._end_of_grace(standing)

    # What becomes of the call

    def waiting(self, record: Record, now: float) -> None:
        """A person is asked."""
        if self.state is not State.OPEN:
            return
        self._record = record
        if self.terms.tasks:
            self._effects.append(MakeTask(record))
            self._end()
        elif self.terms.streams:
            self._begin(now)
            self._tell_progress(Phase.WAITING)

    def settled(self, outcome: Outcome, ending: Ending) -> None:
        """The call is over."""
        if self.state is State.OPEN:
            self._answer(self._answers.outcome(outcome, ending), settles=True)
            self._end()
        elif self.state is State.GONE:
            self._leave()
        elif self.state is State.WITHDRAWN:
            self._settled_after_withdrawal(outcome, ending)

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> None:
        """The call was not taken, or is not to be found."""
        if self.state is State.OVER:
            return
        self._answer(self._answers.refused(code, message, retry_after_s))
        self._end()

    def withdrawn(self, status: CancelStatus) -> None:
        """What came of :class:`Withdraw`. That it is cancelled, its outcome says."""
        if self.state is State.WITHDRAWN and status is not CancelStatus.CANCELLED:
            self._answer(self._answers.withdrawn(status))
            self._leave()

    # What the tool says meanwhile

    def told(self, method: str, params: msgspec.Raw, now: float) -> None:
        """The tool has something to say that wants no answer."""
        if self.state is not State.OPEN or not self.terms.streams:
            return
        message: bytes | None = None
        if method == PROGRESS and self._progress is not None and self._pace.takes(now):
            message = self._progress.of_tool(params)
        elif method == MESSAGE and reaches(params, self.terms.hears) and self._pace.takes(now):
            message = notification(method, bytes(params))
        if message is not None:
            self._begin(now)
            self._effects.append(Send(message))

    def asks(self, asked: Question, now: float) -> None:
        """The tool wants to know something of the client. :class:`GiveUp` may follow at once."""
        if asked.name in self._open:
            return
        if self.state is not State.OPEN or not self.terms.streams:
            self._give_up(asked.name, "the client is not there")
        elif need(asked.method, asked.params) not in self.terms.can:
            self._give_up(asked.name, "the client can't be asked that")
        elif len(self._open) >= QUESTIONS_OPEN_MAX:
            self._give_up(asked.name, "the client is asked too much already")
        elif self.terms.era is Era.MODERN:
            self._open[asked.name] = asked
            if len(self._open) == 1:
                self._timers.set(Timer.GATHER, now + GATHER_S)
        else:
            self._open[asked.name] = asked
            self._begin(now)
            self._effects.append(Send(question(asked.name, asked.method, bytes(asked.params))))

    def answered(self, name: str) -> None:
        """A question is over, one way or another."""
        self._open.pop(name, None)
        if not self._open:
            self._timers.cancel(Timer.GATHER)

    # What the client does

    def peer_gone(self, now: float) -> None:
        """The client hung up before it was answered."""
        self._is_there = False
        if self.state is not State.OPEN:
            return
        self._give_up_all()
        if self.terms.era is Era.LEGACY:  # it may come back to its stream, so it is no time-out
            self._leave()
            return
        self._effects.append(HungUp(now - self._began_at))
        if not self.terms.owns:
            self._leave()
            return
        self.state = State.GONE
        self._timers.clear()
        self._timers.set(Timer.GRACE, now + GRACE_S)

    def cancelled(self, reason: str, now: float, standing: Standing) -> None:
        """The client wants the call no more, and perhaps says why."""
        if self.state not in (State.OPEN, State.GONE):
            return
        if self._is_there and is_timeout(reason):
            self._effects.append(HungUp(now - self._began_at))
        if self.terms.owns and (standing.phase is not Phase.RUNNING or self.terms.stops):
            self._withdraw()
            return
        self._answer(self._answers.withdrawn(CancelStatus.TOO_LATE))
        self._leave()

    def let_go(self, now: float, standing: Standing) -> None:
        """The gateway is about to end: answer who can't come back to their stream."""
        if self.state is State.OPEN and self.terms.era is Era.MODERN:
            self._give_up_all()
            self._let_go(now, standing)

    def give_up(self) -> None:
        """The gateway can't go on with it, by a fault of its own; the request goes on.

        Whoever ``waits`` then must be told by other means: what was to be done may be the fault.
        """
        if self.state is not State.OVER:
            self._effects.clear()
            self._leave()

    def asked_again(self) -> None:
        """The same principal has asked for the same: whoever hung up wants it after all."""
        if self.state is State.GONE:
            self._leave()

    # The shared work

    def _answer(self, message: bytes, *, settles: bool = False) -> None:
        if self._is_there:
            self._effects.append(Answer(message, settles))

    def _settled_after_withdrawal(self, outcome: Outcome, ending: Ending) -> None:
        """Whoever cancels listens no more, so an outcome that is another one is kept."""
        self._answer(self._answers.outcome(outcome, ending))
        if outcome.status is Status.CANCELLED:
            self._effects.append(Received())
            self._end()
        else:
            self._leave()

    def _withdraw(self) -> None:
        self._give_up_all()
        self._timers.clear()
        self.state = State.WITHDRAWN
        self._effects.append(Withdraw())

    def _begin(self, now: float) -> None:
        if self._streaming:
            return
        self._streaming = True
        self._timers.cancel(Timer.STREAM)
        self._effects.append(Begin(primed=self.terms.era is Era.LEGACY))
        if self._progress is not None:
            self._timers.set(Timer.BEAT, now + BEAT_S)

    def _beat(self, now: float, standing: Standing) -> None:
        self._tell_progress(standing.phase)
        self._timers.set(Timer.BEAT, now + BEAT_S)

    def _tell_progress(self, phase: Phase | None) -> None:
        if self._progress is None:
            return
        if phase is Phase.WAITING and self._record is not None:
            until = rfc3339(self._record.expires_at)
            text = f"waiting for a person until {until} (request {self._record.rid})"
        else:
            text = "running"
        self._effects.append(Send(self._progress.ours(text)))

    def _ask_client(self) -> None:
        questions = tuple(self._open.values())
        self._open.clear()
        self._effects.append(AskClient(questions))
        self._leave()

    def _let_go(self, now: float, standing: Standing) -> None:
        """The client must not be held any longer."""
        if self._open:
            self._timers.set(Timer.HOLD, now + ANSWERING_S)
            return
        if self.terms.tasks and standing.rid:
            self._effects.append(MakeTask(self._record))
            self._end()
            return
        held_s = now - self._began_at
        if self._record is not None and standing.phase is Phase.WAITING:
            self._answer(self._answers.pending(self._record, held_s))
        else:
            self._answer(self._answers.running(standing.rid, held_s))
        self._leave()

    def _end_of_grace(self, standing: Standing) -> None:
        if standing.phase is Phase.WAITING:
            self._withdraw()
        else:
            self._leave()

    def _give_up(self, name: str, why: str) -> None:
        self._effects.append(GiveUp(name, why))

    def _give_up_all(self) -> None:
        for name in self._open:
            self._give_up(name, "the client is gone")
        self._open.clear()

    def _leave(self) -> None:
        self._effects.append(Leave())
        self._end()

    def _end(self) -> None:
        self._give_up_all()
        self._timers.clear()
        self.state = State.OVER
