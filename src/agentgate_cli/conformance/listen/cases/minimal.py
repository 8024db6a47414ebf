"""Level minimal: calls, their answers, and their acknowledgements."""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import UNKNOWN, Case, Wanted, asked, work
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.stage import Stage

OUTCOMES = (-32001, -32002, -32003, -32004, UNKNOWN)
"""Errors that have a number."""

REFUSALS = (-32006, -32602, -32600, -32603, -32011)
"""Errors that have none: nothing ran."""

NO_SUCH = -32099
METHOD_NOT_FOUND = -32601
LIMIT_EXCEEDED = -32006

TOO_LONG = "ü" * 600_000
"""By two bytes each it is above a gateway's message limit of 1,048,576 bytes; counted, below."""

SOON_S = 0.25
"""How long to listen for what would come at once."""

ARGUMENTS: tuple[Message, ...] = (
    {},
    {"text": 'ü\u2028\U0001f44d"\\\n\u0000', "": "an empty name"},
    {"nested": [[], {}, [{"a": [None, True, False, 0, -1, 0.5]}]], "large": 2**53 - 1},
)


def executed(stage: Stage) -> Wanted:
    """Answer in the reverse order of the ids."""
    values = [{"n": n, "text": "ü\u2028\U0001f44d", "null": None} for n in range(3)]
    pairs = zip(asked(stage, 3), values, strict=True)
    for message, value in sorted(pairs, key=lambda pair: -int(pair[0]["id"])):
        stage.answer(message["id"], value)
    return Wanted([{"data": value} for value in values])


def as_given(stage: Stage) -> Wanted:
    """See that arguments come as they were given."""
    left = list(ARGUMENTS)
    for _ in ARGUMENTS:
        message = stage.tool("work")
        if message["params"].get("args", {}) not in left:
            raise Broken("arguments came otherwise than they were given", "C1")
        left.remove(message["params"].get("args", {}))
        stage.answer(message["id"], None)
    return Wanted([{"data": None}] * len(ARGUMENTS))


def errors(stage: Stage) -> Wanted:
    """Answer with each code that an outcome may have."""
    for message, code in zip(asked(stage, len(OUTCOMES)), OUTCOMES, strict=True):
        if code == UNKNOWN:
            stage.memory.ban_params(message)
        stage.fail(message["id"], code)
    return Wanted([{"error": code} for code in OUTCOMES])


def refused(stage: Stage) -> Wanted:
    """Refuse, without a number; one is unknown all the same."""
    codes = (*REFUSALS, UNKNOWN)
    for message, code in zip(asked(stage, len(codes)), codes, strict=True):
        stage.refuse(message["id"], code)
    return Wanted([{"error": code} for code in codes])


def unheard_of(stage: Stage) -> Wanted:
    """Answer with a code that is in no table."""
    (message,) = asked(stage, 1)
    stage.fail(message["id"], NO_SUCH)
    return Wanted([{"error": NO_SUCH}])


def odd(stage: Stage) -> Wanted:
    """Answer with results that are none."""
    results: list[Any] = ["text", None, 5, [], {}, {"data": 1}]
    results += [{"status": "denied", "data": 1}, {"status": 1, "data": 1}]
    for message, result in zip(asked(stage, len(results)), results, strict=True):
        stage.memory.ban_params(message)
        stage.say({"jsonrpc": "2.0", "result": result, "id": message["id"]})
    return Wanted([{"error": UNKNOWN}] * len(results))


def null(stage: Stage) -> Wanted:
    """Answer without data, and with members that nobody knows."""
    first, second, third = asked(stage, 3)
    number = stage.next_number()
    result: Message = {"status": "executed", "seq": number}
    stage.say({"jsonrpc": "2.0", "result": result, "id": first["id"]})
    stage.answer(second["id"], None, unknown={"a": [1]})
    error = {"code": -32003, "message": "no", "unknown": [1], "data": {"seq": stage.next_number()}}
    stage.say({"jsonrpc": "2.0", "error": error, "id": third["id"], "unknown": {"b": None}})
    return Wanted([{"data": None}, {"data": None}, {"error": -32003}])


def nonsense(stage: Stage) -> Wanted:
    """Say what is no message, and notifications that fit nothing."""
    (message,) = asked(stage, 1)
    for text in (
        b"nonsense",
        b"[1, 2]",
        b"{}",
        b"5",
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":1}',
    ):
        stage.wire.send(frames.TEXT, text)
    for method in ("no_such", "request_waiting", "session_event", "tools.cancel"):
        stage.say({"jsonrpc": "2.0", "method": method, "params": {"odd": [None]}})
    stage.say({"jsonrpc": "2.0", "method": "request_waiting"})
    stage.quiet(SOON_S, "what is no message, or a notification, was answered", "M4", "M10")
    stage.answer(message["id"], "the first")
    return Wanted([{"data": "the first"}])


