"""Streams of chat completions, each with what it says: shapes that were recorded, in our words.

The servers' names say where a shape was met first; several share most of them.
"""

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
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.records.usage import Usage

Data = list[dict[str, Any] | str]
DONE = "[DONE]"
HEAD = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}


def chunk(finish: str | None = None, /, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**HEAD, "choices": [choice]}


def piece(arguments: Any = None, name: str | None = None, **members: Any) -> dict[str, Any]:
    """A piece of a tool call."""
    function = {"name": name, "arguments": arguments}
    return {
        **members,
        "function": {key: function[key] for key in function if function[key] is not None},
    }


def calls(*pieces: dict[str, Any], finish: str | None = None, **members: Any) -> dict[str, Any]:
    return {**chunk(finish, tool_calls=list(pieces)), **members}


def usage(prompt: int, completion: int, **members: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, **members}
    return {**HEAD, "choices": [], "usage": counts}


def seen(**counts: int) -> UsageSeen:
    return UsageSeen(Usage(**counts))


def made(call: str, args: bytes = b"{}", name: str = "look", problem: str = "") -> CallMade:
    return CallMade(id=call, name=name, args=msgspec.Raw(args), problem=problem)


def ended(stop: Stop, blocks: bytes = b"") -> Ended:
    return Ended(stop=stop, blocks=blocks, model_id="m-1")


CUT = Failed(failure=Failure.TRUNCATED, message="the stream ended before the answer did")

