"""What a client of chat completions is answered: chunks, whole answers, models, errors.

Source: OpenAI's API reference; openai 3.57, whose types the tests check all of it with.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.bearer import CHALLENGE
from agentgate_proto.faces.client_messages import Misfit
from agentgate_proto.faces.conversing import shown
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.records.session import RunStatus
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.usage_methods import ModelList

DONE = "[DONE]"
"""What a stream ends with; it is no JSON."""

OWNER = "agentgate"

FINISHED = {
    RunStatus.COMPLETED: "stop",
    RunStatus.MAX_TOKENS: "length",
    RunStatus.MAX_ITERATIONS: "length",
    RunStatus.REFUSAL: "content_filter",
}
"""How a run ended, as a ``finish_reason``; otherwise there is no answer, but an error."""

BAD_REQUEST, SERVER_ERROR, TOO_MANY = "invalid_request_error", "server_error", "rate_limit_error"

KINDS: dict[int, tuple[int, str, str]] = {
    ErrorCode.INVALID_PARAMS: (400, BAD_REQUEST, "invalid_request"),
    ErrorCode.AUTHENTICATION: (401, BAD_REQUEST, "invalid_api_key"),
    ErrorCode.FORBIDDEN: (403, BAD_REQUEST, "forbidden"),
    ErrorCode.SESSION_NOT_FOUND: (404, BAD_REQUEST, "session_not_found"),
    ErrorCode.MODEL_FAILED: (404, BAD_REQUEST, "model_not_found"),
    ErrorCode.RUN_IN_PROGRESS: (409, BAD_REQUEST, "run_in_progress"),
    ErrorCode.LIMIT_EXCEEDED: (429, TOO_MANY, "rate_limit_exceeded"),
    ErrorCode.INTERNAL_ERROR: (503, SERVER_ERROR, "unavailable"),
}
"""Status, type and code for each error that a call can end with."""

ENDS: dict[str, tuple[int, str, str]] = {
    RunStatus.BUDGET: (429, TOO_MANY, "insufficient_quota"),
    RunStatus.CANCELLED: (409, BAD_REQUEST, "cancelled"),
    RunStatus.INTERRUPTED: (503, SERVER_ERROR, "interrupted"),
    RunStatus.TRUNCATED: (502, SERVER_ERROR, "truncated"),
    RunStatus.FAILED: (502, SERVER_ERROR, "model_failed"),
}
"""The same for runs that have no answer."""

NO_USE = ("cancelled", "insufficient_quota", "waits_for_person")
"""What asking again at once does not mend. OpenAI's SDKs would, twice, unless they are told."""

PAUSE_S = 2.0
"""After which asking again makes sense, where nobody says more: runs end soon."""


class Answered(msgspec.Struct, kw_only=True):
    """An answer, as far as it has come.

    Attributes:
        text, reasoning: what is said.
        calls: of the client's tools: id, name, arguments.
        finish: why it ended.
        usage: what it took.
    """

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, str]] = []
    finish: str = "stop"
    usage: Usage = Usage()


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What all parts of an answer have.

    Attributes:
        run: id of the run.
        model: its name.
        created: UTC seconds.
        has_usage: the last chunk but one says what it took.
    """

    run: str
    model: str
    created: int
    has_usage: bool = False

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        """Return a chunk of a stream."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._framed("chat.completion.chunk", [choice], None)

    def usage_chunk(self, usage: Usage) -> dict[str, Any]:
        """Return the chunk that says what the answer took."""
        return self._framed("chat.completion.chunk", [], usage_of(usage))

    def whole(self, answer: Answered) -> Reply:
        """Return a whole answer."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
        message["refusal"] = None
        if answer.reasoning:
            message["reasoning_content"] = answer.reasoning
        if answer.calls:
            message["tool_calls"] = [call_of(*call) for call in answer.calls]
        else:
            message["content"] = answer.text
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
        body = self._framed("chat.completion", [choice], usage_of(answer.usage))
        return Reply(200, msgspec.json.encode(body))

    def _framed(self, kind: str, choices: list[Any], usage: Any) -> dict[str, Any]:
        framed = {
            "id": f"chatcmpl-{self.run}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }
        if self.has_usage or usage is not None:
            framed["usage"] = usage
        return framed


def call_of(call: str, name: str, arguments: str) -> dict[str, Any]:
    """Return a call of a tool of the client's."""
    function = {"name": name, "arguments": arguments}
    return {"id": call, "type": "function", "function": function}


def usage_of(usage: Usage) -> dict[str, Any]:
    """Say what an answer took: what came from a cache is part of the prompt, as with us."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking},
    }


def models_reply(models: ModelList, created: int) -> Reply:
    """Answer which models there are."""
    rows = [model_row(row.name, created) for row in models.models]
    return Reply(200, msgspec.json.encode({"object": "list", "data": rows}))


def model_reply(models: ModelList, name: str, created: int) -> Reply:
    """Answer whether there is a model."""
    if any(row.name == name for row in models.models):
        return Reply(200, msgspec.json.encode(model_row(name, created)))
    return error_reply(404, BAD_REQUEST, "model_not_found", f"there is no model {shown(name)!r}")


def model_row(name: str, created: int) -> dict[str, Any]:
    """Return a model as a list has it."""
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}


def error_of(kind: str, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """Return an error, as it stands in a body or in a stream."""
    return {"error": {"message": message, "type": kind, "param": param or None, "code": code}}


def error_reply(
    status: int,
    kind: str,
    code: str,
    message: str,
    param: str | None = None,
    *,
    retry_after_s: float | None = None,
) -> Reply:
    """Answer with an error."""
    headers = {}
    if status == 401:
        headers = dict([CHALLENGE])
    elif code in NO_USE:
        headers["x-should-retry"] = "false"
    elif status in (429, 503) or code == "run_in_progress":
        headers["retry-after"] = str(int(PAUSE_S if retry_after_s is None else retry_after_s) + 1)
    body = msgspec.json.encode(error_of(kind, code, message, param))
    return Reply(status, body, headers)


def misfit_reply(misfit: Misfit) -> Reply:
    """Answer a request that can't be answered as it is."""
    if misfit.is_large:
        return error_reply(413, BAD_REQUEST, "string_above_max_length", str(misfit), misfit.param)
    return error_reply(400, BAD_REQUEST, "invalid_request", str(misfit), misfit.param)


def refusal_reply(code: int, message: str, data: Any) -> Reply:
    """Answer a call that was refused."""
    status, kind, name = KINDS.get(code, (500, SERVER_ERROR, "internal_error"))
    pause = data.get("retry_after_s") if isinstance(data, dict) else None
    known = ERRORS.get(ErrorCode(code)) if code in KINDS else None
    words = message or (known.message if known is not None else "Internal error")
    if code == ErrorCode.RUN_IN_PROGRESS and isinstance(data, dict) and data.get("approvals"):
        waits = ", ".join(map(str, data["approvals"]))
        name, words = "waits_for_person", f"{words}; it waits for a person: {waits}"
    return error_reply(status, kind, name, words, retry_after_s=pause)


def entrance_reply(status: int, reason: str, headers: dict[str, str]) -> Reply:
    """Answer somebody who is not let in."""
    codes = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
    kind = TOO_MANY if status == 429 else BAD_REQUEST
    body = msgspec.json.encode(error_of(kind, codes.get(status, "forbidden"), reason))
    return Reply(status, body, headers)


def end_of(status: str, reason: str) -> tuple[int, str, str, str]:
    """Return how a run without an answer is told: status, type, code, message."""
    http_status, kind, code = ENDS[status]
    return http_status, kind, code, reason or f"the run is {status}"
