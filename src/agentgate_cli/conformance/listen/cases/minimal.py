"""Level minimal: what every client must do."""

from __future__ import annotations

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.stage import Stage

UNKNOWN = -32007
CODES = (-32001, -32002, -32003, -32004, -32006, UNKNOWN, -32602, -32099)
LARGE_BYTES = 700_000
"""Needs the longest form of a frame's length, and still fits the client's report."""


def executed(stage: Stage) -> Wanted:
    """Answer in the reverse order."""
    values = [{"n": n, "text": "ü\u2028\U0001f44d", "null": None} for n in range(3)]
    for message, value in reversed(list(zip(asked(stage, 3), values, strict=True))):
        stage.answer(message["id"], value)
    return Wanted([{"data": value} for value in values])


def errors(stage: Stage) -> Wanted:
    """Answer with each code."""
    for message, code in zip(asked(stage, len(CODES)), CODES, strict=True):
        stage.refuse(message["id"], code)
    return Wanted([{"error": code} for code in CODES])


def nonsense(stage: Stage) -> Wanted:
    """Say what means nothing to a client, then answer twice."""
    (message,) = asked(stage, 1)
    assert stage.wire is not None, "the call came by it"
    for text in (b"nonsense", b"[1, 2]", b"{}", b'{"jsonrpc":"2.0","method":"no_such"}'):
        stage.wire.send(frames.TEXT, text)
    waiting = {"request_id": message["id"], "expires_at": "2026-11-20T10:15:00.000Z", "rule": "r"}
    stage.say({"jsonrpc": "2.0", "method": "request_waiting", "params": waiting})
    stage.answer(987_654, "for nobody")
    stage.answer(str(message["id"]), "for the string, not for the number")
    stage.answer(message["id"], "the first")
    stage.answer(message["id"], "the second")
    return Wanted([{"data": "the first"}])


def large(stage: Stage) -> Wanted:
    """Answer with much, in fragments, with a ping between them."""
    import msgspec

    (message,) = asked(stage, 1)
    text = "x" * LARGE_BYTES
    result = {"status": "executed", "data": text}
    body = msgspec.json.encode({"jsonrpc": "2.0", "result": result, "id": message["id"]})
    assert stage.wire is not None, "the call came by it"
    stage.wire.send(frames.TEXT, body[:1000], fin=False)
    stage.wire.send(frames.PING, b"between")
    stage.wire.send(frames.CONTINUATION, body[1000:])
    stage.until(lambda: b"between" in stage.pongs, "the ping was not answered")
    return Wanted([{"data": text}])


def acknowledged(stage: Stage) -> Wanted:
    """Wait for the acknowledgement of what was answered."""
    messages = asked(stage, 2)
    stage.answer(messages[0]["id"], 0, numbered=True)
    data = {"status": "denied", "seq": stage.next_number()}
    error = {"code": -32003, "message": "no", "data": data}
    stage.say({"jsonrpc": "2.0", "error": error, "id": messages[1]["id"]})
    return Wanted([{"data": 0}, {"error": -32003}])


CASES = (
    Case(
        "answers in any order",
        "minimal",
        (),
        "Each call gets the answer with its id.",
        work(3),
        executed,
    ),
    Case("errors", "minimal", (), "Each code reaches the caller.", work(len(CODES)), errors),
    Case(
        "nonsense",
        "minimal",
        (),
        "What is unknown is ignored; a second answer too.",
        work(1),
        nonsense,
    ),
    Case(
        "a large answer in fragments",
        "minimal",
        (),
        "It is taken, and the ping in it answered.",
        work(1),
        large,
    ),
    Case(
        "acknowledgement",
        "minimal",
        (),
        "What has a number is acknowledged.",
        work(2),
        acknowledged,
    ),
)
