"""How runs end, whatever their end is, and what a restart does about one that was under way.

Each end closes every open tool call in the same write that ends the run (I12). A call whose tool
has not started is withdrawn first, so that what the log says of it is true; one whose tool may run
is closed as unknown, and what becomes of it is logged later. A run that a dead process has left is
closed in the same way, by what the gate knows of its calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec.structs import replace

from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.rpc.session_methods import RunCancelled, StillRunning
from agentgate_proto.sessions.book import Book
from agentgate_proto.sessions.effects import (
    AckTool,
    AskTool,
    CallModel,
    CancelTool,
    CloseTools,
    Done,
    Effect,
    Grew,
    OpenTools,
    StopModel,
)
from agentgate_proto.sessions.history import NOT_RUN
from agentgate_proto.sessions.recording import CUT, log_closed, log_outcome, log_reply
from agentgate_proto.sessions.run import OpenTool, Phase, Run
from agentgate_proto.sessions.runs import EXCEED_BUDGET, Runs
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.spending import settle

WITHDRAWN = "it was not run: the run had ended"
MAY_HAVE_RUN = "the run ended while the tool ran"


class Endings:
    """See the module.

    Args:
        effects: the output queue of the sessions.
        book: the sessions, and their writes.
        runs: the steps of runs.

    Attributes:
        begin_next: lets the run of a message begin that waits; ``queue`` puts it here.
    """

    def __init__(self, effects: deque[Effect], book: Book, runs: Runs) -> None:
        self._effects = effects
        self._book = book
        self._runs = runs
        self.begin_next: Callable[[Session, float], None]
        runs.end = self.end

    def end(self, session: Session, status: RunStatus, reason: str, now: float) -> None:
        """End the run of a session; a run that is ending already ends as it does."""
        run = session.run
        assert run is not None, "a run ends"
        if run.phase is Phase.CLOSING:
            return
        run.why = run.why or (status, reason)
        if run.phase is Phase.CLAIMING:  # its message is being written; it ends right after that
            return
        self._end_attempt(session, run, status, now)
        run.phase = Phase.CLOSING
        for call, tool in list(run.tools.items()):
            if session.take_back(AskTool, call):
                self._close(session, run, call, NOT_RUN, WITHDRAWN, now)
            else:
                tool.withdrawn = True
                self._effects.append(CancelTool(session.id, call))
        self._finish_if_closed(session, run, now)

    def cancel(self, session: Session, ticket: Any, now: float) -> None:
        """Somebody wants the run to end; they are told when it has."""
        run = session.run
        assert run is not None, "there is a run"
        run.cancels.append(ticket)
        self.end(session, RunStatus.CANCELLED, "", now)

    def tool_cancelled(
        self, session: Session, run: Run, call: str, status: str, now: float
    ) -> None:
        """The gate says what came of withdrawing a tool: the status of a ``cancel_request``.

        What was withdrawn has an outcome, which follows. What runs, or is to, or waits for somebody
        else as well, may take long: nobody waits for it.
        """
        tool = run.tools.get(call)
        if tool is None or not tool.withdrawn:
            return
        if status in ("stopping", "too_late"):
            run.still[call] = tool.tool or tool.told  # after a restart only the latter is known
            session.late.add(call)
            self._close(session, run, call, Status.UNKNOWN.value, MAY_HAVE_RUN, now)
        elif status == "unknown_request":
            self._close(session, run, call, NOT_RUN, WITHDRAWN, now)
        self._finish_if_closed(session, run, now)

    def tool_ended(self, session: Session, call: str, outcome: Outcome, now: float) -> None:
        """A call has its outcome, whatever has become of its run."""
        run = session.run
        if run is None or call not in run.tools:
            self.late(session, call, outcome, now)
            return
        if run.phase is not Phase.CLOSING:
            self._runs.tool_ended(session, run, call, outcome, now)
            return
        tool = run.tools.pop(call)
        session.then.append(AckTool(session.id, call))
        if tool.told:
            log_outcome(session, run, call, tool.told, outcome, now)
        self._finish_if_closed(session, run, now)

    def late(self, session: Session, call: str, outcome: Outcome, now: float) -> None:
        """A tool has ended whose call was closed before.

        If it was closed by this very outcome, and only the gate had not heard that this is in the
        log, there is nothing to say.
        """
        run = session.run
        if session.is_dropped or (run is not None and run.phase is Phase.CLAIMING):
            session.deferred.append((call, outcome))
            return
        history = session.history
        session.late.discard(call)
        if run is not None:
            run.still.pop(call, None)
        if call in history.unsettled:
            log_outcome(session, None, call, history.unsettled[call], outcome, now)
        elif call not in history.call_ids and not call.startswith(EXCEED_BUDGET):
            log_outcome(session, None, call, call, outcome, now)  # the log has its call no more
        session.then.append(AckTool(session.id, call))
        self.close_tools(session)
        self._book.save(session, now)

    def catch_up(self, session: Session, now: float) -> None:
        """What came while nothing could be appended is appended now."""
        deferred, session.deferred = session.deferred, []
        for call, outcome in deferred:
            self.late(session, call, outcome, now)

    def close_tools(self, session: Session) -> None:
        """If no tools are asked for, and no outcome is to come, the gate may forget the session:
        when what it is still to be told of is written."""
        if session.run is not None or session.late or not session.tools_open:
            return
        if session.has_news:
            session.then.append(lambda now: self._closed(session))
        else:
            self._closed(session)

    # A restart

    def interrupted(self, session: Session, run: Run, said: str, now: float) -> None:
        """Take up a run that a former process has left; it ends when the gate has told of its
        calls.

        Args:
            session, run: which.
            said: what the model had said, and had not finished.
            now: UTC seconds.
        """
        session.run = run
        run.phase = Phase.CLOSING
        run.why = RunStatus.INTERRUPTED, "the gateway was stopped, or died"
        if said:
            log_reply(session, run, said, CUT, now)
        for call in session.history.open.values():
            run.tools[call.call] = OpenTool("", call.tool)
        session.tools_open = True
        self._effects.append(OpenTools(session.id, session.record.principal))

    def tools_open(
        self,
        session: Session,
        outcomes: Mapping[str, Outcome],
        pending: Collection[str],
        now: float,
    ) -> None:
        """The gate has said what it knows of a session's calls that we have not heard of.

        Args:
            session: whose.
            outcomes: how calls have ended, by their ids.
            pending: calls that have not.
            now: UTC seconds.
        """
        session.late.update(call for call in pending if call in session.history.unsettled)
        run = session.run
        is_over = run is not None and run.phase is Phase.CLOSING
        if run is not None and is_over:
            for call in pending:
                self._withdraw(session, run, call)
        for call, outcome in outcomes.items():
            self.tool_ended(session, call, outcome, now)
        if run is not None and is_over and session.run is run:
            for call in [call for call, tool in run.tools.items() if not tool.withdrawn]:
                self._close(session, run, call, NOT_RUN, WITHDRAWN, now)
            self._finish_if_closed(session, run, now)

    # The steps

    def _withdraw(self, session: Session, run: Run, call: str) -> None:
        """A call has no outcome, of a run that a former process has left, or of an earlier one."""
        history = session.history
        if call in history.unsettled:  # it is closed, and withdrawn already
            if history.call_ids.get(call, -1) >= run.stored.first:
                run.still[call] = history.unsettled[call]
            return
        if call in run.tools or call.startswith(EXCEED_BUDGET):
            run.tools.setdefault(call, OpenTool(call, "")).withdrawn = True
        else:  # of an earlier run: the log has forgotten that it was closed
            session.late.add(call)
        self._effects.append(CancelTool(session.id, call))

    def _end_attempt(self, session: Session, run: Run, status: RunStatus, now: float) -> None:
        """The model is not asked any more; what it has said stays, as cut off."""
        attempt = run.attempt
        if attempt is None:
            return
        taken_back = session.take_back(CallModel, attempt.call)
        if not (attempt.is_over or taken_back):
            self._effects.append(StopModel(attempt.call))
        was_sent = not taken_back and now >= attempt.starts_at
        was_taken = attempt.said > 0 or status is not RunStatus.FAILED
        settle(self._runs.budgets, session, run, now, billed=was_sent and was_taken)
        if attempt.texts:
            log_reply(session, run, "".join(attempt.texts), CUT, now)

    def _close(
        self, session: Session, run: Run, call: str, status: str, error: str, now: float
    ) -> None:
        tool = run.tools.pop(call)
        if tool.told:
            log_closed(session, run, call, tool.told, status, error, now)

    def _finish_if_closed(self, session: Session, run: Run, now: float) -> None:
        if run.phase is not Phase.CLOSING or run.tools:
            return
        assert run.why is not None, "a run that is closing has a reason"
        status, reason = run.why
        still = [StillRunning(call=call, tool=tool) for call, tool in run.still.items()]
        data = {
            "run": run.id,
            "status": status.value,
            "reason": reason,
            "iterations": run.iterations,
            "still_running": still,
            "usage": run.usage,
            "cost_micros": run.cost_micros if not run.unknown else None,
        }
        session.log.append(EventKind.RUN_ENDED, data, now)
        session.record = replace(
            session.record,
            run=None,
            last_message_id=run.stored.message_id,
            last_run=run.id,
        )
        session.run = None
        for ticket in run.cancels:
            result = RunCancelled(status="cancelled", run=run.id, still_running=still)
            session.then.append(Done(ticket, result))
        self.begin_next(session, now)
        self.close_tools(session)
        self._book.save(session, now)
        self._effects.append(Grew(session.id))

    def _closed(self, session: Session) -> None:
        if session.run is None and not session.late and session.tools_open:
            session.tools_open = False
            self._effects.append(CloseTools(session.id))
