"""One run of AG-UI, from what the client says to the events of the answer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.proto.faces.stories import ATTACHED, NOW, TAKEN, VIEW, Talk, ended, event, started

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.agui.interrupts import Stopped, stopped_in, with_stopped
from agentgate_proto.faces.agui.run_input import read_input
from agentgate_proto.faces.agui.thread_run import NOTHING_NEW, ThreadRun
from agentgate_proto.faces.answering import OVER
from agentgate_proto.faces.conversing import Call, Tell, Watch
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    GetSession,
    ListSessions,
    MetadataSet,
    RunCancelled,
    SessionList,
    SetMetadata,
)
from agentgate_proto.sessions.client_turns import ClientTurn

HI = {"id": "u1", "role": "user", "content": "hi"}
YES = {"interruptId": "a1", "status": "resolved", "payload": {"approved": True}}
ONE = SessionList(sessions=[VIEW])
RUNNING = SessionList(sessions=[msgspec.structs.replace(VIEW, run="r1")])
STOPPED = Stopped(run="r1", epoch="e", offset=9, open={"c1": "a1"})
CALLED = event("tool_call", call="c1", tool="ask", args={})
ASKED = event("approval", call="c1", tool="ask", approval="a1", signature="ask()", rule="r")


class Run(Talk):
    def calls(self) -> list[msgspec.Struct]:
        return [each.params for each in self.others if isinstance(each, Call | Watch)]

    def answer(self, result: Any) -> Run:
        self.forget()
        super().answer(result)
        return self

    def refuse(self, code: ErrorCode, message: str = "", data: Any = None) -> Run:
        self.forget()
        super().refuse(code, message, data)
        return self

    def forget(self) -> None:
        self.others = [each for each in self.others if isinstance(each, Call | Watch)]

    def leave(self) -> Run:
        self.it.leave(NOW)  # type: ignore[attr-defined]
        self.look()
        return self

    @property
    def kinds(self) -> list[str]:
        return [each["type"] for each in self.sent]

    @property
    def last(self) -> Any:
        return self.sent[-1]


def begin(*messages: Any, is_person: bool = False, **members: Any) -> Run:
    body = {"threadId": "t", "runId": "x1", "messages": messages or [HI], **members}
    run = Run(ThreadRun(read_input(json.dumps(body).encode()), may_decide=is_person))
    run.it.start(NOW)  # type: ignore[attr-defined]
    run.look()
    assert run.sent == [
        {"type": "RUN_STARTED", "threadId": "t", "runId": "x1", "protocolVersion": "1.0"}
    ]
    run.others = [each for each in run.others if not isinstance(each, Tell)]
    return run


def running(*, is_person: bool = False) -> Run:
    run = begin(is_person=is_person).answer(ONE).answer(TAKEN).answer(ATTACHED)
    run.tell(started(), event("model_started", iteration=1, attempt=1))
    run.clear()
    return run


def interrupted() -> Run:
    """A run whose interrupt is being noted."""
    run = running(is_person=True)
    run.tell(CALLED, ASKED)
    return run


def test_a_thread_is_a_session_of_that_name() -> None:
    run = begin(forwardedProps={"model": "m"})
    assert run.params() == ListSessions(user_id="agui:t", limit=1)
    run.answer(SessionList(sessions=[]))
    assert run.params() == GetSession(session="t")
    run.refuse(ErrorCode.SESSION_NOT_FOUND)
    assert run.params() == CreateSession(user_id="agui:t", model="m", metadata={"face": "agui"})
    run.answer(VIEW)
    (said,) = run.calls()
    assert isinstance(said, ClientTurn)
    assert (said.text, said.past, said.model) == ("hi", (), "m")


def test_a_run_is_told_to_its_end() -> None:
    run = running()
    run.tell(event("text", text="hello"), ended())
    assert run.kinds == [
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    assert run.last == {
        "type": "RUN_FINISHED",
        "threadId": "t",
        "runId": "x1",
        "outcome": {"type": "success"},
    }
    assert run.others[-1] == OVER


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("max_tokens", {"outcome": {"type": "success"}, "result": {"status": "max_tokens"}}),
        ("cancelled", {"outcome": {"type": "cancelled"}}),
        ("failed", {"type": "RUN_ERROR", "code": "failed", "message": "why"}),
    ],
)
def test_a_run_that_ends_otherwise_says_so(status: str, told: dict[str, Any]) -> None:
    run = running()
    run.tell(event("text", text="half"), ended(status, reason="why"))
    for name, value in told.items():
        found = run.last[name]
        assert (found["status"] if name == "result" else found) == (
            value["status"] if name == "result" else value
        )
    run = running()
    run.tell(ended("truncated"))
    assert run.last["message"] == "the run is truncated"


def test_calls_of_the_client_are_named_at_the_end() -> None:
    run = running()
    run.tell(event("tool_call", call="c1", tool="look", args={}, client=True), ended())
    assert run.last["outcome"] == {"type": "success", "pendingToolCallIds": ["c1"]}


def test_who_may_not_answer_is_not_interrupted() -> None:
    run = running()
    run.tell(CALLED, ASKED)
    assert run.last["name"] == "agentgate.approval"
    assert run.calls() == []


def test_who_may_answer_is_interrupted_when_it_is_noted_where() -> None:
    run = interrupted()
    (note,) = run.calls()
    assert isinstance(note, SetMetadata)
    stopped = stopped_in(note.metadata)
    assert stopped == Stopped(run="r1", epoch="e", offset=8, open={"c1": "a1"})
    run.tell(event("note", text="more"))
    assert len(run.calls()) == 1, "it is noted once"
    run.answer(MetadataSet())
    assert [each["id"] for each in run.last["outcome"]["interrupts"]] == ["a1"]
    assert run.others[-1] == OVER


def test_an_interrupt_that_can_not_be_noted_comes_all_the_same() -> None:
    run = interrupted().refuse(ErrorCode.INTERNAL_ERROR)
    assert run.last["outcome"]["type"] == "interrupt"


def test_an_interrupt_that_was_answered_meanwhile_is_none() -> None:
    run = interrupted()
    run.tell(event("tool_result", call="c1", tool="ask", status="executed", result=1))
    run.answer(MetadataSet())
    assert run.last["type"] == "TOOL_CALL_RESULT"
    run.tell(ended())
    assert run.last["outcome"] == {"type": "success"}
    run = interrupted()
    run.tell(event("tool_result", call="c1", tool="ask", status="executed", result=1), ended())
    frames = len(run.frames)
    run.answer(MetadataSet())
    assert len(run.frames) == frames


def test_in_what_is_past_nobody_is_asked_until_all_of_it_is_told() -> None:
    run = begin(is_person=True).answer(ONE).answer(TAKEN)
    run.answer(Attached(epoch="e", offset=7, next=10, run="r1"))
    result = event("tool_result", call="c1", tool="ask", status="executed", result=1)
    run.tell(
        CALLED,
        msgspec.structs.replace(ASKED, offset=8),
        msgspec.structs.replace(result, offset=9),
    )
    assert run.calls() == []


def test_resume_hands_the_answers_over_and_goes_on_where_it_stopped() -> None:
    metadata = with_stopped(VIEW.metadata, STOPPED)
    view = msgspec.structs.replace(VIEW, run="r1", metadata=metadata)
    run = begin(is_person=True, resume=[YES, {**YES, "interruptId": "a2"}])
    run.answer(SessionList(sessions=[view]))
    approve = [DecideApproval(id=each, decision="approve") for each in ("a1", "a2")]
    assert run.calls() == approve
    run.answer(None)
    assert run.calls() == approve[1:]
    run.refuse(ErrorCode.ALREADY_SETTLED)
    assert run.calls() == [AttachSession(session="s1", epoch="e", offset=9)]
    run.answer(Attached(epoch="e", offset=9, next=9, run="r1"))
    run.tell(
        event("tool_result", call="c1", tool="ask", status="executed", result="fine"),
        event("model_started", iteration=2, attempt=1),
        event("text", text="Done."),
        ended(),
    )
    assert run.kinds[:3] == ["RUN_STARTED", "TOOL_CALL_RESULT", "TEXT_MESSAGE_START"]
    assert run.last["outcome"] == {"type": "success"}


def test_resume_of_which_nothing_is_noted_shows_the_run_from_its_beginning() -> None:
    run = begin(is_person=True, resume=[YES]).answer(RUNNING).answer(None)
    assert run.calls() == [AttachSession(session="s1")]
    other = with_stopped(VIEW.metadata, msgspec.structs.replace(STOPPED, run="r0"))
    view = msgspec.structs.replace(VIEW, run="r1", metadata=other)
    run = begin(is_person=True, resume=[YES]).answer(SessionList(sessions=[view])).answer(None)
    assert run.calls() == [AttachSession(session="s1")]


def test_an_answer_that_is_refused_ends_the_client_s_run() -> None:
    run = begin(resume=[YES]).answer(RUNNING).refuse(ErrorCode.FORBIDDEN, "not for agents")
    assert (run.last["code"], run.last["message"]) == ("forbidden", "not for agents")


def test_with_nothing_new_the_run_that_is_under_way_is_shown() -> None:
    hello = {"id": "a", "role": "assistant", "content": "hello"}
    run = begin(HI, hello).answer(RUNNING)
    assert run.calls() == [AttachSession(session="s1")]
    run = begin(HI, hello).answer(ONE)
    assert run.last == {"type": "RUN_ERROR", "message": NOTHING_NEW, "code": "nothing_new"}


def test_what_a_busy_session_waits_for_is_said() -> None:
    data = {"run": "r1", "approvals": ["a1", "a2"]}
    run = begin().answer(ONE).refuse(ErrorCode.RUN_IN_PROGRESS, "busy", data)
    assert run.last["message"] == "busy; it waits for a person: a1, a2"
    run = begin().answer(ONE).refuse(ErrorCode.MODEL_FAILED, "no such model")
    assert run.last["code"] == "model_failed"


def test_a_run_that_is_not_kept_or_deleted_is_an_error() -> None:
    run = begin().answer(ONE).answer(TAKEN)
    run.answer(Attached(epoch="e", offset=90, next=90, gap="retention", oldest=90))
    assert run.last["code"] == "not_kept"
    run = running()
    run.it.gone(NOW)
    assert run.look().sent[-1]["code"] == "session_deleted"
    run.it.gone(NOW)
    assert run.it.next_effect() is None


def test_a_client_that_goes_takes_its_run_along_unless_that_has_done_something() -> None:
    run = running().leave()
    assert run.calls() == [CancelRun(session="s1", run="r1")]
    run.answer(RunCancelled(status="cancelled", run="r1"))
    assert running().leave().refuse(ErrorCode.INTERNAL_ERROR).frames == []
    run = running()
    run.tell(CALLED)
    assert run.leave().calls() == []
    run = interrupted().leave()
    assert not any(isinstance(each, CancelRun) for each in run.calls())


def test_a_client_that_goes_early_leaves_nothing_under_way() -> None:
    run = begin().leave()
    run.answer(ONE)
    assert (run.calls(), run.others[-1]) == ([], OVER)
    run = begin().answer(ONE).leave()
    run.answer(TAKEN).answer(ATTACHED)
    assert run.calls() == [CancelRun(session="s1", run="r1")]
