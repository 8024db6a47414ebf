"""What vendors of models refuse: requests that would be refused for good must not pass here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentgate_cli.standins.http_server import HttpRequest
from agentgate_cli.standins.model_forms import OpenAI


def flaw_of(form: type, request: HttpRequest, body: dict[str, Any]) -> str:
    """Return why a vendor would refuse a request, or ""."""
    if not body.get("stream"):
        return "stream: only streams are served here"
    if not body.get("messages"):
        return "messages: at least one message is required"
    if form is OpenAI:
        return pairs_flaw(openai_groups(body["messages"]))
    if "max_tokens" not in body:
        return "max_tokens: field required"
    if request.headers.get("anthropic-version", "") >= "2026":
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                return f"{name}: no longer supported"
    roles = [message["role"] for message in body["messages"]]
    if roles != (["user", "assistant"] * len(roles))[: len(roles)]:
        return "messages: roles must alternate, beginning with user"
    return pairs_flaw(anthropic_groups(body["messages"]))


Groups = Iterator[tuple[list[str], list[str]]]
"""The ids of the calls of each answer, and of the results that follow it."""


def pairs_flaw(groups: Groups) -> str:
    """Return which calls and results are no pairs, or ""."""
    for calls, results in groups:
        if sorted(calls) != sorted(results):
            return f"messages: tool calls {calls} and tool results {results} are no pairs"
    return ""


def anthropic_groups(messages: list[dict[str, Any]]) -> Groups:
    """Calls and results of Anthropic's messages."""
    calls: list[str] = []
    for message in messages:
        results = [one["tool_use_id"] for one in message["content"] if one["type"] == "tool_result"]
        yield calls, results
        calls = [one["id"] for one in message["content"] if one["type"] == "tool_use"]
    yield calls, []


def openai_groups(messages: list[dict[str, Any]]) -> Groups:
    """Calls and results of OpenAI's messages."""
    calls: list[str] = []
    results: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            results.append(message["tool_call_id"])
            continue
        yield calls, results
        calls, results = [one["id"] for one in message.get("tool_calls") or ()], []
    yield calls, results
