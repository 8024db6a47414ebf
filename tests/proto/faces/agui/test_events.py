"""The events of AG-UI."""

from __future__ import annotations

from agentgate_proto.faces.agui import events
from agentgate_proto.records.usage import Usage


def test_what_says_nothing_is_left_out() -> None:
    assert events.event("X", a=1, b=None) == {"type": "X", "a": 1}
    assert "usage" not in events.failed("no", "failed")


def test_usage_is_told_by_model_with_the_cache_in_the_input() -> None:
    usage = {"m": Usage(input=10, output=2, cache_read=3, cache_write=1, cache_write_1h=2)}
    told = events.finished("t", "r", events.success([]), usage)
    assert told["usage"] == [
        {
            "model": "m",
            "inputTokens": 10,
            "outputTokens": 2,
            "totalTokens": 12,
            "reasoningTokens": 0,
            "cachedInputTokens": 3,
            "cacheWriteInputTokens": 3,
        }
    ]


def test_an_interrupt_says_what_it_knows() -> None:
    whole = events.interrupt("a1", "c1", "light.turn_on(hall)", "2026-01-01T00:00:00Z", "lights")
    assert whole == {
        "id": "a1",
        "reason": "tool_call",
        "message": "light.turn_on(hall)",
        "responseSchema": events.APPROVED,
        "toolCallId": "c1",
        "expiresAt": "2026-01-01T00:00:00Z",
        "metadata": {"rule": "lights"},
    }
    bare = events.interrupt("a1", "", "exceed_budget(…)", None, "")
    assert bare.keys() == {"id", "reason", "message", "responseSchema"}
    assert bare["reason"] == "budget"
