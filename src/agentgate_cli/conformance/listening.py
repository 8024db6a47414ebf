"""``agent-gate conformance --listen``: a gateway that tests the client that connects."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from agentgate_cli.conformance.cases import CASES, Case
from agentgate_cli.conformance.rows import Row, Verdict, conclude, tell
from agentgate_cli.conformance.stage import EXPECTED, HIGHEST_ID, Broken, Stage
from agentgate_cli.conformance.vectors import brief
from agentgate_cli.exits import Failure
from agentgate_cli.style import note

FIRST_S = 600.0
"""How long to wait for the client to be started."""

TAKEN_OVER = Case("taken over", "After 4409 a client stays away.", 0, lambda stage, calls: [])


def test_client(port: int, *, as_json: bool) -> int:
    """Wait for a client, play all cases, print the table; return the exit code.

    Raises:
        Failure: the port can't be listened on.
    """
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Failure(f"cannot listen on port {port}: {error.strerror}; try --port 0") from None
    with listener:
        note(
            f"waiting for a client at ws://127.0.0.1:{listener.getsockname()[1]}, token {EXPECTED}"
        )
        rows = []
        for row in Examination(Stage(listener)).rows():
            rows.append(row)
            if not as_json:
                tell(row)
    return conclude(rows, as_json=as_json)


class Examination:
    """All cases, one after the other, until the client does not go on.

    Args:
        stage: the scripted gateway.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.hangs = ""

    def rows(self) -> Iterator[Row]:
        """Play; yield a row for each case."""
        try:
            yield self._connecting()
            for number, case in enumerate(CASES):
                yield self._row(case, number)
            yield self._taken_over()
        finally:
            self.stage.drop()

    def _connecting(self) -> Row:
        rule = "auth comes first, with token and client_id."
        try:
            self.stage.accept(FIRST_S, highest=HIGHEST_ID)
        except Broken as error:
            self.hangs = str(error)
            return Row("connecting", "failed", rule, str(error))
        return Row("connecting", "passed", rule)

    def _row(self, case: Case, number: int) -> Row:
        if self.hangs:
            return Row(case.name, "skipped", case.rule, "the client does not go on")
        verdict: Verdict = "passed"
        why = ""
        try:
            self._play(case, number)
        except Broken as error:
            verdict, why = "failed", str(error)
            self._recover()
        return Row(case.name, verdict, case.rule, why)

    def _play(self, case: Case, number: int) -> None:
        """Hand out the calls, do to them what the case does, hear how they ended."""
        stage = self.stage
        following = stage.tool("next")
        calls = [{"tool": "work", "args": {"n": n, "case": number}} for n in range(case.calls)]
        stage.answer(following["id"], {"task": number, "calls": calls})
        wanted = case.play(stage, case.calls)
        report = stage.tool("report")
        stage.until(stage.all_acknowledged, "what has a number was not acknowledged")
        stage.answer(report["id"], None)
        results = report["params"]["args"].get("results")
        if not isinstance(results, list) or len(results) != len(wanted):
            raise Broken(f"the report has not one row for each call: {brief(results)}")
        for n, (want, got) in enumerate(zip(wanted, results, strict=True)):
            check(n, want, got)

    def _recover(self) -> None:
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
            self.hangs = str(error)

    def _taken_over(self) -> Row:
        case = TAKEN_OVER
        if self.hangs:
            return Row(case.name, "skipped", case.rule, "the client does not go on")
        try:
            self.stage.tool("next")
            self.stage.close(4409)
            self.stage.stays_away()
        except Broken as error:
            return Row(case.name, "failed", case.rule, str(error))
        return Row(case.name, "passed", case.rule)


def check(n: int, want: Any, got: Any) -> None:
    """Compare how a call ended with how it must have.

    Raises:
        Broken: it ended otherwise.
    """
    if "error" in want:
        error = got.get("error") if isinstance(got, dict) else None
        code = error.get("code") if isinstance(error, dict) else None
        if code != want["error"]:
            raise Broken(f"call {n} ended as {brief(got)} instead of error {want['error']}")
    elif not isinstance(got, dict) or got.get("data") != want["data"]:
        raise Broken(f"call {n} ended as {brief(got)} instead of {brief(want)}")
