"""A stand-in for the models of other people's clients: it wants one tool after the other.

It speaks what each client speaks to its model (Anthropic Messages, OpenAI Responses and chat
completions, Gemini) as far as they look at it, and keeps what the client told its model of each
tool. The script says which tools are wanted, by the end of the names that the client gives them.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FINAL = "All done."


@dataclass(frozen=True, slots=True)
class Wish:
    """One tool call that the model wants.

    Attributes:
        tool: the end of its name; "": none, it says ``FINAL``.
        args: made when it is called, of the results that were seen before.
    """

    tool: str
    args: Callable[[list[str]], dict[str, Any]]


def wish(tool: str, **args: Any) -> Wish:
    """A call with these arguments."""
    return Wish(tool, lambda _: args)


def thinking(for_s: float, /, **args: Any) -> Callable[[list[str]], dict[str, Any]]:
    """The arguments of a call that the model makes after some time."""

    def after_a_while(_: list[str]) -> dict[str, Any]:
        time.sleep(for_s)
        return args

    return after_a_while


@dataclass
class Script:
    """What the model wants, and what it was told.

    Attributes:
        wishes: in order.
        results: the text of each tool's result, as the client told it to the model.
        offered: the names of the tools that the client offered last.
        problems: what went otherwise than the script wanted.
        heard: all that the model was told last, as JSON.
    """

    wishes: list[Wish]
    results: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    heard: str = ""

    def next(self, offered: list[str], results: list[str]) -> tuple[str, dict[str, Any]] | None:
        """Say which tool is called next, of those that are offered; None: the model is done.

        Args:
            offered: the names of the tools.
            results: what the conversation has of tools so far, in order.
        """
        self.results = results
        if offered:
            self.offered = offered
        if len(results) >= len(self.wishes):
            return None
        wanted = self.wishes[len(results)]
        found = [name for name in offered if name.endswith(wanted.tool)]
        if not found:
            self.problems.append(f"{wanted.tool} is not offered: {offered}")
            return None
        return min(found, key=len), wanted.args(results)


Events = Iterator[tuple[str, dict[str, Any]]]
"""Server-sent events: type ("": none) and data."""


def text_of(content: Any) -> str:
    """Take the text out of a tool's result, whichever way a client writes it."""
    match content:
        case str():
            return content
        case list():
            return "\n".join(text_of(item) for item in content)
        case {"text": str(text)}:
            return text
        case {"output": output}:
            return text_of(output)
        case {"error": error}:
            return text_of(error)
        case None:
            return ""
        case _:
            return json.dumps(content)


# Anthropic Messages


def messages(script: Script, body: dict[str, Any]) -> Events:
    """Answer Claude Code."""
    offered = [tool["name"] for tool in body.get("tools") or []]
    results = [
        text_of(block.get("content"))
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block.get("type") == "tool_result"
    ]
    wanted = script.next(offered, results) if offered else None
    head = {
        "id": f"msg_{len(results)}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    yield "message_start", {"type": "message_start", "message": head}
    if wanted is None:
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta: dict[str, Any] = {"type": "text_delta", "text": FINAL}
    else:
        name, args = wanted
        block = {"type": "tool_use", "id": f"toolu_{len(results):02}", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(args)}
    yield (
        "content_block_start",
        {"type": "content_block_start", "index": 0, "content_block": block},
    )
    yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    reason = "end_turn" if wanted is None else "tool_use"
    end = {"stop_reason": reason, "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": {"output_tokens": 9}}
    yield "message_stop", {"type": "message_stop"}


# OpenAI Responses


def responses(script: Script, body: dict[str, Any]) -> Events:
    """Answer Codex."""
    offered: list[str] = []
    spaces: dict[str, str] = {}
    for tool in body.get("tools") or []:
        if tool.get("type") == "namespace":
            for inner in tool.get("tools") or []:
                offered.append(inner["name"])
                spaces[inner["name"]] = tool["name"]
        elif tool.get("type") == "function":
            offered.append(tool["name"])
    results = [
        text_of(item.get("output"))
        for item in body["input"]
        if item.get("type") == "function_call_output"
    ]
    wanted = script.next(offered, results)
    number = len(results)
    answer = {"id": f"resp_{number}", "object": "response", "status": "in_progress", "output": []}
    yield "response.created", {"type": "response.created", "response": answer}
    if wanted is None:
        item: dict[str, Any] = {
            "type": "message",
            "id": f"msg_{number}",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": FINAL, "annotations": []}],
        }
    else:
        name, args = wanted
        item = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": name,
            "arguments": json.dumps(args),
            "status": "completed",
        }
        if name in spaces:
            item["namespace"] = spaces[name]
    yield (
        "response.output_item.added",
        {"type": "response.output_item.added", "output_index": 0, "item": item},
    )
    yield (
        "response.output_item.done",
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    )
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    whole = {**answer, "status": "completed", "output": [item], "usage": usage}
    yield "response.completed", {"type": "response.completed", "response": whole}


