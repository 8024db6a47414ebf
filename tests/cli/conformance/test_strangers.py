"""What ``conformance --listen`` says of clients that go wrong, and that one mistake fails one case.

The stranger is a client of the minimal level that shares no code with ours, and its driver.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from tests.cli.examining import ALL_S, ended_within, listening
from tests.cli.support import AGENT_GATE, environment
from tests.e2e.foreign import ForeignClient
from websockets.exceptions import ConnectionClosed, InvalidMessage

ROUNDS = 20
"""More clients than one examination takes."""

Answer = dict[str, Any]


class Stranger:
    """Opens one client after the other, and does what the tasks say.

    Args:
        url: of the examination.
        first_id: where its counters begin.
        id_of: what stands as id for a number of the counter.
        takes: whether an answer is taken at all.
        tells: what is reported of the results.
        report: further members of each report.
    """

    def __init__(
        self,
        url: str,
        *,
        first_id: int = 2_000,
        id_of: Callable[[int], Any] = int,
        takes: Callable[[Answer], bool] = lambda answer: True,
        tells: Callable[[list[Any]], list[Any]] = lambda results: results,
        **report: Any,
    ) -> None:
        self.url = url
        self.first_id = first_id
        self.id_of = id_of
        self.takes = takes
        self.tells = tells
        self.report = report
        self.clients = 0
        self.is_last = False

    def run(self) -> None:
        """Go on until there is no gateway any more, or the last task is done."""
        with suppress(OSError, InvalidMessage):
            for _ in range(ROUNDS):
                if self.is_last:
                    return
                self.clients += 1
                with suppress(ConnectionClosed):
                    token, name = "conformance-token", str(uuid4())
                    with ForeignClient(self.url, token, name, self.first_id) as client:
                        client.ids = map(self.id_of, client.ids)
                        while not self.is_last:
                            self.do_next(client)

    def do_next(self, client: ForeignClient) -> None:
        """Take a task, do it, report on it."""
        task = self.ended(client, [client.ask("next")])[0]["data"]
        self.is_last = task.get("last", False)
        ids = [client.ask(each["tool"], **each["args"]) for each in task["calls"]]
        results = self.tells(self.ended(client, ids))
        report = {"task": task["task"], "results": results, **self.report}
        self.ended(client, [client.ask("report", **report)])

    def ended(self, client: ForeignClient, ids: list[Any]) -> list[Any]:
        """Wait for the ends of calls; acknowledge them."""
        ends: dict[Any, Any] = {}
        while set(ends) != set(ids):
            answer = client.receive()
            error, result = answer.get("error"), answer.get("result", {})
            seq = (error.get("data", {}) if error else result).get("seq")
            if seq is not None:
                client.send({"jsonrpc": "2.0", "method": "ack", "params": {"seq": seq}})
            if self.takes(answer):
                ends[answer["id"]] = {"error": error} if error else {"data": result.get("data")}
        return [ends[each] for each in ids]


def examined(*only: str, **mistakes: Any) -> tuple[dict[str, Any], int]:
    """Play these cases with such a client; return the rows, and how many clients it took."""
    options = [part for name in only for part in ("--only", name)]
    process, url = listening("--level", "minimal", *options)
    stranger = Stranger(url, **mistakes)
    client = threading.Thread(target=stranger.run, daemon=True)
    client.start()
    _, out, _ = ended_within(process, ALL_S)
    client.join(ALL_S)
    rows = [json.loads(line) for line in out.splitlines()[:-1]]
    return {row["name"]: row for row in rows}, stranger.clients


def failures(rows: dict[str, Any]) -> dict[str, str]:
    return {name: row["why"] for name, row in rows.items() if row["verdict"] != "passed"}


def test_a_stranger_that_does_right_passes() -> None:
    rows, clients = examined("errors", "refusals")
    assert failures(rows) == {}
    assert list(rows) == ["connecting", "errors", "refusals", "taken over"]
    assert clients == 1


def test_a_stranger_that_knows_no_words_must_only_cope_with_them() -> None:
    rows, _ = examined("words and edits")
    assert failures(rows) == {}


@pytest.mark.parametrize(
    ("knows", "why"),
    [
        (["why"], 'the why "" instead of "it is getting dark'),
        (["word"], "of call 0 its caller was told as word null instead of"),
        (["edited"], "of call 0 its caller was told as edited null instead of"),
        ("word", "knows is no array of names"),
    ],
)
def test_a_stranger_that_says_that_it_knows_them_must_tell_them(knows: Any, why: str) -> None:
    rows, clients = examined("words and edits", knows=knows)
    assert list(failures(rows)) == ["words and edits"]
    assert why in failures(rows)["words and edits"]
    assert clients == 1


def test_ids_that_begin_too_low_fail_one_case_and_not_those_after_it() -> None:
    rows, clients = examined("errors", "refusals", first_id=5)
    assert list(failures(rows)) == ["connecting"]
    assert (
        "id 5 is not above 1000, which is highest_id or was used before (C2)"
        in (rows["connecting"]["why"])
    )
    assert rows["connecting"]["rules"] == ["C2"]
    assert clients == 2, "its connection was broken once, so that it began anew"


@pytest.mark.slow
def test_a_call_that_does_not_end_is_told_with_how_it_had_to() -> None:
    def takes(answer: Answer) -> bool:
        return bool(answer.get("error", {}).get("code") != -32099)

    rows, _ = examined("an unknown error code", "refusals", takes=takes)
    assert list(failures(rows)) == ["an unknown error code"]
    why = rows["an unknown error code"]["why"]
    assert why == (
        "no report came within 10 s: a call did not end; they had to end like this: "
        '0: {"error":-32099} (C5)'
    )


def test_a_report_that_is_wrong_costs_no_connection() -> None:
    rows, clients = examined("errors", "refusals", tells=lambda results: results[:-1] * 2)
    assert list(failures(rows)) == ["errors", "refusals"]
    assert "the report has not one of results for each of 5 calls" in rows["errors"]["why"]
    assert rows["errors"]["why"].endswith("(testing.md)")
    assert clients == 1


def test_ids_that_are_no_numbers_fail_one_case_and_not_those_after_it() -> None:
    rows, clients = examined("errors", "refusals", id_of=str)
    assert failures(rows) == {"connecting": "the id '2000' is no number of the counter (C2)"}
    assert clients == 2, "its connection was broken once, so that it began anew"


def test_a_program_that_asks_for_another_tool_is_sent_to_the_page() -> None:
    process, url = listening("--level", "minimal")
    with ForeignClient(url, "conformance-token", str(uuid4()), 2_000) as client:
        client.ask("get_temperature")
        with suppress(ConnectionClosed):
            client.receive()
    _, out, _ = ended_within(process, ALL_S)
    row = json.loads(out.splitlines()[0])
    assert row["why"].startswith("the client should ask for the tool next, and asked for")
    assert row["why"].endswith("(testing.md)")


def test_a_client_that_is_gone_is_told_in_one_line() -> None:
    listens = (AGENT_GATE, "conformance", "--listen", "--port", "0", "--level", "minimal")
    process = subprocess.Popen(
        listens,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    url = next(word for word in process.stderr.readline().split() if word.startswith("ws://"))
    with ForeignClient(url.rstrip(","), "conformance-token", str(uuid4()), 2_000):
        pass
    _, out, _ = ended_within(process, ALL_S)
    failed, *others = out.splitlines()
    assert failed.startswith("failed connecting  the client closed the connection (1000)")
    (gone,) = [row for row in others if "takes long" not in row]
    assert gone.startswith("skipped answers in any order, and all that follow  the client was gone")
