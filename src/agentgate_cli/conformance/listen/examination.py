"""Plays the cases, one after the other, until the client does not go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted, check_report
from agentgate_cli.conformance.listen.line import ACK_S, BOUND_S, Message
from agentgate_cli.conformance.listen.stage import HIGHEST_ID, Stage
from agentgate_cli.conformance.rows import Row, Verdict
from agentgate_cli.conformance.vectors import brief

FIRST_S = 600.0
"""How long to wait for the client to be started."""

MESSAGES_MAX = 4_000
"""What a client may ask for at most before it asks for the next task again."""


def nothing(stage: Stage) -> Wanted:
    """The framing cases are played by the examination itself."""
    raise AssertionError(stage)


CONNECTING = Case(
    "connecting",
    "minimal",
    ("A1", "A2", "T1", "T2", "Z1"),
    "auth comes first, with token and client_id.",
    (),
    nothing,
)
TAKEN_OVER = Case(
    "taken over",
    "minimal",
    ("B10", "X1", "X7"),
    "After 4409 a client stays away.",
    (),
    nothing,
)
"""Those that frame all others."""


class Examination:
    """See the module.

    Args:
        stage: the scripted gateway.
        cases: what to play.
        slow: play also what takes long.
    """

    def __init__(self, stage: Stage, cases: Sequence[Case], *, slow: bool) -> None:
        self.stage = stage
        self.cases = cases
        self.slow = slow
        self.hangs = ""
        self.is_lost = False

    def rows(self) -> Iterator[Row]:
        """Play; yield a row for each case."""
        try:
            yield self._row(CONNECTING, self._connect)
            for number, case in enumerate(self.cases):
                if case.is_slow and not self.slow:
                    yield row_of(case, "skipped", "takes long: --slow plays it")
                else:
                    yield self._row(case, partial(self._play, case, number))
            yield self._row(TAKEN_OVER, self._take_over)
        finally:
            self.stage.drop()

    def is_gone(self, row: Row) -> bool:
        """Whether this row was not played because the client does not go on."""
        return bool(self.hangs) and row.verdict == "skipped" and row.why == self.hangs

    def _row(self, case: Case, play: Callable[[], None]) -> Row:
        if self.hangs:
            return row_of(case, "skipped", self.hangs)
        self.is_lost = True
        try:
            play()
        except Broken as error:
            rules = error.rules or case.rules
            named = f" ({', '.join(rules)})" if rules and not error.says_where else ""
            if case is not TAKEN_OVER and self.is_lost:
                self._recover(case)
            return row_of(case, "failed", f"{error}{named}", rules)
        return row_of(case, "passed")

    def _connect(self) -> None:
        self.stage.accept_silently(FIRST_S)
        self.stage.authenticated(self.stage.auth(), highest=HIGHEST_ID)
        text = f"nothing was asked for within {BOUND_S:g} s: the program begins with the tool next"
        message = self.stage.next_message(text, "testing.md")
        if message.get("method") == "get_pending_results":
            text = "get_pending_results came on the first connection: there is nothing to reconcile"
            raise Broken(text, "R20")
        self.stage.put_back(message)
        self.stage.put_back(self.stage.tool("next", BOUND_S, "testing.md"))

    def _take_over(self) -> None:
        stage = self.stage
        following = stage.tool("next", BOUND_S, "testing.md")
        task = {"task": len(self.cases), "name": TAKEN_OVER.name, "calls": [], "last": True}
        stage.answer(following["id"], task)
        stage.tool("report", BOUND_S, "testing.md")
        stage.close(4409)
        stage.is_over = True
        why = "4409, or the program did not end though the task was the last"
        stage.stays_away(why, *TAKEN_OVER.rules)

    def _play(self, case: Case, number: int) -> None:
        """Hand out the task, do to the calls what the case does, hear how they ended."""
        stage = self.stage
        stage.memory.begin_case()
        following = stage.tool("next")
        connections = stage.connections
        task = {"task": number, "name": case.name, "calls": list(case.calls), **case.members}
        stage.answer(following["id"], task)
        wanted = case.play(stage)
        report = self._report(wanted, came_anew=stage.connections > connections)
        in_time = stage.acknowledged_within(ACK_S)
        number, acked = stage.number, stage.acked
        stage.answer(report["id"], None)
        self.is_lost = False  # the client goes on, whatever it has reported
        if not in_time:
            text = f"number {number} was not acknowledged in time, only {acked}"
            stage.faults.tell("ack", text, "N2")
        check_report(wanted, report["params"]["args"])

    def _report(self, wanted: Wanted, *, came_anew: bool) -> Message:
        try:
            return self.stage.tool("report")
        except Broken as error:
            if error.rules or not str(error).startswith("no tool_request"):
                raise
            ends = ", ".join(f"{n}: {brief(end)}" for n, end in enumerate(wanted.results))
            text = f"no report came within {BOUND_S:g} s: a call did not end"
            if came_anew and not self.stage.reconnects:
                text += ", or a client came back by itself (X7)"
            raise Broken(f"{text}; they had to end like this: {ends}") from None

    def _recover(self, case: Case) -> None:
        """After a failure, let the client give up what it waits for and ask for the next case.

        First by another epoch; if it does not go on, its token is refused, which ends it, so that
        its program opens another client.
        """
        stage = self.stage
        stage.epoch += "+"
        for last in (False, True):
            try:
                stage.drop()
                stage.faults.are_let_pass = True
                if last:
                    stage.accept_silently()
                    stage.refuse(stage.auth(), -32005)
                    stage.drop()
                    stage.is_over = True
                self._settle()
            except Broken as error:
                self.hangs = f"the client was gone after {case.name!r}: {error.problem}"
                if stage.link is None:
                    return  # nobody came
            else:
                self.hangs = ""
                return
            finally:
                stage.faults.are_let_pass = False

    def _settle(self) -> None:
        """Take the next connection, end all that the client asks for, until it asks for a task."""
        stage = self.stage
        stage.accept_silently()
        stage.authenticated(stage.auth())
        for _ in range(MESSAGES_MAX):
            message = stage.next_message("it asked for no task")
            if message.get("method") == "get_pending_results":
                result: dict[str, Any] = {"results": [], "pending": []}
                stage.say({"jsonrpc": "2.0", "result": result, "id": message.get("id")})
                stage.is_reconciled = True
            elif message.get("method") == "tools.provide":  # a refusal would be told on and on
                stage.say({"jsonrpc": "2.0", "result": {"names": []}, "id": message.get("id")})
            elif (message.get("params") or {}).get("tool") == "next":
                stage.put_back(message)
                return
            elif (message.get("params") or {}).get("tool") == "report":
                stage.answer(message.get("id"), None)
            elif "method" in message and "id" in message:
                stage.refuse(message.get("id"), -32603)
        raise Broken("it asked for too much")


def row_of(case: Case, verdict: Verdict, why: str = "", rules: Sequence[str] | None = None) -> Row:
    """The row of a case."""
    named = tuple(case.rules if rules is None else rules)
    return Row(case.name, verdict, case.rule, why, case.level, named)
