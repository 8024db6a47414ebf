"""A stand-in for vendors of models that answers whole, not in a stream.

It speaks OpenAI's chat completions and responses, and Anthropic's messages, and refuses what these
refuse: a wrong key, tools in another vendor's form, names that they don't take, results that belong
to no call. What the model says is given beforehand, in no vendor's form.
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import Any, Self

from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    HttpServer,
    json_response,
)
from agentgate_cli.standins.model_flaws import anthropic_groups, openai_groups, pairs_flaw

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

Say = str
"""What the model says, and ends with."""

Use = tuple[str, str, Any]
"""A tool call: id, name, arguments; a text: as the model wrote them."""


class AnsweringModels:
    """The server, as an async context manager.

    Attributes:
        turns: what the model does next, one for each request: a text, or tool calls.
        bodies: the requests, decoded.
    """

    KEY = "sk-stand-in"

    def __init__(self) -> None:
        self.turns: deque[Say | list[Use]] = deque()
        self.bodies: list[dict[str, Any]] = []
        self.http = HttpServer(self.answer)

    @property
    def url(self) -> str:
        """Anthropic's base URL; OpenAI's ends in ``/v1``."""
        return self.http.url

    async def __aenter__(self) -> Self:
        await self.http.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.http.__aexit__(*exc_info)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        body = json.loads(request.body)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = request.headers.get("x-api-key") or bearer
        path = request.target.partition("?")[0]
        act = {
            "/v1/chat/completions": (completions_flaw, completion),
            "/v1/responses": (responses_flaw, response),
            "/v1/messages": (messages_flaw, message),
        }.get(path)
        if act is None:
            return refusal(404, f"there is no {path} here")
        if key != self.KEY:
            return refusal(401, "invalid key")
        flaw, written = act
        if body.get("stream") or (why := flaw(body)):
            return refusal(400, "no streams here" if body.get("stream") else why)
        self.bodies.append(body)
        turn = self.turns.popleft()
        return json_response({"model": body["model"], **written(turn)})


def refusal(status: int, words: str) -> HttpResponse:
    """An error, in a form that both vendors have in common."""
    error = {"type": "invalid_request_error", "message": words}
    return json_response({"type": "error", "error": error}, status)


# OpenAI's chat completions


def completions_flaw(body: dict[str, Any]) -> str:
    """Return why OpenAI would refuse a chat completion, or ""."""
    for tool in body.get("tools", ()):
        if flaw := function_flaw(tool.get("function", {}), tool.get("type")):
            return flaw
    return pairs_flaw(openai_groups(body["messages"]))


def completion(turn: Say | list[Use]) -> dict[str, Any]:
    """Write a chat completion."""
    said: dict[str, Any] = {"role": "assistant", "content": turn if isinstance(turn, str) else None}
    if not isinstance(turn, str):
        said["tool_calls"] = [
            {"id": i, "type": "function", "function": {"name": name, "arguments": text_of(args)}}
            for i, name, args in turn
        ]
    finish = "stop" if isinstance(turn, str) else "tool_calls"
    choice = {"index": 0, "message": said, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "usage": usage}
    return {**whole, "choices": [choice]}


# OpenAI's responses


def responses_flaw(body: dict[str, Any]) -> str:
    """Return why OpenAI would refuse to make a response, or ""."""
    for tool in body.get("tools", ()):
        if flaw := function_flaw(tool, tool.get("type")):
            return flaw
    items = body["input"] if isinstance(body["input"], list) else []
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    kind = "function_call_output"
    results = [item["call_id"] for item in items if item.get("type") == kind]
    return pairs_flaw(iter([(calls, results)]))


def response(turn: Say | list[Use]) -> dict[str, Any]:
    """Write a response."""
    if isinstance(turn, str):
        text = {"type": "output_text", "text": turn, "annotations": []}
        said = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
        output: list[dict[str, Any]] = [{**said, "content": [text]}]
    else:
        output = [
            {
                "id": f"fc_{i}",
                "type": "function_call",
                "call_id": i,
                "name": name,
                "arguments": text_of(args),
                "status": "completed",
            }
            for i, name, args in turn
        ]
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed"}
    rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return {**whole, **rest, "output": output}


# Anthropic's messages


def messages_flaw(body: dict[str, Any]) -> str:
    """Return why Anthropic would refuse a message, or ""."""
    if "max_tokens" not in body:
        return "max_tokens: field required"
    for tool in body.get("tools", ()):
        if not NAME.fullmatch(tool.get("name", "")) or "input_schema" not in tool:
            return f"tools: {tool}"
        if tool["input_schema"].get("type") != "object":
            return "tools.input_schema.type: must be object"
    roles = [each["role"] for each in body["messages"]]
    if roles != (["user", "assistant"] * len(roles))[: len(roles)]:
        return "messages: roles must alternate, beginning with user"
    whole = [
        {**each, "content": each["content"] if isinstance(each["content"], list) else []}
        for each in body["messages"]
    ]
    return pairs_flaw(anthropic_groups(whole))


def message(turn: Say | list[Use]) -> dict[str, Any]:
    """Write a message."""
    content: list[dict[str, Any]]
    if isinstance(turn, str):
        content = [{"type": "text", "text": turn}]
    else:
        content = [{"type": "tool_use", "id": i, "name": name, "input": a} for i, name, a in turn]
    stop = "end_turn" if isinstance(turn, str) else "tool_use"
    usage = {"input_tokens": 10, "output_tokens": 5}
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "stop_sequence": None}
    return {**whole, "content": content, "stop_reason": stop, "usage": usage}


def function_flaw(function: dict[str, Any], kind: str | None) -> str:
    """Return what is wrong with a tool in OpenAI's form, or ""."""
    if kind != "function" or not NAME.fullmatch(function.get("name", "")):
        return f"tools: {function}"
    if function.get("parameters", {}).get("type") != "object":
        return "tools.parameters.type: must be object"
    return ""


def text_of(args: Any) -> str:
    """Arguments as OpenAI writes them."""
    return args if isinstance(args, str) else json.dumps(args)
