"""An editor's connection: requests and their answers, sessions that come and go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.acp.house import House
from tests.proto.faces.acp.logs import AT
from tests.proto.faces.acp.seat import Seat

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp.editor import BUSY, TITLE_CHARS, Editor
from agentgate_proto.faces.acp.messages import MESSAGE_IDS_MAX
from agentgate_proto.faces.acp.opening import THREADS_MAX
from agentgate_proto.faces.conversing import CALLS_MAX
from agentgate_proto.limits import MESSAGE_CHARS_MAX
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    ListSessions,
    SendMessage,
    SetMetadata,
)
from agentgate_proto.rpc.usage_methods import ListModels, ReportUsage


def seat(**more: Any) -> Seat:
    return House().connect(**more)


def text_of(updates: list[Any]) -> str:
    return "".join(each["content"]["text"] for each in updates)


def test_a_client_is_told_what_there_is() -> None:
    it = seat()
    found = it.result("initialize", protocolVersion=7, clientCapabilities={})
    assert found["protocolVersion"] == 1
    assert found["agentInfo"]["version"] == "1.2"
    assert found["agentCapabilities"]["loadSession"] is True
    assert found["authMethods"] == []


def test_a_prompt_is_answered_when_its_run_has_ended() -> None:
    it = seat()
    kept = it.new()
    asked = it.prompt(kept, "What is 2+2?")
    kept.model()
    kept.text("Fo")
    kept.text("ur")
    it.work()
    assert it.answer(asked) is None
    chunks = it.updates("agent_message_chunk")
    assert text_of(chunks) == "Four"
    assert {each["messageId"] for each in chunks} == {"r1-1-1"}
    kept.finish()
    it.work()
    assert it.answer(asked)["result"] == {"stopReason": "end_turn"}
    message = next(each for each in it.house.asked if isinstance(each, SendMessage))
    assert (message.text, message.queue, message.model) == ("What is 2+2?", True, "large")
    assert it.updates("user_message_chunk") == []


@pytest.mark.parametrize(
    ("status", "stop"),
    [
        ("completed", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("max_iterations", "max_turn_requests"),
        ("refusal", "refusal"),
        ("cancelled", "cancelled"),
    ],
)
def test_the_end_of_a_run_is_told_by_a_reason(status: str, stop: str) -> None:
    it = seat()
    kept = it.new()
    asked = it.prompt(kept)
    kept.finish(status)
    it.work()
    assert it.answer(asked)["result"] == {"stopReason": stop}


@pytest.mark.parametrize("status", ["failed", "truncated", "interrupted", "budget"])
def test_an_end_without_an_answer_is_an_error(status: str) -> None:
    it = seat()
    kept = it.new()
    asked = it.prompt(kept)
    kept.finish(status, "the model is away")
    it.work()
    error = it.answer(asked)["error"]
    assert (error["code"], error["message"]) == (-32603, "the model is away")
    assert error["data"] == {"run": "r1", "status": status}


def test_an_end_without_words_says_its_status() -> None:
    it = seat()
    kept = it.new()
    asked = it.prompt(kept)
    kept.finish("failed")
    it.work()
    assert it.answer(asked)["error"]["message"] == "the run is failed"


def test_a_second_prompt_waits_for_its_turn() -> None:
    it = seat()
    kept = it.new()
    first, second = it.prompt(kept, "one"), it.prompt(kept, "two")
    kept.finish()
    it.work()
    assert it.answer(first) is not None
    assert it.answer(second) is None
    kept.finish("max_tokens")
    it.work()
    assert it.answer(second)["result"] == {"stopReason": "max_tokens"}


def test_what_another_face_says_in_the_session_is_told() -> None:
    it = seat()
    kept = it.new()
    kept.begin("r9", "theirs", "Hi from the phone")
    kept.model()
    kept.text("Hi")
    it.work()
    assert text_of(it.updates("user_message_chunk")) == "Hi from the phone"


def test_the_first_prompt_is_the_title() -> None:
    it = seat()
    kept = it.new()
    it.prompt(kept, "Look  at\nthis " + "x" * 100)
    (told,) = it.updates("session_info_update")
    assert told["title"] == "Look at this " + "x" * (TITLE_CHARS - 13) + "…"
    it.prompt(kept, "Another")
    assert it.updates("session_info_update") == []
    (row,) = it.result("session/list")["sessions"]
    assert (row["title"], row["cwd"], row["updatedAt"]) == (told["title"], "/p", AT)


# Sessions


def test_sessions_are_listed_by_pages_and_by_folders() -> None:
    it = seat()
    first = it.new()
    second = it.result("session/new", cwd="/q", mcpServers=[])["sessionId"]
    third = it.house.make({"acp": "of somebody else"})
    page = it.result("session/list")
    assert [row["sessionId"] for row in page["sessions"]] == [third.view.id, second]
    assert page["sessions"][0]["cwd"] == third.view.workspace
    assert page["sessions"][0]["title"] == f"Session of {AT}"
    rest = it.result("session/list", cursor=page["nextCursor"])
    assert [row["sessionId"] for row in rest["sessions"]] == [first.view.id]
    assert "nextCursor" not in rest
    (row,) = it.result("session/list", cwd="/q")["sessions"]
    assert row["sessionId"] == second


def test_what_a_client_would_have_started_is_not_and_it_is_told_so() -> None:
    it = seat()
    server = {"name": "x", "command": "x", "args": [], "env": []}
    found = it.result("session/new", cwd="/p", mcpServers=[server])
    assert found["_meta"] == {"agentgate/ignored": ["mcpServers"]}


def test_a_client_chooses_the_model() -> None:
    it = seat()
    found = it.result("session/new", cwd="/p", mcpServers=[])
    (option,) = found["configOptions"]
    assert option["currentValue"] == "large"
    assert [each["value"] for each in option["options"]] == ["large", "small"]
    name = found["sessionId"]
    chosen = it.result("session/set_config_option", sessionId=name, configId="model", value="small")
    assert chosen["configOptions"][0]["currentValue"] == "small"
    it.prompt(it.house.sessions[name])
    message = next(each for each in it.house.asked if isinstance(each, SendMessage))
    assert message.model == "small"
    other = it.house.connect()
    resumed = other.result("session/resume", sessionId=name, cwd="/p")
    assert resumed["configOptions"][0]["currentValue"] == "small"


@pytest.mark.parametrize(
    ("option", "value"), [("model", "huge"), ("model", True), ("mode", "large")]
)
def test_another_option_is_refused(option: str, value: Any) -> None:
    it = seat()
    name = it.new().view.id
    asked = it.ask("session/set_config_option", sessionId=name, configId=option, value=value)
    assert it.answer(asked)["error"]["code"] == -32602


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("session/prompt", {"prompt": [{"type": "text", "text": "x"}]}),
        ("session/set_config_option", {"configId": "model", "value": "small"}),
    ],
)
def test_a_session_that_is_not_open_here_is_opened_first(method: str, more: Any) -> None:
    it = seat()
    name = it.house.make().view.id
    error = it.answer(it.ask(method, sessionId=name, **more))["error"]
    assert (error["code"], "session/load" in error["message"]) == (-32602, True)


def test_a_closed_session_is_quiet_and_its_prompts_are_cancelled() -> None:
    it = seat()
    kept = it.new()
    first, second = it.prompt(kept), it.prompt(kept)
    kept.call()
    kept.wait()
    it.work()
    assert it.result("session/close", sessionId=kept.view.id) == {}
    assert it.withdrawn() == ["permission-a1"]
    for asked in (first, second):
        assert it.answer(asked)["result"] == {"stopReason": "cancelled"}
    assert kept.open == []  # both runs were ended
    it.updates()
    kept.append("note", text="later")
    it.work()
    assert it.updates() == []
    assert it.result("session/close", sessionId=kept.view.id) == {}


def test_a_prompt_that_was_on_its_way_when_its_session_was_closed_does_not_run_on() -> None:
    it = seat()
    kept = it.new()
    it.late = []
    asked = it.prompt(kept)
    it.ask("session/close", sessionId=kept.view.id)
    assert it.answer(asked)["result"] == {"stopReason": "cancelled"}
    it.settle()
    assert kept.open == []


def test_a_deleted_session_is_gone_and_deleting_it_again_is_well() -> None:
    it = seat()
    kept = it.new()
    asked = it.prompt(kept)
    other = it.house.connect()
    for _ in range(2):
        assert other.result("session/delete", sessionId=kept.view.id) == {}
    it.editor.gone(kept.view.id)
    it.editor.gone(kept.view.id)
    it.work()
    assert it.answer(asked)["error"]["code"] == -32002
    error = it.answer(it.prompt(kept))["error"]
    assert error["code"] == -32602


def test_no_more_sessions_are_open_than_a_connection_may_have() -> None:
    it = seat()
    for _ in range(THREADS_MAX):
        it.new()
    asked = it.ask("session/new", cwd="/p", mcpServers=[])
    assert "close some" in it.answer(asked)["error"]["message"]
    it.result("session/close", sessionId="s2")
    it.new()


# Cancelling


def test_cancelling_a_session_ends_what_runs_and_what_waits() -> None:
    it = seat()
    kept = it.new()
    first, second = it.prompt(kept), it.prompt(kept)
    for _ in range(2):
        it.tell("session/cancel", sessionId=kept.view.id)
    for asked in (first, second):
        assert it.answer(asked)["result"] == {"stopReason": "cancelled"}
    calls = [each for each in it.house.asked if isinstance(each, CancelRun)]
    assert [each.run for each in calls] == ["r1", "r2", ""]


def test_a_prompt_is_cancelled_that_nobody_has_taken_yet() -> None:
    it = seat()
    kept = it.new()
    it.late = []
    asked = it.prompt(kept)
    it.tell("session/cancel", sessionId=kept.view.id)
    it.settle()
    assert it.answer(asked)["result"] == {"stopReason": "cancelled"}


def test_one_request_is_cancelled() -> None:
    it = seat()
    kept, other = it.new(), it.new()
    first, second = it.prompt(kept), it.prompt(other)
    it.tell("$/cancel_request", requestId=second)
    it.tell("$/cancel_request", requestId=99)
    assert it.answer(first) is None
    assert it.answer(second)["result"] == {"stopReason": "cancelled"}


def test_a_run_of_another_face_is_cancelled_as_well() -> None:
    it = seat()
    kept = it.new()
    kept.open.append("r9")
    it.tell("session/cancel", sessionId=kept.view.id)
    assert kept.open == []


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_cancelled_prompt_is_never_an_error(status: str) -> None:
    it = seat()
    kept = it.new()
    asked = it.prompt(kept)
    it.house.refusals[CancelRun] = ErrorCode.INTERNAL_ERROR
    it.tell("session/cancel", sessionId=kept.view.id)
    kept.finish(status)
    it.work()
    assert it.answer(asked)["result"] == {"stopReason": "cancelled"}


def test_a_cancelled_prompt_that_is_refused_is_no_error_either() -> None:
    it = seat()
    kept = it.new()
    it.late = []
    asked = it.prompt(kept)
    it.tell("session/cancel", sessionId=kept.view.id)
    it.house.refusals[SendMessage] = ErrorCode.LIMIT_EXCEEDED
    it.settle()
    assert it.answer(asked)["result"] == {"stopReason": "cancelled"}


def test_cancels_are_not_more_than_questions_may_be() -> None:
    it = seat()
    kept = it.new()
    it.late = []
    for _ in range(2 * CALLS_MAX):
        it.tell("session/cancel", sessionId=kept.view.id)
    assert len(it.late) == CALLS_MAX


# What is refused


@pytest.mark.parametrize(
    ("params", "method", "code"),
    [
        (CreateSession, "session/new", -32603),
        (ListModels, "session/new", -32603),
        (ReportUsage, "session/new", -32603),
        (ListSessions, "session/list", -32603),
        (DeleteSession, "session/delete", -32603),
        (GetSession, "session/load", -32603),
    ],
)
def test_what_the_sessions_refuse_is_refused(params: type, method: str, code: int) -> None:
    it = seat()
    name = it.house.make().view.id
    it.house.refusals[params] = ErrorCode.LIMIT_EXCEEDED
    error = it.answer(it.ask(method, sessionId=name, cwd="/p", mcpServers=[]))["error"]
    assert (error["code"], error["data"]) == (code, {"code": "LIMIT_EXCEEDED"})
    it.house.refusals.clear()
    assert it.new()


def test_a_session_that_there_is_not_is_not_found() -> None:
    it = seat()
    asked = it.ask("session/load", sessionId="none", cwd="/p", mcpServers=[])
    assert it.answer(asked)["error"]["code"] == -32002


def test_a_prompt_that_the_session_refuses_is_refused_and_the_next_is_not() -> None:
    it = seat()
    kept = it.new()
    it.house.refusals[SendMessage] = ErrorCode.LIMIT_EXCEEDED
    assert it.answer(it.prompt(kept))["error"]["code"] == -32603
    it.house.refusals.clear()
    asked = it.prompt(kept)
    kept.finish()
    it.work()
    assert it.answer(asked)["result"] == {"stopReason": "end_turn"}


def test_metadata_that_is_not_kept_stops_nothing() -> None:
    it = seat()
    kept = it.new()
    it.house.refusals[SetMetadata] = ErrorCode.INTERNAL_ERROR
    asked = it.prompt(kept)
    kept.finish()
    it.work()
    assert it.answer(asked)["result"] == {"stopReason": "end_turn"}


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "nothing"),
        ([{"type": "text", "text": " \n"}], "nothing"),
        ([{"type": "text", "text": "x" * MESSAGE_CHARS_MAX}] * 2, "characters"),
        ([{"type": "image", "data": "", "mimeType": "image/png"}], "image"),
    ],
)
def test_a_prompt_that_says_nothing_or_too_much_is_refused(blocks: Any, words: str) -> None:
    it = seat()
    kept = it.new()
    error = it.answer(it.ask("session/prompt", sessionId=kept.view.id, prompt=blocks))["error"]
    assert (error["code"], words in error["message"]) == (-32602, True)


def test_so_many_prompts_of_a_session_are_open_and_no_more() -> None:
    it = seat()
    kept = it.new()
    for _ in range(MESSAGE_IDS_MAX):
        it.prompt(kept)
    assert it.answer(it.prompt(kept))["error"] == {"code": -32600, "message": BUSY}


def test_who_does_not_wait_for_answers_is_refused() -> None:
    it = seat()
    it.late = []
    for _ in range(CALLS_MAX):
        it.ask("session/list")
    refused = it.ask("session/list")
    assert it.answer(refused)["error"]["message"] == BUSY
    it.settle()
    assert it.result("session/list")


@pytest.mark.parametrize("method", ["authenticate", "session/fork", "fs/read_text_file"])
def test_other_methods_are_not_found(method: str) -> None:
    it = seat()
    assert it.answer(it.ask(method))["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("initialize", {}),
        ("session/new", {"cwd": 7}),
        ("session/load", {"sessionId": ""}),
        ("session/prompt", {"sessionId": "s"}),
        ("session/prompt", {"sessionId": "s", "prompt": [{"text": "x"}]}),
    ],
)
def test_parameters_that_do_not_fit_are_refused(method: str, params: Any) -> None:
    it = seat()
    assert it.answer(it.ask(method, **params))["error"]["code"] == -32602


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"jsonrpc":"1.0","id":1,"method":"x"}'])
def test_what_is_no_message_is_answered_without_an_id(text: str) -> None:
    it = seat()
    it.receive(text)
    (answer,) = it.sent
    assert answer["id"] is None
    assert answer["error"]["code"] in (-32700, -32600)


def test_notifications_that_mean_nothing_here_are_left_alone() -> None:
    it = seat()
    it.tell("session/cancel")
    it.tell("session/cancel", sessionId="none")
    it.tell("document/didOpen", uri="file:///x")
    it.receive({"jsonrpc": "2.0", "id": 900, "result": {}})
    assert it.sent == []


def test_events_of_a_session_that_is_not_open_are_left_alone() -> None:
    it = seat()
    it.editor.take("none", [])
    assert it.work().sent == []


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_answered_or_left_alone(text: str) -> None:
    it = Editor("p", may_decide=True, version="1")
    it.receive(text)
    effect = it.next_effect()
    assert effect is None or json.loads(effect.text)["error"]  # type: ignore[union-attr]


def test_a_session_that_can_not_be_watched_is_refused() -> None:
    it = seat()
    kept = it.house.make()
    it.late = []
    asked = it.ask("session/resume", sessionId=kept.view.id, cwd="/p")
    for _ in range(3):  # it is found, models and usage are asked
        late, it.late = it.late, []
        it.do(late[0])
        it.work()
    assert isinstance(it.late[0].params, AttachSession)  # type: ignore[union-attr]
    del it.house.sessions[kept.view.id]
    it.settle()
    assert it.answer(asked)["error"]["code"] == -32002


def test_a_session_is_opened_once_at_a_time() -> None:
    it = seat()
    kept = it.house.make()
    it.late = []
    first = it.ask("session/load", sessionId=kept.view.id, cwd="/p", mcpServers=[])
    other = it.ask("session/load", sessionId="other", cwd="/p", mcpServers=[])
    second = it.ask("session/resume", sessionId=kept.view.id, cwd="/p")
    assert it.answer(second)["error"]["code"] == -32600
    it.settle()
    assert "result" in it.answer(first)
    assert "error" in it.answer(other)
