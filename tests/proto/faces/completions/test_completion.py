"""One request for a chat completion, from what the client says to the answer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.proto.faces.stories import ATTACHED, NOW, TAKEN, VIEW, Talk, ended, event, started

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.answering import OVER, Begin, Found, Whole
from agentgate_proto.faces.completions.completion import ANEW_MAX, Completion
from agentgate_proto.faces.completions.request import read_request
from agentgate_proto.faces.conversing import Call, Tell, Unwatch, Watch
from agentgate_proto.models.request import AssistantTurn, UserTurn
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    ListSessions,
    MessageTaken,
    RunCancelled,
    SessionDeleted,
    SessionList,
)
from agentgate_proto.sessions.client_turns import ClientTurn
from agentgate_proto.wire.headers import Headers

HI = [{"role": "user", "content": "hi"}]
NAMED = {"x-session-id": "chat"}
NONE, ONE = SessionList(sessions=[]), SessionList(sessions=[VIEW])
AGAIN = MessageTaken(run="r0", epoch="e", offset=0, joined=True, ended=True)


class Request(Talk):
    """A request, whose frames may be no JSON."""

    it: Completion

    @property
    def sent(self) -> list[Any]:
        return [frame if frame == "[DONE]" else json.loads(frame) for frame in self.frames]

    @property
    def text(self) -> str:
        return "".join(each["choices"][0]["delta"].get("content", "") for each in self.chunks)

    @property
    def chunks(self) -> list[Any]:
        return [each for each in self.sent if each != "[DONE]" and each.get("choices")]

    def reply(self) -> Any:
        """The whole answer: its status and its body."""
        told = [each.what for each in self.others if isinstance(each, Tell)]
        (whole,) = (each for each in told if isinstance(each, Whole))
        return whole.reply.status, msgspec.json.decode(whole.reply.body)

    def calls(self) -> list[msgspec.Struct]:
        """What is called now, found or not."""
        return [each.params for each in self.others if isinstance(each, Call | Watch)]

    def answer(self, result: Any) -> Request:
        self.others = [e for e in self.others if isinstance(e, Call | Watch)]
        super().answer(result)
        return self

    def leave(self) -> Request:
        self.it.leave(NOW)
        self.look()
        return self


def ask(headers: dict[str, str] | None = None, *, tells: bool = False, **members: Any) -> Request:
    body = {"messages": HI, **members}
    wanted = read_request(json.dumps(body).encode(), Headers((headers or {}).items()))
    request = Request(Completion(wanted, tells_tools=tells))
    request.it.start(NOW)
    request.look()
    return request


def running(headers: dict[str, str] | None = None, **members: Any) -> Request:
    """A request whose run is watched."""
    request = ask(NAMED if headers is None else headers, **members)
    request.answer(VIEW if headers == {} else ONE).answer(TAKEN).answer(ATTACHED)
    return request


def streamed(headers: dict[str, str] | None = None, **members: Any) -> Request:
    request = running(headers, stream=True, **members)
    assert request.text == ""
    request.tell(started(), event("model_started", iteration=1))
    request.clear()
    return request


def test_a_request_without_a_name_has_a_session_of_its_own() -> None:
    request = ask(model="claude-sonnet-4.5")
    made = CreateSession(model="claude-sonnet-4.5", metadata={"face": "completions"})
    assert request.params() == made
    request.answer(VIEW)
    assert Tell(Found()) in request.others
    (said,) = request.calls()
    assert isinstance(said, ClientTurn)
    assert (said.session, said.text, said.past, said.own_tools) == ("s1", "hi", (), True)


def test_a_name_leads_to_its_session_or_to_one_of_that_id_or_to_a_new_one() -> None:
    request = ask(NAMED)
    assert request.params() == ListSessions(user_id="completions:chat", limit=1)
    request.answer(NONE)
    assert request.params() == GetSession(session="chat")
    request.refuse(ErrorCode.SESSION_NOT_FOUND)
    (made,) = request.calls()
    assert isinstance(made, CreateSession)
    assert made.user_id == "completions:chat"
    request = ask(NAMED).answer(NONE).answer(VIEW)
    assert isinstance(request.calls()[0], ClientTurn)
    request = ask(NAMED).answer(ONE)
    assert isinstance(request.calls()[0], ClientTurn)


def test_what_the_client_tells_goes_to_the_session() -> None:
    messages = [
        {"role": "system", "content": "Be good."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    request = ask(NAMED, messages=messages, max_tokens=5, seed=1, model="m").answer(ONE)
    (said,) = request.calls()
    assert isinstance(said, ClientTurn)
    assert said.past == (UserTurn("one"), AssistantTurn(text="1"))
    assert (said.text, said.system, said.params) == ("two", "Be good.", {"seed": 1})
    assert (said.max_tokens, said.model) == (5, "m")


@pytest.mark.parametrize("about", ["find", "look", "make", "say", "watch"])
def test_a_call_that_is_refused_is_the_answer(about: str) -> None:
    request = ask(NAMED)
    steps: dict[str, list[Any]] = {
        "find": [],
        "look": [NONE],
        "make": [NONE, None],
        "say": [ONE],
        "watch": [ONE, TAKEN],
    }
    for result in steps[about]:
        if result is None:
            request.refuse(ErrorCode.SESSION_NOT_FOUND)
        else:
            request.answer(result)
    request.others = [each for each in request.others if isinstance(each, Call | Watch)]
    request.refuse(ErrorCode.INTERNAL_ERROR, "no disk")
    assert request.reply()[0] == 503
    assert request.others[-1] == OVER
    assert (Tell(Found()) in request.others) is (about in ("find", "look", "make"))


def test_a_session_of_one_answer_is_deleted_behind_an_error_as_well() -> None:
    request = ask().answer(VIEW)
    request.others = [each for each in request.others if isinstance(each, Call)]
    request.refuse(ErrorCode.MODEL_FAILED, "no such model")
    assert request.reply()[0] == 404
    assert DeleteSession(session="s1") in request.calls()


def test_an_answer_is_streamed_in_chunks() -> None:
    request = running(stream=True, stream_options={"include_usage": True})
    assert Tell(Begin({"x-session-id": "s1"})) in request.others
    first = request.sent[0]["choices"][0]
    assert (first["delta"], first["finish_reason"]) == ({"role": "assistant", "content": ""}, None)
    request.tell(started(), event("text", text="Hel"), event("text", text="lo"), ended())
    assert request.text == "Hello"
    assert request.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert request.sent[-2]["usage"]["total_tokens"] == 52
    assert request.sent[-1] == "[DONE]"
    assert request.others[-2:] == [Unwatch(), OVER]


def test_an_answer_comes_whole() -> None:
    request = running({})
    request.tell(started(), event("text", text="Hel"), event("text", text="lo"), ended())
    status, body = request.reply()
    assert (status, body["choices"][0]["message"]["content"]) == (200, "Hello")
    assert (body["model"], body["created"]) == ("claude-sonnet-4.5", int(NOW))
    assert DeleteSession(session="s1") in request.calls()
    assert not request.frames


def test_what_is_said_after_tools_stands_in_a_paragraph_of_its_own() -> None:
    request = streamed()
    request.tell(
        event("text", text="Let me see."),
        event("tool_call", call="c1", tool="read", args={}),
        event("tool_result", call="c1", tool="read", status="executed", result=1),
        event("model_started", iteration=2),
        event("text", text="It"),
        event("text", text=" is 1."),
        ended(),
    )
    assert request.text == "Let me see.\n\nIt is 1."
    assert all("tool_calls" not in each["choices"][0]["delta"] for each in request.chunks)


def test_calls_of_the_client_s_tools_end_the_answer() -> None:
    request = streamed()
    request.tell(
        event("text", text="Wait."),
        event("tool_call", call="c1", tool="look", args={"a": 1}, client=True),
        event("tool_call", call="c2", tool="look", args={}, client=True),
        ended(),
    )
    deltas = [each["choices"][0]["delta"] for each in request.chunks]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    function = {"name": "look", "arguments": '{"a":1}'}
    assert calls[0] == {"index": 0, "id": "c1", "type": "function", "function": function}
    assert calls[1]["index"] == 1
    assert request.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_calls_that_were_cut_off_are_not_told() -> None:
    request = running()
    call = event("tool_call", call="c1", tool="look", args={}, client=True)
    request.tell(event("text", text="x"), call, ended("max_tokens"))
    choice = request.reply()[1]["choices"][0]
    assert (choice["finish_reason"], "tool_calls" in choice["message"]) == ("length", False)


def test_what_happens_besides_is_told_as_reasoning_if_that_is_wanted() -> None:
    events = [
        event("thinking", text="hm"),
        event("tool_call", call="c1", tool="read", args={}),
        event("approval", call="c1", tool="read", approval="a", signature="read()"),
        event("retrying", attempt=2, wait_s=1.0, reason="busy"),
        event("note", text="a note"),
        event("text", text="yes"),
        ended(),
    ]
    again = "[the model is asked again in 1 s: busy]"
    told = f"hm\n[tool read]\n\n[a person is asked: read()]\n\n{again}\n"
    quiet = running()
    quiet.tell(*events)
    assert "reasoning_content" not in quiet.reply()[1]["choices"][0]["message"]
    whole = running(tells=True)
    whole.tell(*events)
    assert whole.reply()[1]["choices"][0]["message"]["reasoning_content"] == told
    stream = running(tells=True, stream=True)
    stream.tell(*events)
    deltas = [each["choices"][0]["delta"] for each in stream.chunks]
    assert "".join(each.get("reasoning_content", "") for each in deltas) == told


def test_a_failed_attempt_leaves_nothing_in_a_whole_answer() -> None:
    request = running()
    request.tell(
        event("text", text="kept"),
        event("model_started", iteration=2),
        event("text", text="lost"),
        event("reset", attempt=1, first=3, reason="cut"),
        event("model_started", iteration=2),
        event("text", text="new"),
        ended(),
    )
    assert request.reply()[1]["choices"][0]["message"]["content"] == "kept\n\nnew"


def test_a_failed_attempt_that_was_streamed_breaks_the_answer() -> None:
    request = streamed()
    request.tell(event("text", text="lost"), event("reset", attempt=1, first=3, reason="cut"))
    assert request.sent[-1]["error"]["code"] == "broke_off"
    assert request.others[-1] == OVER
    assert not any(isinstance(each, CancelRun) for each in request.calls())


def test_who_asks_again_gets_the_run_without_what_had_failed() -> None:
    request = ask(NAMED, stream=True).answer(ONE)
    request.answer(MessageTaken(run="r1", epoch="e", offset=0, joined=True))
    request.answer(Attached(epoch="e", offset=0, next=8, run="r1"))
    past = [event("text", text="lost"), event("reset", attempt=1, first=3, reason="cut")]
    early = [msgspec.structs.replace(each, offset=2 + at) for at, each in enumerate(past)]
    request.tell(*early, event("text", text="new"), ended())
    assert request.text == "new"


def test_the_same_once_more_is_another_answer_and_a_retry_the_same() -> None:
    request = ask(NAMED).answer(ONE)
    first = request.calls()[0]
    request.answer(AGAIN)
    second = request.calls()[0]
    assert isinstance(first, ClientTurn)
    assert isinstance(second, ClientTurn)
    assert second.message_id == f"{first.message_id}-2"
    request.answer(TAKEN)
    assert isinstance(request.calls()[0], AttachSession)
    request = ask({**NAMED, "x-stainless-retry-count": "1"}).answer(ONE).answer(AGAIN)
    assert request.calls() == [AttachSession(session="s1", epoch="e", offset=0)]


def test_nobody_wants_for_ever_another_answer() -> None:
    request = ask(NAMED).answer(ONE)
    for _ in range(ANEW_MAX):
        request.answer(AGAIN)
    assert request.reply()[0] == 429


def test_a_run_that_is_not_kept_any_more_is_no_answer() -> None:
    request = ask({**NAMED, "idempotency-key": "k"}).answer(ONE).answer(AGAIN)
    request.answer(Attached(epoch="e", offset=90, next=90, gap="retention", oldest=90))
    assert request.reply()[1]["error"]["code"] == "not_kept"


@pytest.mark.parametrize(
    ("status", "code", "http"),
    [
        ("budget", "insufficient_quota", 429),
        ("cancelled", "cancelled", 409),
        ("interrupted", "interrupted", 503),
        ("truncated", "truncated", 502),
        ("failed", "model_failed", 502),
    ],
)
def test_a_run_without_an_answer_is_an_error(status: str, code: str, http: int) -> None:
    request = running()
    request.tell(event("text", text="half"), ended(status, reason="why"))
    assert request.reply() == (http, {"error": request.reply()[1]["error"]})
    assert request.reply()[1]["error"]["code"] == code
    stream = streamed({})
    stream.tell(event("text", text="half"), ended(status, reason="why"))
    assert stream.sent[-1]["error"]["code"] == code
    assert DeleteSession(session="s1") in stream.calls()


def test_what_was_lost_or_deleted_is_an_error() -> None:
    request = running()
    request.tell(event("gap", count=3))
    assert request.reply()[0] == 503
    request = running()
    request.it.gone(NOW)
    request.look()
    assert request.reply()[1]["error"]["message"] == "the session was deleted"
    request.it.gone(NOW)
    assert request.it.next_effect() is None, "once is enough"


def test_a_client_that_goes_takes_its_run_along_unless_that_has_done_something() -> None:
    request = streamed().leave()
    assert request.calls() == [CancelRun(session="s1", run="r1")]
    assert request.others[-1] == OVER
    request.answer(RunCancelled(status="cancelled", run="r1"))
    request = streamed()
    request.tell(event("tool_call", call="c1", tool="read", args={}))
    assert request.leave().calls() == []
    request = streamed({}).leave()
    assert request.calls() == [DeleteSession(session="s1")]
    request.answer(SessionDeleted())
    request = streamed({}).leave()
    request.others = [each for each in request.others if isinstance(each, Call)]
    request.refuse(ErrorCode.INTERNAL_ERROR)
    assert not request.others, "nobody waits for that"


def test_a_client_that_goes_early_leaves_nothing_behind() -> None:
    request = ask().leave()
    request.answer(VIEW)
    assert request.calls() == [DeleteSession(session="s1")]
    request = ask(NAMED).leave()
    request.answer(ONE)
    assert request.calls() == []
    assert request.others[-1] == OVER
    request = ask(NAMED, stream=True).answer(ONE).leave()
    request.answer(TAKEN).answer(ATTACHED)
    assert request.calls() == [CancelRun(session="s1", run="r1")]
    assert not request.frames


def test_who_has_joined_a_run_does_not_end_it() -> None:
    request = ask(NAMED).answer(ONE)
    request.answer(msgspec.structs.replace(TAKEN, joined=True)).answer(ATTACHED)
    assert request.leave().calls() == []


def test_nothing_else_comes_on_a_request() -> None:
    with pytest.raises(AssertionError, match="nothing comes"):
        running().receive("{}")


def test_side_requests_have_no_tools_of_ours() -> None:
    request = ask({**NAMED, "x-task": "title_generation"}).answer(VIEW)
    (said,) = request.calls()
    assert isinstance(said, ClientTurn)
    assert not said.own_tools
