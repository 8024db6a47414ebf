"""What the store says reaches whom it concerns, by the numbers and questions that are theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.ledger_policy import allow

from agentgate_proto.ledger.admission import Asked
from agentgate_proto.ledger.effects import (
    Attached,
    Effect,
    Question,
    Run,
    TurnedAway,
    Write,
)
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.records.request import Effects
from agentgate_server.gate.store_reports import LEDGER, StoreReports
from agentgate_server.observing import Observers
from agentgate_server.sessions.desk import SESSIONS
from agentgate_server.store.numbering import Numbering

NOW = 1_700_000_000.0


class Stage:
    """A real ledger that has asked the store for something; who else hears of it writes it down."""

    def __init__(self, *, has_sessions: bool = True) -> None:
        self.ledger = Ledger(lambda *_: allow())
        self.numbering = Numbering()
        self.failed: list[tuple[int, str]] = []
        self.sessions: list[tuple[Any, ...]] = []
        self.drains = 0
        desk: Any = self if has_sessions else None
        self.reports = StoreReports(
            self.ledger,
            self.numbering,
            Observers(),
            sessions=lambda: desk,
            failed=lambda upto, reason: self.failed.append((upto, reason)),
            utc=lambda: NOW,
            drain=self.drain,
        )

    # The desk of the sessions, as far as it is told of writes

    def on_durable(self, upto: int) -> None:
        self.sessions.append((upto,))

    def on_write_failed(self, upto: int, reason: str) -> None:
        self.sessions.append((upto, reason))

    # What the ledger wants

    def drain(self) -> None:
        self.drains += 1

    def effects(self) -> list[Effect]:
        return list(iter(self.ledger.next_effect, None))

    def attach(self) -> Question:
        self.ledger.attach(1, "agent", "c1")
        (question,) = self.effects()
        assert isinstance(question, Question)
        return question

    def write(self) -> Write:
        """Let a client ask for a write, and return what has to be on disk before it runs."""
        self.reports.on_answer(self.attach().token, 0)
        self.effects()
        asked = Asked(
            link=1,
            rid="r1",
            request_id=1,
            tool="write",
            args={},
            effects=Effects.WRITE,
            signature="write()",
        )
        self.ledger.receive(asked, NOW)
        (write,) = self.effects()
        assert isinstance(write, Write)
        return write


def test_each_machine_is_told_of_its_own_writes() -> None:
    stage = Stage()
    write = stage.write()
    stage.numbering.next(SESSIONS, 70)
    upto = stage.numbering.next(LEDGER, write.number)
    stage.numbering.next(SESSIONS, 71)
    stage.reports.on_durable(upto)
    assert [type(each) for each in stage.effects()] == [Run]
    assert stage.sessions == [(70,)]
    stage.reports.on_durable(upto + 1)
    assert stage.sessions == [(70,), (71,)]
    assert stage.effects() == []
    assert stage.drains == 3, "once after each report"


def test_each_machine_is_told_which_of_its_writes_were_not_made() -> None:
    stage = Stage()
    first = stage.numbering.next(LEDGER, 5)
    stage.numbering.next(SESSIONS, 70)
    last = stage.numbering.next(LEDGER, 6)
    stage.reports.on_write_failed(first, last, "disk full")
    assert stage.failed == [(6, "disk full")]
    assert stage.sessions == [(70, "disk full")]
    stage.reports.on_write_failed(last + 1, last + 1, "disk full")
    assert (len(stage.failed), len(stage.sessions)) == (1, 1), "no write of theirs was in it"
    assert stage.drains == 2


def test_a_gate_without_sessions_hears_of_the_rest() -> None:
    stage = Stage(has_sessions=False)
    stage.numbering.next(SESSIONS, 70)
    stage.reports.on_durable(1)
    stage.numbering.next(SESSIONS, 71)
    stage.reports.on_write_failed(2, 2, "disk full")
    assert (stage.failed, stage.drains) == ([], 2)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (lambda reports, token: reports.on_answer(token, 7), Attached(1, 7)),
        (
            lambda reports, token: reports.on_answer_failed(token, "disk gone"),
            TurnedAway(1, "the gateway cannot read its store: disk gone"),
        ),
    ],
)
def test_the_ledger_gets_the_answers_to_its_questions(
    report: Callable[[StoreReports, Any], None], expected: Effect
) -> None:
    stage = Stage()
    report(stage.reports, stage.attach().token)
    assert stage.effects() == [expected]
    assert stage.drains == 1


def test_whoever_asks_by_a_function_is_called_with_the_answer_or_why_there_is_none() -> None:
    stage = Stage()
    heard: list[tuple[Any, str]] = []

    def answered(answer: Any, problem: str) -> None:
        assert not stage.drains, "what it does is drained after it"
        heard.append((answer, problem))

    stage.reports.on_answer(answered, "row")
    assert stage.drains == 1
    stage.drains = 0
    stage.reports.on_answer_failed(answered, "disk gone")
    assert heard == [("row", ""), (None, "disk gone")]
    assert stage.drains == 1


def test_a_disk_that_takes_nothing_for_long_is_said_once_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    for number in range(1, 40):
        stage.reports.on_write_failed(number, number, "disk full")
    stage.reports.on_durable(40)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "the store took no writes (1 to 1): disk full" in caplog.messages[0]
    assert "the store takes writes again after" in caplog.messages[1]
    assert "(it failed 39 times)" in caplog.messages[1]
