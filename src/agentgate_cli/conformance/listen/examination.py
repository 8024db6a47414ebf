"""Plays the cases, one after the other, until the client does not go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agentgate_cli.conformance.listen.case import Case, Wanted, check_report
from agentgate_cli.conformance.listen.stage import HIGHEST_ID, Broken, Stage
from agentgate_cli.conformance.rows import Row, Verdict

FIRST_S = 600.0
"""How long to wait for the client to be started."""

CONNECTING = Case(
    "connecting",
    "minimal",
    (),
    "auth comes first, with token and client_id.",
    (),
    lambda stage: Wanted(()),
)
TAKEN_OVER = Case(
    "taken over",
    "reconnect",
    (),
    "After 4409 a client stays away.",
    (),
    lambda stage: Wanted(()),
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

    def rows(self) -> Iterator[Row]:
        """Play; yield a row for each case."""
        try:
            yield self._framing(CONNECTING, self._connect)
            for number, case in enumerate(self.cases):
                if case.is_slow and not self.slow:
                    yield row_of(case, "skipped", "takes long: --slow plays it")
                else:
                    yield self._row(case, number)
            yield self._framing(TAKEN_OVER, self._take_over)
        finally:
            self.stage.drop()

    def _framing(self, case: Case, play: Any) -> Row:
        if self.hangs:
            return row_of(case, "skipped", self.hangs)
        try:
            play()
        except Broken as error:
            self.hangs = "the client was not there any more"
            return row_of(case, "failed", str(error), error.rules)
        return row_of(case, "passed")

    def _connect(self) -> None:
        self.stage.accept(FIRST_S, highest=HIGHEST_ID)

    def _take_over(self) -> None:
        self.stage.tool("next")
        self.stage.close(4409)
        self.stage.stays_away()

    def _row(self, case: Case, number: int) -> Row:
        if self.hangs:
            return row_of(case, "skipped", self.hangs)
        verdict: Verdict = "passed"
        why = ""
        rules = case.rules
        try:
            self._play(case, number)
        except Broken as error:
            verdict, why, rules = "failed", str(error), error.rules or case.rules
            self._recover(case)
        return row_of(case, verdict, why, rules)

    def _play(self, case: Case, number: int) -> None:
        """Hand out the task, do to the calls what the case does, hear how they ended."""
        stage = self.stage
        following = stage.tool("next")
        task = {"task": number, "name": case.name, "calls": list(case.calls), **case.members}
        stage.answer(following["id"], task)
        wanted = case.play(stage)
        report = stage.tool("report")
        stage.until(stage.all_acknowledged, "what has a number was not acknowledged")
        stage.answer(report["id"], None)
        check_report(wanted, report["params"]["args"])

    def _recover(self, case: Case) -> None:
        """After a failure, let the client give up what it waits for and ask for the next case."""
        stage = self.stage
        try:
            stage.drop()
            stage.epoch += "+"
            stage.accept()
            for _ in range(100):
                message = stage.next_message("the client does not go on")
                if message.get("method") == "get_pending_results":
                    result: dict[str, Any] = {"results": [], "pending": []}
                    stage.say({"jsonrpc": "2.0", "result": result, "id": message.get("id")})
                elif (message.get("params") or {}).get("tool") == "next":
                    stage.put_back(message)
                    return
                elif (message.get("params") or {}).get("tool") == "report":
                    stage.answer(message.get("id"), None)
                else:
                    stage.refuse(message.get("id"), -32603)
        except Broken as error:
            self.hangs = f"after the case {case.name!r} the client did not go on: {error}"


def row_of(case: Case, verdict: Verdict, why: str = "", rules: Sequence[str] | None = None) -> Row:
    """The row of a case."""
    named = tuple(case.rules if rules is None else rules)
    return Row(case.name, verdict, case.rule, why, case.level, named)
