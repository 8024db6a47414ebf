"""What a client of chat completions is answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.faces.stories import MODELS

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.client_messages import Misfit
from agentgate_proto.faces.completions.replies import (
    ENDS,
    FINISHED,
    KINDS,
    Answered,
    Form,
    end_of,
    entrance_reply,
    misfit_reply,
    model_reply,
    models_reply,
    refusal_reply,
)
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.records.session import RunStatus
from agentgate_proto.records.usage import Usage

FORM = Form(run="r1", model="m", created=5)


def body(reply: Reply) -> Any:
    return msgspec.json.decode(reply.body)


def error(reply: Reply) -> Any:
    return body(reply)["error"]


def test_each_end_of_a_run_has_its_word() -> None:
    assert set(FINISHED) | set(ENDS) == set(RunStatus)
    assert end_of("budget", "")[3] == "the run is budget"
    assert end_of("failed", "why")[3] == "why"


def test_a_chunk_says_nothing_of_usage_unless_that_was_wanted() -> None:
    assert FORM.chunk({"content": "x"}) == {
        "id": "chatcmpl-r1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "m",
        "choices": [
            {"index": 0, "delta": {"content": "x"}, "logprobs": None, "finish_reason": None}
        ],
    }
    wanted = msgspec.structs.replace(FORM, has_usage=True)
    assert wanted.chunk({})["usage"] is None
    chunk = wanted.usage_chunk(Usage(input=10, output=2, cache_read=4, thinking=1))
    assert chunk["choices"] == []
    assert chunk["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


def test_a_whole_answer_of_text_of_thoughts_and_of_calls() -> None:
    choice = body(FORM.whole(Answered(text="yes")))["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "yes", "refusal": None}
    assert choice["finish_reason"] == "stop"
    answer = Answered(reasoning="hm", calls=[("c1", "look", "{}")], finish="tool_calls")
    message = body(FORM.whole(answer))["choices"][0]["message"]
    function = {"name": "look", "arguments": "{}"}
    assert message == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    assert body(FORM.whole(Answered()))["choices"][0]["message"]["content"] == ""


def test_models_are_listed_and_found() -> None:
    name = MODELS.models[0].name
    row = {"id": name, "object": "model", "created": 5, "owned_by": "agentgate"}
    assert body(models_reply(MODELS, 5)) == {"object": "list", "data": [row]}
    assert body(model_reply(MODELS, name, 5)) == row
    missing = model_reply(MODELS, "gpt", 5)
    assert (missing.status, error(missing)["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("code", "data", "status", "headers"),
    [
        (ErrorCode.AUTHENTICATION, None, 401, {"www-authenticate": "Bearer"}),
        (ErrorCode.LIMIT_EXCEEDED, {"retry_after_s": 7.5}, 429, {"retry-after": "8"}),
        (ErrorCode.LIMIT_EXCEEDED, None, 429, {"retry-after": "3"}),
        (ErrorCode.INTERNAL_ERROR, None, 503, {"retry-after": "3"}),
        (ErrorCode.RUN_IN_PROGRESS, {}, 409, {"retry-after": "3"}),
        (ErrorCode.RUN_IN_PROGRESS, {"approvals": ["a"]}, 409, {"x-should-retry": "false"}),
        (ErrorCode.SESSION_NOT_FOUND, None, 404, {}),
        (ErrorCode.NOT_FOUND, None, 500, {}),
    ],
)
def test_a_call_that_was_refused(
    code: ErrorCode, data: Any, status: int, headers: dict[str, str]
) -> None:
    reply = refusal_reply(code, "", data)
    assert (reply.status, reply.headers) == (status, headers)
    assert error(reply)["message"]
    assert (status == 500) == (code not in KINDS)


def test_what_a_busy_session_waits_for_is_said() -> None:
    reply = refusal_reply(ErrorCode.RUN_IN_PROGRESS, "busy", {"run": "r", "approvals": ["a", "b"]})
    assert error(reply)["message"] == "busy; it waits for a person: a, b"
    assert error(reply)["code"] == "waits_for_person"


def test_a_misfit_names_its_part() -> None:
    reply = misfit_reply(Misfit("no", "n"))
    assert (reply.status, error(reply)["param"]) == (400, "n")
    assert error(misfit_reply(Misfit("no", "")))["param"] is None
    assert misfit_reply(Misfit("no", is_large=True)).status == 413


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (403, "forbidden"), (429, "rate_limit_exceeded")]
)
def test_who_is_not_let_in_is_told_so(status: int, code: str) -> None:
    reply = entrance_reply(status, "no", {"retry-after": "5"})
    assert (reply.status, error(reply)["code"]) == (status, code)
    assert reply.headers == {"retry-after": "5"}
