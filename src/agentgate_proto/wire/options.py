"""Requests to which the routes give but one answer: ``OPTIONS``, and methods that are not there."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agentgate_proto.wire.cors import is_preflight, preflight_answer
from agentgate_proto.wire.heads import RequestHead


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """An answer that no face needs to be asked for; without an error it has no body."""

    status: int
    headers: list[tuple[str, str]]
    error: str = ""

    @property
    def content_type(self) -> str:
        """Of the body, or ""."""
        return "application/json" if self.error else ""

    @property
    def body(self) -> bytes:
        """The error as JSON."""
        return json.dumps({"error": self.error}).encode() if self.error else b""


def answer_by_rule(request: RequestHead) -> RuleAnswer | None:
    """Answer a request that a face owns, or None: the face is to answer it."""
    if request.found is None:
        return None
    place = request.found.place
    allow = ("allow", place.allow)
    if request.method == "OPTIONS":
        if is_preflight(request.method, request.headers):
            return RuleAnswer(204, [allow, *preflight_answer(place, request.headers)])
        return RuleAnswer(204, [allow])
    if request.method in place.by_method:
        return None
    if not place.by_method:
        text = "this path is for WebSockets: ask for an upgrade"
        return RuleAnswer(426, [("upgrade", "websocket"), ("connection", "upgrade")], text)
    return RuleAnswer(405, [allow], f"use {place.allow}")
