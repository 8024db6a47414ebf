"""Runs, step by step: model → tool calls → gate → results → model.

claiming → preparing → calling → tools → preparing → … → ending
               ↘ over budget ↗                    any of them → closing → ending

Each step writes what it has led to, and what follows waits until that is durable: a model is asked
when the money for it is reserved on disk, a tool when the call is. What ends a run, and what a
restart does about one, is in ``endings``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    Restarted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.sessions.book import Book
from agentgate_proto.sessions.budgets import Budgets, Objection, dollars
from agentgate_proto.sessions.call_ids import unused_id
from agentgate_proto.sessions.client_turns import joined_prompts, unforced, with_client
from agentgate_proto.sessions.context import assemble
from agentgate_proto.sessions.effects import (
    AckTool,
    AskTool,
    CallModel,
    Effect,
    Grew,
    OpenTools,
)
from agentgate_proto.sessions.history import NOT_RUN
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.material import Material, fits, spelled_anew
from agentgate_proto.sessions.recording import (
    log_call,
    log_closed,
    log_outcome,
    log_reply,
    note,
)
from agentgate_proto.sessions.run import Attempt, OpenTool, Phase, Run
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import Settings
from agentgate_proto.sessions.spending import reserve, settle

EXCEED_BUDGET = "exceed_budget"
"""The tool that stands for spending more than a budget has: people are asked as for any other."""

ENDINGS = {
    Stop.END: RunStatus.COMPLETED,
    Stop.TOOLS: RunStatus.COMPLETED,
    Stop.MAX_TOKENS: RunStatus.MAX_TOKENS,
    Stop.REFUSAL: RunStatus.REFUSAL,
}

End = Callable[[Session, RunStatus, str, float], None]


class Runs:
    """See the module.

    Args:
        limits: caps and times.
        effects: the output queue of the sessions.
        book: the sessions, and their writes.
        settings: what models are told first.
        budgets: what may be spent.

    Attributes:
        end: ends a run; ``endings`` puts it here.
    """

    def __init__(
        self,
        limits: SessionLimits,
        effects: deque[Effect],
        book: Book,
        settings: Settings,
        budgets: Budgets,
    ) -> None:
        self.end: End
        self.budgets = budgets
        self._limits = limits
        self._effects = effects
        self._book = book
        self._settings = settings

    # A step of the model

    def begin(self, session: Session, run: Run, now: float) -> None:
        """The message is durable; the context may be made."""
        run.phase = Phase.PREPARING
        if run.why is not None:
            self.end(session, *run.why, now)
            return
        if not session.tools_open:
            session.tools_open = True
            self._effects.append(OpenTools(session.id, session.record.principal))
        self._effects.append(session.preparing(run.model.name, run.id))

    def prepared(self, session: Session, run: Run, material: Material, now: float) -> None:
        """Ask the model, if it may be asked once more."""
        if run.iteration >= run.stored.max_iterations:
            text = f"the model was asked {run.iteration} times"
            self.end(session, RunStatus.MAX_ITERATIONS, text, now)
            return
        run.iteration += 1
        run.tries = 0
        self.ask_model(session, run, material, now)

    def ask_model(
        self, session: Session, run: Run, material: Material, now: float, after_s: float = 0.0
    ) -> None:
        """Make the context and reserve the money; the model is asked when that is durable, and so
        many seconds have passed. There may be too much of its principal's for that."""
        if full := self._book.objection_to(session, 0):
            self.end(session, RunStatus.FAILED, full, now)
            return
        prompt, params = self._settings.prompt_of(session.record), run.params
        if run.turn is not None:
            material, prompt = with_client(material, run.turn), joined_prompts(prompt, run.turn)
            params = params if run.iteration == 1 else unforced(params)
        run.names = dict(material.names)
        context = assemble(
            session.history,
            material,
            run.model,
            system_prompt=prompt,
            max_tokens=run.max_tokens,
            params=params,
        )
        run.tries += 1
        row = reserve(self.budgets, session, run, context, now)
        if isinstance(row, Objection):
            self._over_budget(session, run, row, now)
            return
        run.phase = Phase.CALLING
        after_s = max(after_s, run.pause_s(self._limits.asks_per_minute, now))
        started = {
            "run": run.id,
            "iteration": run.iteration,
            "attempt": run.tries,
            "model_id": run.model.model_id,
        }
        first = session.log.append(EventKind.MODEL_STARTED, started, now)
        run.attempt = Attempt(row.id, row, context.tokens, first, now + after_s)
        run.step = first
        if run.tries == 1:
            for name in context.encoded.dropped:
                text = f"{run.model.name} does not take the parameter {name}: it was left out"
                note(session, run, text, now)
        session.last_body = context.encoded.body
        session.then.append(
            CallModel(
                call=row.id,
                session=session.id,
                model=run.model.name,
                request=context.encoded,
                after_s=after_s,
            )
        )
        self._book.save(session, now)

    def _over_budget(self, session: Session, run: Run, objection: Objection, now: float) -> None:
        run.tries -= 1
        if objection.over == "deny":
            self.end(session, RunStatus.BUDGET, objection.reason, now)
            return
        run.phase = Phase.OVER_BUDGET
        run.asked += 1
        left = run.stored.max_iterations - run.iteration + 1
        args = {
            "budget": objection.budget.name,
            "limit": dollars(objection.budget.limit_micros),
            "model": run.model.name,
            "reason": f"{objection.reason}; after a yes it asks the model up to {left} times",
            "run": run.id,  # else the gate would take two runs' requests for the same
        }
        self.call_tool(session, run, f"{EXCEED_BUDGET}-{run.id}-{run.asked}", EXCEED_BUDGET, args)
        note(session, run, f"a person is asked: {objection.reason}", now)
        self._book.save(session, now)

    # What the model says

    def model_said(
        self, session: Session, run: Run, events: Sequence[ModelEvent], now: float
    ) -> None:
        """Take what the model says."""
        for event in events:
            attempt = run.attempt
            if attempt is None:
                return  # it has ended, and what comes afterwards counts for nothing
            match event:
                case TextDelta(text=text):
                    attempt.texts.append(text)
                    self._show(session, run, attempt, EventKind.TEXT, text, now)
                case ThinkingDelta(text=text):
                    self._show(session, run, attempt, EventKind.THINKING, text, now)
                case CallMade(args=args):
                    attempt.calls.append(event)
                    attempt.said += len(bytes(args))
                    self._check(session, run, attempt, now)
                case UsageSeen(usage=usage):
                    attempt.usage = usage
                case Noted(text=text):
                    note(session, run, text, now)
                    self._check(session, run, attempt, now)
                case Restarted(reason=reason):
                    self._withdraw(session, run, attempt, reason, now)
                    self._book.save(session, now)
                case Failed():
                    attempt.is_over = True
                    self._failed(session, run, attempt, event, now)
                case Ended():
                    self._ended(session, run, attempt, event, now)
                case _:
                    assert_never(event)
        self._effects.append(Grew(session.id))

    def _show(
        self, session: Session, run: Run, attempt: Attempt, kind: EventKind, text: str, now: float
    ) -> None:
        attempt.said += len(text)
        attempt.shown += len(text)
        session.log.append_delta(kind, run.id, text, now)
        self._check(session, run, attempt, now)

    def _check(self, session: Session, run: Run, attempt: Attempt, now: float) -> None:
        """Take no more of an answer than there is room for: it is our side that can't go on."""
        if attempt.said > self._limits.answer_bytes_max:
            self.end(session, RunStatus.TRUNCATED, "the answer is too long", now)
        elif full := self._book.objection_to_logs(
            session.record.principal, -self._limits.answer_bytes_max
        ):
            self.end(session, RunStatus.TRUNCATED, full, now)
        elif session.log.unwritten_bytes > self._limits.unwritten_bytes_max:
            why = self._book.problem or "it does not keep pace"
            text = f"the store does not take the answer: {why}"
            self.end(session, RunStatus.TRUNCATED, text, now)
        else:
            self._book.save(session, now, urgent=False)

    def _withdraw(
        self, session: Session, run: Run, attempt: Attempt, reason: str, now: float
    ) -> None:
        """What was shown of an attempt does not count: say so, durably."""
        attempt.calls.clear()
        if attempt.shown:
            attempt.shown = 0
            data = {
                "run": run.id,
                "attempt": run.tries,
                "first": attempt.first,
                "reason": reason,
            }
            session.log.append(EventKind.RESET, data, now)
            attempt.texts.clear()

    def _failed(
        self, session: Session, run: Run, attempt: Attempt, failed: Failed, now: float
    ) -> None:
        is_over = run.tries >= self._limits.attempts_max
        may_retry = failed.failure is Failure.RETRYABLE or (
            failed.failure is Failure.TRUNCATED and not attempt.shown and not attempt.calls
        )
        if not may_retry or is_over:
            is_part = failed.failure is not Failure.FATAL and attempt.shown
            status = RunStatus.TRUNCATED if is_part else RunStatus.FAILED
            self.end(session, status, failed.message, now)
            return
        was_begun = attempt.said > 0 or failed.failure is Failure.TRUNCATED
        settle(self.budgets, session, run, now, billed=was_begun)
        self._withdraw(session, run, attempt, failed.message, now)
        pause = self._limits.retry_s * 2.0 ** (run.tries - 1)
        if failed.retry_after_s is not None:
            pause = min(max(failed.retry_after_s, 0.0), self._limits.retry_after_max_s)
        data = {
            "run": run.id,
            "attempt": run.tries + 1,
            "wait_s": pause,
            "reason": failed.message,
        }
        session.log.append(EventKind.RETRYING, data, now)
        self._book.save(session, now)
        self._prepare_again(session, run, pause)

    def _prepare_again(self, session: Session, run: Run, pause_s: float) -> None:
        """Ask the model, in the same iteration, after a pause."""
        run.phase = Phase.PREPARING
        self._effects.append(session.preparing(run.model.name, (run.id, pause_s)))

    # Its answer is whole

    def _ended(
        self, session: Session, run: Run, attempt: Attempt, ended: Ended, now: float
    ) -> None:
        settle(self.budgets, session, run, now, billed=True, is_whole=True, model_id=ended.model_id)
        blocks = ended.blocks
        calls: dict[str, CallMade] = {}
        for made in attempt.calls:
            name = unused_id(session, made.id, calls, EXCEED_BUDGET)
            told = made.name if fits(made.name) else spelled_anew(made.name)
            if (name, told) != (made.id, made.name):
                blocks = b""  # the vendor's own form has what can't be said again
            calls[name] = replace(made, name=told)
        text = "".join(attempt.texts)
        log_reply(session, run, text, ended.stop.value, now, blocks=blocks)
        may_run = ended.stop in (Stop.END, Stop.TOOLS)
        for name, made in calls.items():  # of one answer, all before the first result
            log_call(
                session, run, name, made.name, made.args, now, is_client=made.name in run.client
            )
        for place, (name, made) in enumerate(calls.items()):
            why = self._objection(run, place, made, may_run)
            if why:
                log_closed(session, run, name, made.name, NOT_RUN, why, now)
            elif made.name in run.client:
                run.awaits_client = True
            else:
                tool = run.names[made.name]
                self.call_tool(session, run, name, tool, made.args, told=made.name)
        if not may_run or not calls:
            self.end(session, ENDINGS[ended.stop], "", now)
            return
        run.phase = Phase.TOOLS
        self._go_on(session, run, now)
        self._book.save(session, now)

    def _objection(self, run: Run, place: int, made: CallMade, may_run: bool) -> str:
        """Say why a call is not asked for, or nothing."""
        if made.problem:
            return made.problem
        if not may_run:
            return "it was not run: the answer was cut off"
        if place >= self._limits.calls_max:
            return f"it was not run: more than {self._limits.calls_max} calls at once"
        is_known = made.name in run.names or made.name in run.client
        return "" if is_known else f"there is no tool {made.name}"

    # Tools

    def call_tool(
        self, session: Session, run: Run, call: str, tool: str, args: Any, *, told: str = ""
    ) -> None:
        """Ask for a tool, when what is new is durable."""
        raw = args if isinstance(args, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(args))
        run.tools[call] = OpenTool(tool, told)
        session.then.append(AskTool(session=session.id, call=call, tool=tool, args=raw))

    def tool_ended(
        self, session: Session, run: Run, call: str, outcome: Outcome, now: float
    ) -> None:
        """A tool that was asked for has its outcome."""
        tool = run.tools.pop(call)
        session.then.append(AckTool(session.id, call))
        if tool.tool == EXCEED_BUDGET and not tool.told:
            self._budget_answered(session, run, outcome, now)
            return
        log_outcome(session, run, call, tool.told, outcome, now)
        self._go_on(session, run, now)
        self._book.save(session, now)

    def _budget_answered(self, session: Session, run: Run, outcome: Outcome, now: float) -> None:
        if outcome.status is Status.EXECUTED:
            run.allowed = True
            self._book.save(session, now)
            self._prepare_again(session, run, 0.0)
        else:
            self.end(session, RunStatus.BUDGET, outcome.message, now)

    def _go_on(self, session: Session, run: Run, now: float) -> None:
        """Ask the model again when all its tools have answered, durably; if there are calls for the
        client, the run ends instead, and they stay open."""
        if run.phase is not Phase.TOOLS or run.tools:
            return
        if run.awaits_client:
            self.end(session, RunStatus.COMPLETED, "", now)
        else:
            run.phase = Phase.PREPARING
            session.then.append(session.preparing(run.model.name, run.id))
