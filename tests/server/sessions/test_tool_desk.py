"""Sessions ask the ledger as clients do: first what they missed, receipts after the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.admission import Asked
from agentgate_proto.ledger.effects import Effect, Question, Run, Write
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.outcome import Outcome, executed
from agentgate_proto.records.request import Effects, Record
from agentgate_server.sessions.tool_desk import ToolDesk

NOW = 1_000.0


class Heard:
    """A stand-in for the machine of the sessions: it writes down what it is told."""

    def __init__(self) -> None:
        self.open: list[tuple[dict[str, Outcome], list[str]]] = []
        self.ended: list[tuple[str, Outcome]] = []
        self.cancelled: list[tuple[str, str]] = []
        self.waiting: list[tuple[str, dict[str, Any]]] = []

    def tools_open(self, name: str, outcomes: Any, pending: Any, now: float) -> None:
        self.open.append((dict(outcomes), list(pending)))

    def tool_ended(self, name: str, call: str, outcome: Outcome, now: float) -> None:
        self.ended.append((call, outcome))

    def tool_cancelled(self, name: str, call: str, status: str, now: float) -> None:
        self.cancelled.append((call, status))

    def tool_waiting(self, name: str, call: str, approval: Any, now: float) -> None:
        self.waiting.append((call, approval))


class Stage:
    """A desk, a real ledger, and a store that answers when it is asked to."""

    def __init__(self, action: Action = Action.ALLOW) -> None:
        self.heard = Heard()
        self.spawned: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.rids = 0
        self.ran: list[Run] = []
        self.delivered: list[Any] = []
        self.kept: dict[str, Record] = {}
        self.unreadable = False
        decision = Decision(action=action, rule="r", description="d")
        self.ledger = Ledger(lambda record, args, now: decision)
        self.desk = self.new_desk()

    def new_desk(self) -> ToolDesk:
        heard: Any = self.heard
        return ToolDesk(
            heard,
            self.ledger,
            self.ask,
            lambda function, *args: self.spawned.append((function, args)),
            lambda: NOW,
            self.drain,
        )

    def ask(self, link: int, call: str, tool: str, args: dict[str, Any]) -> None:
        self.rids += 1
        if tool == "nothing":
            self.desk.refused(link, call, ErrorCode.TOOL_FAILED, "Unknown tool: nothing")
            return
        asked = Asked(
            link=link,
            rid=f"r{self.rids}",
            request_id=call,
            tool=tool,
            args=args,
            effects=Effects.WRITE,
            signature=f"{tool}()",
        )
        self.ledger.receive(asked, NOW)

    def drain(self) -> None:
        while (effect := self.ledger.next_effect()) is not None:
            self.do(effect)

    def do(self, effect: Effect) -> None:
        match effect:
            case Write(number, change, _):
                record = getattr(change, "record", None)
                if record is not None:
                    self.kept[record.rid] = record
                else:
                    self.delivered.append(change)
                self.ledger.durable(number)
            case Question(query, token):
                if self.unreadable:
                    self.ledger.answer_failed(token, "the disk can't be read")
                    return
                answers = {"HighestId": 0, "Undelivered": self.undelivered()}
                self.ledger.answered(token, answers.get(type(query).__name__), NOW)
            case Run():
                self.ran.append(effect)
            case _ if hasattr(effect, "link"):
                self.desk.told(effect)

    def undelivered(self) -> list[Record]:
        done = [record for record in self.kept.values() if record.outcome is not None]
        marked = {rid for change in self.delivered for rid in change.rids}
        return [record for record in done if record.rid not in marked]

    def open(self) -> None:
        self.desk.open("s", "agent")
        self.drain()


def args(**members: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(members))


def test_a_session_collects_before_it_asks() -> None:
    stage = Stage()
    stage.desk.open("s", "agent")
    stage.desk.ask("s", "c1", "act", args(n=1))
    assert stage.rids == 0
    stage.drain()
    assert stage.heard.open == [({}, [])]
    assert [run.rid for run in stage.ran] == ["r1"]
    stage.desk.ask("s", "c2", "act", args(n=2))
    assert stage.rids == 2


def test_a_call_that_waits_to_be_asked_is_withdrawn_without_being_asked() -> None:
    stage = Stage()
    stage.desk.open("s", "agent")
    stage.desk.ask("s", "c1", "act", args(n=1))
    stage.desk.cancel("s", "c1")
    stage.drain()
    assert stage.heard.cancelled == [("c1", "unknown_request")]
    assert stage.ran == []


def test_an_outcome_is_received_when_the_session_says_that_it_has_it() -> None:
    stage = Stage()
    stage.open()
    stage.desk.ask("s", "c1", "act", args(n=1))
    stage.drain()
    stage.ledger.finished("r1", executed(b"1"), NOW)
    stage.drain()
    assert stage.heard.ended == [("c1", executed(b"1"))]
    assert stage.delivered == []
    stage.desk.acknowledge("s", "c1")
    stage.desk.acknowledge("s", "c1")
    stage.drain()
    assert [change.rids for change in stage.delivered] == [("r1",)]


def test_what_was_not_received_is_collected_by_the_next_process() -> None:
    stage = Stage()
    stage.open()
    stage.desk.ask("s", "c1", "act", args(n=1))
    stage.desk.ask("s", "c2", "act", args(n=2))
    stage.drain()
    stage.ledger.finished("r1", executed(b"1"), NOW)
    stage.drain()
    stage.desk.close("s")
    stage.open()
    assert stage.heard.open[-1] == ({"c1": executed(b"1")}, ["c2"])
    stage.desk.acknowledge("s", "c1")
    stage.drain()
    assert [change.rids for change in stage.delivered] == [("r1",)]


def test_a_person_who_is_asked_is_told_of_and_a_withdrawal_has_an_outcome() -> None:
    stage = Stage(Action.ASK)
    stage.open()
    stage.desk.ask("s", "c1", "act", args(n=1))
    stage.drain()
    ((call, approval),) = stage.heard.waiting
    assert (call, approval["approval"], approval["rule"]) == ("c1", "r1", "d")
    stage.desk.cancel("s", "c1")
    stage.drain()
    assert stage.heard.cancelled == [("c1", "cancelled")]
    ((call, outcome),) = stage.heard.ended
    assert (call, outcome.status.value) == ("c1", "cancelled")


def test_a_tool_that_runs_is_stopping_and_its_outcome_follows() -> None:
    stage = Stage()
    stage.open()
    stage.desk.ask("s", "c1", "act", args(n=1))
    stage.drain()
    stage.desk.cancel("s", "c1")
    stage.drain()
    assert stage.heard.cancelled == [("c1", "stopping")]
    stage.ledger.finished("r1", executed(b"1"), NOW)
    stage.drain()
    assert stage.heard.ended == [("c1", executed(b"1"))]


def test_what_is_not_even_asked_for_ends_with_the_reason() -> None:
    stage = Stage()
    stage.open()
    stage.desk.ask("s", "c1", "nothing", args())
    ((call, outcome),) = stage.heard.ended
    assert (call, outcome.status.value, outcome.message) == (
        "c1",
        "failed",
        "Unknown tool: nothing",
    )
    stage.desk.close("s")
    stage.desk.refused(-1, "c2", ErrorCode.TOOL_FAILED, "it is gone")
    assert len(stage.heard.ended) == 1


def test_a_store_that_can_not_be_read_is_asked_again() -> None:
    stage = Stage()
    stage.unreadable = True
    stage.open()
    assert stage.heard.open == []
    ((later, (again, link)),) = stage.spawned
    assert later == stage.desk.later
    stage.unreadable = False
    again(link)
    stage.drain()
    assert len(stage.heard.open) == 1


def test_what_comes_for_a_session_that_is_closed_is_left_to_the_ledger() -> None:
    stage = Stage()
    stage.open()
    stage.desk.ask("s", "c1", "act", args(n=1))
    stage.drain()
    stage.desk.close("s")
    stage.ledger.finished("r1", executed(b"1"), NOW)
    stage.drain()
    stage.desk.acknowledge("s", "c1")
    assert stage.heard.ended == []
    assert stage.undelivered()