# OpenAI chat completions


def completions(script: Script, body: dict[str, Any]) -> Events:
    """Answer opencode."""
    offered = [tool["function"]["name"] for tool in body.get("tools") or []]
    results = [text_of(each["content"]) for each in body["messages"] if each["role"] == "tool"]
    wanted = script.next(offered, results) if offered else None
    delta: dict[str, Any] = {"role": "assistant", "content": FINAL}
    if wanted is not None:
        name, args = wanted
        function = {"name": name, "arguments": json.dumps(args)}
        call = {"index": 0, "id": f"call_{len(results)}", "type": "function", "function": function}
        delta = {"role": "assistant", "content": None, "tool_calls": [call]}
    head = {"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    reason = "stop" if wanted is None else "tool_calls"
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    yield "", {**head, "choices": [choice]}
    choice = {"index": 0, "delta": {}, "finish_reason": reason}
    yield "", {**head, "choices": [choice], "usage": usage}


# Gemini


def gemini(script: Script, body: dict[str, Any]) -> Events:
    """Answer the Gemini CLI."""
    declared = [
        each
        for tool in body.get("tools") or []
        for each in tool.get("functionDeclarations") or tool.get("function_declarations") or []
    ]
    offered = [each["name"] for each in declared]
    results = [
        text_of(part["functionResponse"]["response"])
        for content in body["contents"]
        for part in content.get("parts") or []
        if "functionResponse" in part
    ]
    wanted = script.next(offered, results) if offered else None
    part: dict[str, Any] = {"text": FINAL}
    if wanted is not None:
        name, args = wanted
        part = {"functionCall": {"id": f"call_{len(results)}", "name": name, "args": args}}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    content = {"role": "model", "parts": [part]}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    yield "", {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "stand-in"}


FORMS: dict[str, Callable[[Script, dict[str, Any]], Events]] = {
    "/v1/messages": messages,
    "/v1/responses": responses,
    "/v1/chat/completions": completions,
}


class Models(ThreadingHTTPServer):
    """See the module. Give each client a script, then its ``url``.

    Attributes:
        script: the one that is followed.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = Script([])
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Models

    def do_HEAD(self) -> None:
        """Say that there is something."""
        self.reply(200, {})

    def do_GET(self) -> None:
        """Say which models there are."""
        self.reply(200, {"object": "list", "data": [{"id": "stand-in", "object": "model"}]})

    def do_POST(self) -> None:
        """Answer as the model."""
        path = self.path.partition("?")[0]
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.loads(raw or b"{}")
        if path.endswith("/count_tokens"):
            self.reply(200, {"input_tokens": 10})
            return
        is_gemini = "GenerateContent" in path or "generateContent" in path
        form = gemini if is_gemini else FORMS.get(path.replace("/v1/v1/", "/v1/"))
        if form is None:
            self.reply(404, {"error": {"type": "not_found_error", "message": path}})
            return
        with self.server.lock:
            if body.get("tools"):
                self.server.script.heard = raw.decode()
            events = list(form(self.server.script, body))
        if is_gemini and "stream" not in path:
            self.reply(200, events[0][1])
        elif form is messages and not body.get("stream"):
            self.reply(200, whole_message(events))
        else:
            self.stream(events, done=form is completions)

    def stream(self, events: list[tuple[str, dict[str, Any]]], *, done: bool) -> None:
        """Send server-sent events."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for kind, data in events:
            line = f"event: {kind}\n" if kind else ""
            self.wfile.write(f"{line}data: {json.dumps(data)}\n\n".encode())
        if done:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def reply(self, status: int, body: dict[str, Any]) -> None:
        """Send a whole answer."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it)
        """Say nothing."""


def whole_message(events: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Make one Anthropic message of its events."""
    by_kind = dict(events)
    message: dict[str, Any] = dict(by_kind["message_start"]["message"])
    block = dict(by_kind["content_block_start"]["content_block"])
    delta = by_kind["content_block_delta"]["delta"]
    if block["type"] == "text":
        block["text"] = delta["text"]
    else:
        block["input"] = json.loads(delta["partial_json"])
    reason = by_kind["message_delta"]["delta"]["stop_reason"]
    return {**message, "content": [block], "stop_reason": reason}
