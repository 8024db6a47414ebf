"""Streams in Anthropic's form, each with what it says: shapes that were recorded, in our words."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    Restarted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.records.usage import Usage

Data = list[dict[str, Any]]


def start(model: str = "claude-x", **usage: Any) -> dict[str, Any]:
    usage = usage or {"input_tokens": 10, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": model}
    return {"type": "message_start", "message": {**message, "usage": usage}}


def begun(index: int | None, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grown(index: int | None, kind: str, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def closed(index: int | None) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def stopped(reason: str | None, **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason},
        "usage": usage or {"output_tokens": 1},
    }


END = {"type": "message_stop"}
PING = {"type": "ping"}


def text(index: int, *pieces: str) -> Data:
    """A whole block of text."""
    deltas = [grown(index, "text_delta", text=piece) for piece in pieces]
    return [begun(index, type="text", text=""), *deltas, closed(index)]


def tool(index: int, call: str, *pieces: str, **block: Any) -> Data:
    """A whole block of a tool call."""
    deltas = [grown(index, "input_json_delta", partial_json=piece) for piece in pieces]
    first = begun(index, type="tool_use", id=call, name="look", input={}, **block)
    return [first, *deltas, closed(index)]


def seen(**usage: int) -> UsageSeen:
    return UsageSeen(Usage(**usage))


def made(call: str, args: bytes = b"{}", problem: str = "") -> CallMade:
    return CallMade(id=call, name="look", args=msgspec.Raw(args), problem=problem)


def ended(stop: Stop, *blocks: bytes, model_id: str = "claude-x") -> Ended:
    content = b"[%b]" % b",".join(blocks) if blocks else b""
    return Ended(stop=stop, blocks=content, model_id=model_id)


FIRST = seen(input=10, output=1)
SIGNED = b'{"type":"thinking","thinking":"Hm.","signature":"sig"}'

STREAMS: dict[str, tuple[Data, list[ModelEvent]]] = {
    "a text, with pings in a block": (
        [
            start(),
            begun(0, type="text", text=""),
            PING,
            grown(0, "text_delta", text="Grüße, "),
            PING,
            grown(0, "text_delta", text=""),
            grown(0, "text_delta", text="Welt 🌍"),
            closed(0),
            stopped("end_turn", output_tokens=7),
            END,
        ],
        [
            FIRST,
            TextDelta("Grüße, "),
            TextDelta("Welt 🌍"),
            seen(input=10, output=7),
            ended(Stop.END, '{"type":"text","text":"Grüße, Welt 🌍"}'.encode()),
        ],
    ),
    "thinking, then calls, one without arguments": (
        [
            start(),
            begun(0, type="thinking", thinking="", signature=""),
            grown(0, "thinking_delta", thinking="Hm."),
            grown(0, "signature_delta", signature="sig"),
            closed(0),
            *tool(1, "c1", "", '{"a', '": [1]}'),
            *tool(2, "c2", "", caller={"type": "direct"}),
            stopped("tool_use", output_tokens=9),
            END,
        ],
        [
            FIRST,
            ThinkingDelta("Hm."),
            made("c1", b'{"a": [1]}'),
            made("c2"),
            seen(input=10, output=9),
            ended(
                Stop.TOOLS,
                SIGNED,
                b'{"type":"tool_use","id":"c1","name":"look","input":{"a": [1]}}',
                b'{"type":"tool_use","id":"c2","name":"look","input":{},"caller":{"type":"direct"}}',
            ),
        ],
    ),
    "the message begins twice, and nothing was said": (
        [start(), start(), *text(0, "a"), stopped("end_turn"), END],
        [FIRST, TextDelta("a"), ended(Stop.END, b'{"type":"text","text":"a"}')],
    ),
    "another message begins in the middle of a call": (
        [
            start(),
            *text(0, "Look"),
            begun(1, type="tool_use", id="lost", name="look", input={}),
            grown(1, "input_json_delta", partial_json='{"value":"Spark'),
            start(),
            *tool(0, "c1", '{"value":"Sparkle"}'),
            stopped("tool_use"),
            END,
        ],
        [
            FIRST,
            TextDelta("Look"),
            Restarted("the vendor has begun its answer anew"),
            made("c1", b'{"value":"Sparkle"}'),
            ended(
                Stop.TOOLS,
                b'{"type":"tool_use","id":"c1","name":"look","input":{"value":"Sparkle"}}',
            ),
        ],
    ),
    "a call is cut by the limit": (
        [
            start(),
            *text(0, "a"),
            begun(1, type="tool_use", id="c1", name="look", input={}),
            grown(1, "input_json_delta", partial_json='{"a": "rm -rf /'),
            stopped("max_tokens", output_tokens=100),
            END,
        ],
        [
            FIRST,
            TextDelta("a"),
            seen(input=10, output=100),
            Noted("a call of look was cut off; it is not made"),
            ended(Stop.MAX_TOKENS, b'{"type":"text","text":"a"}'),
        ],
    ),
    "thinking is cut by the limit": (
        [
            start(),
            begun(0, type="thinking", thinking="", signature=""),
            grown(0, "thinking_delta", thinking="Hm"),
            stopped("max_tokens"),
            END,
        ],
        [FIRST, ThinkingDelta("Hm"), ended(Stop.MAX_TOKENS)],
    ),
    "thinking that nobody has signed": (
        [
            start(),
            begun(0, type="thinking", thinking="", signature=""),
            grown(0, "thinking_delta", thinking="Hm"),
            closed(0),
            *text(1, "a"),
            stopped("end_turn"),
            END,
        ],
        [
            FIRST,
            ThinkingDelta("Hm"),
            TextDelta("a"),
            ended(Stop.END, b'{"type":"text","text":"a"}'),
        ],
    ),
    "the reason of an answer that was withdrawn": (
        [start(), *text(0, "a"), stopped("max_tokens"), start(), *text(0, "b"), END],
        [
            FIRST,
            TextDelta("a"),
            Restarted("the vendor has begun its answer anew"),
            TextDelta("b"),
            ended(Stop.END, b'{"type":"text","text":"b"}'),
        ],
    ),
    "a text is cut by the limit": (
        [
            start(),
            begun(0, type="text", text="a"),
            grown(0, "text_delta", text="b"),
            stopped("model_context_window_exceeded"),
            END,
        ],
        [
            FIRST,
            TextDelta("a"),
            TextDelta("b"),
            ended(Stop.MAX_TOKENS, b'{"type":"text","text":"ab"}'),
        ],
    ),
    "a refusal": (
        [start(), PING, stopped("refusal", output_tokens=5), END],
        [FIRST, seen(input=10, output=5), ended(Stop.REFUSAL)],
    ),
    "a reason that nobody knows": (
        [start(), *text(0, "a"), stopped("bored"), END],
        [FIRST, TextDelta("a"), ended(Stop.END, b'{"type":"text","text":"a"}')],
    ),
    "the reason is an end, and there are calls": (
        [start(), *tool(0, "c1"), stopped("end_turn"), END],
        [
            FIRST,
            made("c1"),
            ended(Stop.TOOLS, b'{"type":"tool_use","id":"c1","name":"look","input":{}}'),
        ],
    ),
    "another model goes on": (
        [
            start(),
            *text(7, "I will not"),
            begun(
                0, type="fallback", **{"from": {"model": "claude-x"}, "to": {"model": "claude-y"}}
            ),
            closed(0),
            *text(1, "a"),
            stopped("end_turn"),
            END,
        ],
        [
            FIRST,
            TextDelta("I will not"),
            Noted("claude-y goes on instead of claude-x"),
            TextDelta("a"),
            ended(Stop.END, b'{"type":"text","text":"a"}', model_id="claude-y"),
        ],
    ),
    "another model goes on, and nobody says which": (
        [
            start(),
            begun(0, type="fallback"),
            closed(0),
            *text(1, "a"),
            stopped("end_turn"),
            END,
        ],
        [FIRST, TextDelta("a"), ended(Stop.END, b'{"type":"text","text":"a"}')],
    ),
    "usage with caches and thinking, corrected later; a null corrects nothing, a zero does": (
        [
            start(
                input_tokens=43,
                cache_read_input_tokens=100,
                cache_creation_input_tokens=30,
                cache_creation={"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
                output_tokens=3,
            ),
            stopped(
                "end_turn",
                input_tokens=61,
                cache_read_input_tokens=None,
                output_tokens=0,
                output_tokens_details={"thinking_tokens": 0},
            ),
            stopped(None, output_tokens=9, output_tokens_details={"thinking_tokens": 4}),
            END,
        ],
        [
            seen(input=173, cache_read=100, cache_write=10, cache_write_1h=20, output=3),
            seen(input=191, cache_read=100, cache_write=10, cache_write_1h=20, output=0),
            seen(
                input=191, cache_read=100, cache_write=10, cache_write_1h=20, output=9, thinking=4
            ),
            ended(Stop.END),
        ],
    ),
    "an error in the middle": (
        [
            start(),
            *text(0, "a"),
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            END,
        ],
        [
            FIRST,
            TextDelta("a"),
            Failed(failure=Failure.RETRYABLE, message="overloaded_error: Overloaded"),
        ],
    ),
    "an error that lasts": (
        [
            start(),
            {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}},
        ],
        [FIRST, Failed(failure=Failure.FATAL, message="invalid_request_error: no")],
    ),
    "a flat error": (
        [start(), {"error": "the cat sat on it"}],
        [FIRST, Failed(failure=Failure.RETRYABLE, message="the cat sat on it")],
    ),
    "no end": (
        [start(), *text(0, "a"), stopped("end_turn")],
        [
            FIRST,
            TextDelta("a"),
            Failed(failure=Failure.TRUNCATED, message="the stream ended before the answer did"),
        ],
    ),
    "arguments that are none": (
        [
            start(),
            *tool(0, "c1", '{"a": '),
            *tool(1, "c2", "[1]"),
            *tool(2, "c3", '{"a":' + "[" * 3_000),
            *tool(3, "c4", "null"),
            stopped("tool_use"),
            END,
        ],
        [
            FIRST,
            made("c1", problem="its arguments are no JSON"),
            made("c2", problem="its arguments are no object"),
            made("c3", problem="its arguments are nested more than 64 levels deep"),
            made("c4"),
            ended(
                Stop.TOOLS,
                *(
                    b'{"type":"tool_use","id":"c%d","name":"look","input":{}}' % number
                    for number in (1, 2, 3, 4)
                ),
            ),
        ],
    ),
    "arguments that stand there at once": (
        [
            start(),
            begun(0, type="tool_use", id="c1", name="look", input={"a": 1}),
            closed(0),
            stopped("tool_use"),
            END,
        ],
        [
            FIRST,
            made("c1", b'{"a":1}'),
            ended(Stop.TOOLS, b'{"type":"tool_use","id":"c1","name":"look","input":{"a":1}}'),
        ],
    ),
    "a call that stands in the message when it begins": (
        [
            {
                "type": "message_start",
                "message": {
                    **start()["message"],
                    "content": [
                        {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}}
                    ],
                },
            },
            stopped("tool_use"),
            END,
        ],
        [
            FIRST,
            made("c1", b'{"a":1}'),
            ended(Stop.TOOLS, b'{"type":"tool_use","id":"c1","name":"look","input":{"a":1}}'),
        ],
    ),
    "no index": (
        [
            start(),
            begun(None, type="text", text=""),
            grown(None, "text_delta", text="a"),
            closed(None),
            begun(None, type="tool_use", id="c1", name="look", input={}),
            grown(None, "input_json_delta", partial_json='{"a":1}'),
            closed(None),
            stopped("tool_use"),
            END,
        ],
        [
            FIRST,
            TextDelta("a"),
            made("c1", b'{"a":1}'),
            ended(
                Stop.TOOLS,
                b'{"type":"text","text":"a"}',
                b'{"type":"tool_use","id":"c1","name":"look","input":{"a":1}}',
            ),
        ],
    ),
    "blocks that the vendor's own tools make": (
        [
            start(),
            begun(0, type="server_tool_use", id="s1", name="web_search", input={}),
            grown(0, "input_json_delta", partial_json='{"q":"x"}'),
            closed(0),
            begun(1, type="web_search_tool_result", tool_use_id="s1", content=[]),
            closed(1),
            begun(2, type="compaction", content=None),
            grown(2, "compaction_delta", content="In short"),
            closed(2),
            begun(3, type="redacted_thinking", data="x"),
            closed(3),
            begun(4, type="text", text="", citations=None),
            grown(4, "citations_delta", citation={"n": 1}),
            grown(4, "citations_delta", citation={"n": 2}),
            grown(4, "text_delta", text="a"),
            closed(4),
            stopped("end_turn"),
            END,
        ],
        [
            FIRST,
            TextDelta("a"),
            ended(
                Stop.END,
                b'{"type":"server_tool_use","id":"s1","name":"web_search","input":{"q":"x"}}',
                b'{"type":"web_search_tool_result","tool_use_id":"s1","content":[]}',
                b'{"type":"compaction","content":"In short"}',
                b'{"type":"redacted_thinking","data":"x"}',
                b'{"type":"text","text":"a","citations":[{"n":1},{"n":2}]}',
            ),
        ],
    ),
    "a text in which nothing can be seen": (
        [start(), *text(0, " ", "\n"), stopped("end_turn"), END],
        [FIRST, TextDelta(" "), TextDelta("\n"), ended(Stop.END)],
    ),
    "events and deltas that nobody knows, or that belong to nothing": (
        [
            start(),
            {"type": "moon_phase", "phase": 0.5},
            grown(0, "text_delta", text="lost"),
            closed(0),
            {"type": "content_block_delta", "index": 0},
            *text(0, "a"),
            begun(1, type="text"),
            grown(1, "smell_delta"),
            grown(1, "signature_delta"),
            closed(1),
            {"type": "content_block_start", "index": 3},
            closed(3),
            closed(None),
            {"type": "message_delta"},
            END,
            *text(0, "behind the end"),
        ],
        [
            FIRST,
            TextDelta("a"),
            ended(Stop.END, b'{"type":"text","text":"a"}'),
        ],
    ),
}