def once(stage: Stage) -> Wanted:
    """Answer for nobody, under another type of id, and twice."""
    (message,) = asked(stage, 1)
    waiting = {"request_id": message["id"], "expires_at": "2026-11-20T10:15:00.000Z", "rule": "r"}
    stage.say({"jsonrpc": "2.0", "method": "request_waiting", "params": waiting})
    stage.answer(987_654, "for nobody")
    stage.answer(str(message["id"]), "for the string, not for the number")
    stage.answer("no-such", "for nobody")
    stage.answer(None, "for nobody")
    stage.quiet(SOON_S, "an answer for which nothing waits was answered", "M9")
    stage.answer(message["id"], "the first")
    stage.answer(message["id"], "the second")
    return Wanted([{"data": "the first"}])


def unknown_requests(stage: Stage) -> Wanted:
    """Ask for what no client knows, under ids of every kind, the client's own among them."""
    (message,) = asked(stage, 1)
    for own in (message["id"], str(message["id"]), "x" * 256, -1, 2**53 - 1):
        stage.say({"jsonrpc": "2.0", "method": "no.such", "params": {}, "id": own})
        problem = "a request that the client does not know was not answered under its id"
        answer = stage.reply_to(own, problem, "M5", "M7")
        if type(answer["id"]) is not type(own):
            raise Broken(f"{problem}, but under {answer['id']!r} instead of {own!r}", "M6", "M7")
        error = answer.get("error")
        if not isinstance(error, dict) or error.get("code") != METHOD_NOT_FOUND:
            raise Broken(f"a request that the client does not know is {METHOD_NOT_FOUND}", "M5")
    stage.answer(message["id"], "after them")
    return Wanted([{"data": "after them"}])


def too_large(stage: Stage) -> Wanted:
    """See that what a gateway would not take is not sent."""
    first = stage.tool("work")
    is_small(first)
    stage.answer(first["id"], "small enough")
    report = stage.request("tool_request")
    is_small(report)
    stage.put_back(report)
    return Wanted([{"error": LIMIT_EXCEEDED, "sent": False}, {"data": "small enough"}])


def is_small(message: Message) -> None:
    """See that a request is none of the large ones.

    Raises:
        Broken: it is.
    """
    length = len(str(message["params"].get("args", {}).get("text", "")))
    if length:
        raise Broken(f"a request with {length} characters of text was sent", "C8")


def acknowledged(stage: Stage) -> Wanted:
    """Answer with numbers that have gaps, and with errors that have none."""
    messages = asked(stage, 4)
    stage.next_number(skip=4)
    stage.answer(messages[0]["id"], 0)
    stage.until(stage.all_acknowledged, f"number {stage.number} was not acknowledged", "N2", "N4")
    stage.next_number(skip=70)
    stage.fail(messages[1]["id"], -32003)
    stage.refuse(messages[2]["id"], LIMIT_EXCEEDED)
    stage.until(stage.all_acknowledged, f"number {stage.number} was not acknowledged", "N2", "N4")
    stage.answer(messages[3]["id"], 0)
    return Wanted([{"data": 0}, {"error": -32003}, {"error": LIMIT_EXCEEDED}, {"data": 0}])


def case(
    name: str, rules: tuple[str, ...], rule: str, calls: Any, play: Any, **members: Any
) -> Case:
    """A case of this level."""
    return Case(name, "minimal", rules, rule, calls, play, members=members)


CASES = (
    case(
        "answers in any order",
        ("M8", "C2", "C4", "T5", "M1", "M11"),
        "Each call gets the answer with its id.",
        work(3),
        executed,
    ),
    case(
        "arguments",
        ("C1", "C10"),
        "They come as they were given.",
        tuple({"tool": "work", "args": args} for args in ARGUMENTS),
        as_given,
    ),
    case("errors", ("C5", "C7"), "Each code reaches the caller.", work(len(OUTCOMES)), errors),
    case("an unknown error code", ("C5",), "It is an error like others.", work(1), unheard_of),
    case(
        "refusals",
        ("C11", "N6"),
        "An error without a number reaches the caller, and is not acknowledged.",
        work(len(REFUSALS) + 1),
        refused,
    ),
    case("odd results", ("C4", "C7"), "What is no success is unknown.", work(8), odd),
    case(
        "no data, and unknown members",
        ("C4", "M2"),
        "Missing data is null; what is unknown is ignored.",
        work(3),
        null,
    ),
    case("nonsense", ("M3", "M4", "M10"), "It is ignored, and not answered.", work(1), nonsense),
    case(
        "answers for nobody",
        ("C6", "C9", "M6", "M9"),
        "They are ignored, and a second answer too.",
        work(1),
        once,
    ),
    case(
        "unknown requests",
        ("M5", "M6", "M7"),
        "They are answered with -32601.",
        work(1),
        unknown_requests,
    ),
    case(
        "too large a request",
        ("C8", "X6"),
        "It is not sent, and its caller told so.",
        (
            {"tool": "work", "args": {"text": TOO_LONG}},
            {"tool": "work", "args": {}},
        ),
        too_large,
    ),
    case(
        "acknowledgement",
        ("N2", "N4", "N5", "N6"),
        "What has a number is acknowledged, whatever is missing before it.",
        work(4),
        acknowledged,
    ),
)
