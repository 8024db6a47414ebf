"""For any types and values: what policy, person and digest have is what the tool receives."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.tools.test_meanings_of_any_type import types

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.ledger.admission import Asked
from agentgate_proto.ledger.effects import ApprovalChanged, Question, Run, Write
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.ledger.live import Verdict
from agentgate_proto.records.approval import ApprovalView, approval_view
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.filling import without
from agentgate_proto.records.request import Record
from agentgate_server.gate.judge import meant
from agentgate_server.policy import signature_of
from agentgate_server.policy.meanings import received
from agentgate_server.tools.forms import UNSAYABLE, bound_form
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.tool import SyncTool

ASK = Decision(action=Action.ASK, rule="p:1", description="")


class Gateway:
    """A ledger with one tool, a store that has everything at once, and a person who says yes.

    Attributes:
        judged: what policy was given of each request.
        views: what the person saw.
        ran: the arguments that the tool was run with.
    """

    def __init__(self, tool: SyncTool) -> None:
        self.tool = tool
        self.judged: list[dict[str, Any]] = []
        self.views: list[ApprovalView] = []
        self.records: list[Record] = []
        self.ran: list[dict[str, Any]] = []
        self.ledger = Ledger(self.judge, judge_again=lambda *_: ASK)
        self.ledger.attach(1, "agent", "c")
        self.drain()

    def judge(self, record: Record, args: Any, now: float) -> Decision:
        found = meant(self.tool, record, args)
        self.judged.append(dict(args) if found is None else received(found.whole))
        return ASK

    def ask(self, args: dict[str, Any]) -> None:
        bound = self.tool.bound(args)
        asked = Asked(
            link=1,
            rid="r",
            request_id=1,
            tool=self.tool.name,
            args=args,
            bound=bound,
            effects=self.tool.effects,
            signature=signature_of(self.tool.name, args if bound is None else bound),
        )
        self.ledger.receive(asked, 1.0)
        self.drain()

    def drain(self) -> None:
        done: deque[Write] = deque()
        while (effect := self.ledger.next_effect()) is not None or done:
            match effect:
                case None:
                    self.ledger.durable(done.popleft().number)
                case Write():
                    done.append(effect)
                case Question(token=token):
                    self.ledger.answered(token, 0, 1.0)
                case ApprovalChanged(record):
                    self.show(record)
                case Run():
                    self.ran.append(msgspec.json.decode(effect.args))
                case _:
                    pass

    def show(self, record: Record) -> None:
        view = approval_view(record)
        if view.status == "waiting":
            self.views.append(view)
            self.records.append(record)
            verdict = Verdict(ticket="t", approve=True, approver="ann", channel="x", at=1.0)
            self.ledger.decide(record.rid, verdict)


@settings(max_examples=300, deadline=None)
@given(st.data(), types())
def test_policy_person_digest_and_tool_have_one_form(
    data: st.DataObject, drawn: tuple[Any, st.SearchStrategy[Any], Any]
) -> None:
    hint, written, default = drawn
    got: list[dict[str, Any]] = []

    def run(arg: Any = default, other: Any = default, **more: Any) -> None:
        got.append({"arg": arg, "other": other, **more})

    run.__annotations__.update(arg=hint, other=hint, more=hint)
    tool = python_tool(run, name="deploy", inline=True)
    assert isinstance(tool, SyncTool)
    optional = {"arg": written, "other": written, "third": written}
    args = data.draw(st.fixed_dictionaries({}, optional=optional))
    gateway = Gateway(tool)
    gateway.ask(args)
    (decided,), (view,), (ran,) = gateway.judged, gateway.views, gateway.ran
    (record,) = gateway.records

    tool.call(ran)
    seen = msgspec.json.decode(view.args)
    assert decided == seen == ran
    assert (
        record.digest
        == digest_of("deploy", canonical_args(ran))
        == digest_of("deploy", bytes(view.args))
    )
    assert record.identity == digest_of("deploy", canonical_args(args))
    assert view.signature == signature_of("deploy", seen)

    forms = {name: bound_form(value) for name, value in got[0].items()}
    assert UNSAYABLE not in forms.values()
    told = {name: form for name, form in forms.items() if name in seen or form is not None}
    assert canonical_args(told) == canonical_args(seen), "what it received is what was shown"

    assert tool.binds_to(seen), "and it would be after a restart"
    left = without(seen, view.defaults)
    assert left.keys() == {name for name in args if name in seen}, "the rest was filled in"
