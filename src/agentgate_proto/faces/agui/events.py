"""The events of AG-UI. No member is ever null: its clients refuse that.

Source: AG-UI 1.0, ``spec/1.0/schema.json``; its Python types, which the tests check all of it with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agentgate_proto.records.session import RunStatus
from agentgate_proto.records.usage import Usage

VERSION = "1.0"

DONE = (
    RunStatus.COMPLETED,
    RunStatus.MAX_TOKENS,
    RunStatus.MAX_ITERATIONS,
    RunStatus.REFUSAL,
)
"""How runs end that have an answer, be it a part of one: ``result`` says more."""

APPROVED = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "code": {"type": "string"}},
    "required": ["approved"],
}
"""What answers an interrupt."""

Event = dict[str, Any]


def event(kind: str, **members: Any) -> Event:
    """Return an event; members that say nothing are left out."""
    return {"type": kind, **{name: each for name, each in members.items() if each is not None}}


def started(thread: str, run: str) -> Event:
    """A run begins."""
    return event("RUN_STARTED", threadId=thread, runId=run, protocolVersion=VERSION)


def failed(message: str, code: str, usage: Mapping[str, Usage] | None = None) -> Event:
    """A run has failed."""
    return event("RUN_ERROR", message=message, code=code, usage=usage_of(usage or {}))


def finished(
    thread: str,
    run: str,
    outcome: Event,
    usage: Mapping[str, Usage],
    result: Event | None = None,
) -> Event:
    """A run is over, or waits for somebody."""
    return event(
        "RUN_FINISHED",
        threadId=thread,
        runId=run,
        outcome=outcome,
        usage=usage_of(usage),
        result=result,
    )


def success(pending: Iterable[str]) -> Event:
    """It has come to an end; these calls are the client's to run."""
    calls = list(pending)
    return {"type": "success", **({"pendingToolCallIds": calls} if calls else {})}


def interrupt(approval: str, call: str, signature: str, expires_at: str | None, rule: str) -> Event:
    """A person is asked. ``call`` is "" where it is about no tool that the model has called."""
    members: Event = {
        "id": approval,
        "reason": "tool_call" if call else "budget",
        "message": signature,
        "responseSchema": APPROVED,
    }
    if call:
        members["toolCallId"] = call
    if expires_at:
        members["expiresAt"] = expires_at
    if rule:
        members["metadata"] = {"rule": rule}
    return members


def usage_of(usage: Mapping[str, Usage]) -> list[Event] | None:
    """Say what the models took, by their names; None: nothing is known. Input has the cache in it,
    as with us."""
    rows = [
        {
            "model": model,
            "inputTokens": each.input,
            "outputTokens": each.output,
            "totalTokens": each.input + each.output,
            "reasoningTokens": each.thinking,
            "cachedInputTokens": each.cache_read,
            "cacheWriteInputTokens": each.cache_write + each.cache_write_1h,
        }
        for model, each in usage.items()
    ]
    return rows or None