STREAMS: dict[str, tuple[Data, list[ModelEvent]]] = {
    "a text, then usage in a chunk of its own": (
        [
            {**HEAD, "model": "", "choices": [], "prompt_filter_results": []},
            chunk(role="assistant", content="", refusal=None),
            chunk(content="Grüße, "),
            chunk(content="Welt 🌍"),
            chunk("stop"),
            usage(9, 4, prompt_tokens_details={"cached_tokens": 3, "cache_write_tokens": 2}),
            DONE,
        ],
        [
            TextDelta("Grüße, "),
            TextDelta("Welt 🌍"),
            seen(input=9, output=4, cache_read=3, cache_write=2),
            ended(Stop.END),
        ],
    ),
    "calls side by side, the second without arguments": (
        [
            chunk(role="assistant", content=None),
            calls(piece("", "look", index=0, id="c1", type="function")),
            calls(piece('{"a', index=0)),
            calls(piece("", "look", index=1, id="c2", type="function")),
            calls(piece('": 1}', index=0)),
            chunk("tool_calls"),
            DONE,
        ],
        [made("c1", b'{"a": 1}'), made("c2"), ended(Stop.TOOLS)],
    ),
    "mistral: no index, and call, end and usage in one chunk": (
        [
            chunk(role="assistant", content=""),
            calls(
                piece('{"a": 1}', "look", id="c1"),
                piece("{}", "look", id="c2"),
                finish="tool_calls",
                usage={"prompt_tokens": 1, "completion_tokens": 2},
            ),
            DONE,
        ],
        [
            seen(input=1, output=2),
            made("c1", b'{"a": 1}'),
            made("c2"),
            ended(Stop.TOOLS),
        ],
    ),
    "mistral: a name that is empty later, thinking in parts": (
        [
            chunk(
                content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, 7, {}]}]
            ),
            chunk(content=[{"type": "text", "text": "a"}, {"type": "image"}, 7]),
            calls(piece("", "look", index=0, id="c1")),
            calls(piece('{"a":1}', "", index=0)),
            chunk("tool_calls", content=""),
            DONE,
        ],
        [ThinkingDelta("Hm"), TextDelta("a"), made("c1", b'{"a":1}'), ended(Stop.TOOLS)],
    ),
    "no index: pieces go on by their id, or behind the last": (
        [
            calls(piece('{"a"', "look", id="c1")),
            calls(piece('{"b"', "look", id="c2")),
            calls(piece(":1}", id="c1")),
            calls(piece(":2}")),
            chunk("tool_calls"),
            DONE,
        ],
        [made("c1", b'{"a":1}'), made("c2", b'{"b":2}'), ended(Stop.TOOLS)],
    ),
    "no index, no id, no name to begin with": (
        [calls(piece('{"a":1}')), calls(piece(None, "look")), chunk("stop"), DONE],
        [made("", b'{"a":1}', name=""), made(""), ended(Stop.TOOLS)],
    ),
    "ids that change from piece to piece": (
        [
            calls(piece('{"a":', "look", index=0, id="c1")),
            calls(piece(" 1}", "look", index=0, id="c1-again")),
            calls(piece("", "look", index=0, id="c1-once-more")),
            chunk("tool_calls"),
            DONE,
        ],
        [made("c1", b'{"a": 1}'), ended(Stop.TOOLS)],
    ),
    "every call has the number 0": (
        [
            calls(piece('{"a":1}', "look", index=0, id="c1")),
            calls(piece('{"a":2}', "look", index=0, id="c2")),
            chunk("stop"),
            DONE,
        ],
        [made("c1", b'{"a":1}'), made("c2", b'{"a":2}'), ended(Stop.TOOLS)],
    ),
    "arguments that are an object already": (
        [calls(piece({"a": 1}, "look", index=0, id="c1")), chunk("stop"), DONE],
        [made("c1", b'{"a":1}'), ended(Stop.TOOLS)],
    ),
    "deepseek: thinking that is wanted back, usage null until the end": (
        [
            {**chunk(role="assistant", content=None, reasoning_content=""), "usage": None},
            {**chunk(content=None, reasoning_content="Hm"), "usage": None},
            {**calls(piece("{}", "look", index=0, id="c1")), "usage": None},
            {
                **chunk("tool_calls", content="", reasoning_content=None),
                "usage": {
                    "prompt_tokens": 339,
                    "completion_tokens": 83,
                    "total_tokens": 422,
                    "prompt_cache_hit_tokens": 320,
                    "completion_tokens_details": {"reasoning_tokens": 39},
                },
            },
            DONE,
        ],
        [
            ThinkingDelta("Hm"),
            seen(input=339, output=83, cache_read=320, thinking=39),
            made("c1"),
            ended(
                Stop.TOOLS,
                b'{"role":"assistant","content":null,"reasoning_content":"Hm","tool_calls":'
                b'[{"id":"c1","type":"function","function":{"name":"look","arguments":"{}"}}]}',
            ),
        ],
    ),
    "thinking, then a text": (
        [chunk(reasoning_content="Hm"), chunk(content="a"), chunk("stop"), DONE],
        [
            ThinkingDelta("Hm"),
            TextDelta("a"),
            ended(Stop.END, b'{"role":"assistant","content":"a","reasoning_content":"Hm"}'),
        ],
    ),
    "thinking, and then nothing": (
        [chunk(reasoning_content="Hm"), chunk("length"), DONE],
        [ThinkingDelta("Hm"), ended(Stop.MAX_TOKENS)],
    ),
    "groq: thinking by another name, usage at another place": (
        [
            {**chunk(role="assistant"), "x_groq": {"id": "r"}},
            chunk(reasoning="Hm"),
            chunk(reasoning={"odd": True}),
            chunk(content="a"),
            {**chunk("stop"), "x_groq": {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}},
            DONE,
        ],
        [ThinkingDelta("Hm"), TextDelta("a"), seen(input=7, output=3), ended(Stop.END)],
    ),
    "both names of thinking say the same": (
        [chunk(reasoning="Hm", reasoning_content="Hm"), chunk("stop"), DONE],
        [ThinkingDelta("Hm"), ended(Stop.END)],
    ),
    "xai: no null for what is not there, thinking counted beside what is written": (
        [
            {**HEAD, "choices": [{"index": 0, "delta": {"content": "a"}}]},
            {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            usage(307, 26, total_tokens=560, completion_tokens_details={"reasoning_tokens": 227}),
            DONE,
        ],
        [TextDelta("a"), seen(input=307, output=253, thinking=227), ended(Stop.END)],
    ),
    "llama.cpp: a null first, timings, and a call behind the reason stop": (
        [
            chunk(role="assistant", content=None),
            calls(piece("{}", "look", index=0, id="c1")),
            {**chunk("stop"), "timings": {"predicted_n": 3}},
            DONE,
        ],
        [made("c1"), ended(Stop.TOOLS)],
    ),
    "gemini: a note on a call that is wanted back": (
        [
            calls(piece("{}", "look", index=0, id="c1", extra_content={"google": {"s": "x"}})),
            calls(piece("{}", "look", index=1, id="c2")),
            chunk("tool_calls"),
            DONE,
        ],
        [
            made("c1"),
            made("c2"),
            ended(
                Stop.TOOLS,
                b'{"role":"assistant","content":null,"tool_calls":['
                b'{"id":"c1","type":"function","function":{"name":"look","arguments":"{}"},'
                b'"extra_content":{"google":{"s":"x"}}},'
                b'{"id":"c2","type":"function","function":{"name":"look","arguments":"{}"}}]}',
            ),
        ],
    ),
    "usage is zero first, then null, then real; a zero that is real counts": (
        [
            {**chunk(content="a"), "usage": {"prompt_tokens": 0, "completion_tokens": 0}},
            {**chunk("stop"), "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
            usage(5, 0, prompt_tokens_details=None),
            {"choices": None, "usage": {"prompt_tokens": None, "completion_tokens": None}},
            DONE,
        ],
        [TextDelta("a"), seen(input=5, output=6), seen(input=5, output=0), ended(Stop.END)],
    ),
    "more from the cache than was read": (
        [chunk("stop"), usage(5, 6, prompt_tokens_details={"cached_tokens": 9}), DONE],
        [seen(input=5, output=6, cache_read=5), ended(Stop.END)],
    ),
    "a reason that nobody knows": (
        [chunk(content="a"), chunk("bored"), DONE],
        [TextDelta("a"), ended(Stop.END)],
    ),
    "a filter": (
        [chunk(content="a"), chunk("content_filter"), DONE],
        [TextDelta("a"), ended(Stop.REFUSAL)],
    ),
    "a refusal in words": (
        [chunk(refusal="I would rather not"), chunk("stop"), DONE],
        [TextDelta("I would rather not"), ended(Stop.REFUSAL)],
    ),
    "a call is cut by the limit, another was whole": (
        [
            calls(piece('{"a":1}', "look", index=0, id="c1")),
            calls(piece('{"a": "rm -rf /', "run", index=1, id="c2")),
            calls(piece("", "run", index=2, id="c3")),
            chunk("length"),
            DONE,
        ],
        [
            made("c1", b'{"a":1}'),
            Noted("a call of run was cut off; it is not made"),
            Noted("a call of run was cut off; it is not made"),
            ended(Stop.MAX_TOKENS),
        ],
    ),
    "arguments that are none": (
        [
            calls(piece('{"a": ', "look", index=0, id="c1")),
            calls(piece("[1]", "look", index=1, id="c2")),
            chunk("tool_calls"),
            DONE,
        ],
        [
            made("c1", problem="its arguments are no JSON"),
            made("c2", problem="its arguments are no object"),
            ended(Stop.TOOLS),
        ],
    ),
    "an error in the middle": (
        [
            chunk(content="a"),
            {"error": {"message": "full", "type": "server_error", "code": None}},
            DONE,
        ],
        [TextDelta("a"), Failed(failure=Failure.RETRYABLE, message="server_error: full")],
    ),
    "an error in words": (
        [{"error": "the cat sat on it", "error_type": "x"}],
        [Failed(failure=Failure.RETRYABLE, message="the cat sat on it")],
    ),
    "no end": ([chunk(content="a")], [TextDelta("a"), CUT]),
    "no end, and a proxy that says that it is one": (
        [chunk(content="a"), DONE],
        [TextDelta("a"), CUT],
    ),
    "an end without its mark": (
        [chunk(content="a"), chunk("stop")],
        [TextDelta("a"), ended(Stop.END)],
    ),
    "another answer beside the one that was asked for": (
        [
            {**HEAD, "choices": [{"index": 1, "delta": {"content": "b"}}]},
            {**HEAD, "choices": [{"delta": {"content": "a"}}, {"index": 0}]},
            chunk("stop"),
            DONE,
            chunk(content="behind the end"),
        ],
        [TextDelta("a"), ended(Stop.END)],
    ),
}
