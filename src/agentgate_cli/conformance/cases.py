"""The cases for a client under test: what the scripted gateway does to its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.stage import Broken, Message, Stage

UNKNOWN = -32007
CODES = (-32001, -32002, -32003, -32004, -32006, UNKNOWN, -32602, -32099)
LARGE_BYTES = 700_000
"""Needs the longest form of a frame's length, and still fits the client's report."""


class Case(NamedTuple):
    """One case.

    Attributes:
        name, rule: what it is called, and what the client must do.
        calls: how many calls the client is to make at the same time.
        play: what the gateway does with them; returns how each must end: ``{"data": …}`` or
            ``{"error": code}``.
    """

    name: str
    rule: str
    calls: int
    play: Callable[[Stage, int], list[Any]]


def asked(stage: Stage, calls: int) -> list[Message]:
    """Take the calls of a case, in the order of their arguments."""
    found = [stage.tool("work") for _ in range(calls)]
    found.sort(key=lambda message: int(message["params"]["args"]["n"]))
    if [message["params"]["args"]["n"] for message in found] != list(range(calls)):
        raise Broken("the calls did not come with the arguments that they were given")
    return found


def collected(stage: Stage) -> Any:
    """Take the ``get_pending_results`` that follows auth; return its id."""
    return stage.request("get_pending_results")["id"]


def reply(stage: Stage, call_id: Any, rows: list[Any], pending: list[int], **more: Any) -> None:
    """Answer ``get_pending_results``."""
    numbered = {"seq": stage.next_number()} if rows else {}
    result = {"results": rows, "pending": pending, **numbered, **more}
    stage.say({"jsonrpc": "2.0", "result": result, "id": call_id})


def row(request_id: int, data: Any) -> dict[str, Any]:
    """A row of that answer."""
    at = "2026-11-20T10:00:00.000Z"
    whole = {"request_id": request_id, "tool": "work", "status": "executed"}
    return {**whole, "data": data, "resolved_at": at}


def executed(stage: Stage, calls: int) -> list[Any]:
    """Answer in the reverse order."""
    values = [{"n": n, "text": "ü\u2028\U0001f44d", "null": None} for n in range(calls)]
    for message, value in reversed(list(zip(asked(stage, calls), values, strict=True))):
        stage.answer(message["id"], value)
    return [{"data": value} for value in values]


def errors(stage: Stage, calls: int) -> list[Any]:
    """Answer with each code."""
    for message, code in zip(asked(stage, calls), CODES, strict=True):
        stage.refuse(message["id"], code)
    return [{"error": code} for code in CODES]


def nonsense(stage: Stage, calls: int) -> list[Any]:
    """Say what means nothing to a client, then answer twice."""
    (message,) = asked(stage, calls)
    assert stage.wire is not None, "the call came by it"
    for text in (b"nonsense", b"[1, 2]", b"{}", b'{"jsonrpc":"2.0","method":"no_such"}'):
        stage.wire.send(frames.TEXT, text)
    waiting = {"request_id": message["id"], "expires_at": "2026-11-20T10:15:00.000Z", "rule": "r"}
    stage.say({"jsonrpc": "2.0", "method": "request_waiting", "params": waiting})
    stage.answer(987_654, "for nobody")
    stage.answer(str(message["id"]), "for the string, not for the number")
    stage.answer(message["id"], "the first")
    stage.answer(message["id"], "the second")
    return [{"data": "the first"}]


def large(stage: Stage, calls: int) -> list[Any]:
    """Answer with much, in fragments, with a ping between them."""
    import msgspec

    (message,) = asked(stage, calls)
    text = "x" * LARGE_BYTES
    result = {"status": "executed", "data": text}
    body = msgspec.json.encode({"jsonrpc": "2.0", "result": result, "id": message["id"]})
    assert stage.wire is not None, "the call came by it"
    stage.wire.send(frames.TEXT, body[:1000], fin=False)
    stage.wire.send(frames.PING, b"between")
    stage.wire.send(frames.CONTINUATION, body[1000:])
    stage.until(lambda: b"between" in stage.pongs, "the ping was not answered")
    return [{"data": text}]


def acknowledged(stage: Stage, calls: int) -> list[Any]:
    """Wait for the acknowledgement of what was answered."""
    messages = asked(stage, calls)
    stage.answer(messages[0]["id"], 0, numbered=True)
    data = {"status": "denied", "seq": stage.next_number()}
    error = {"code": -32003, "message": "no", "data": data}
    stage.say({"jsonrpc": "2.0", "error": error, "id": messages[1]["id"]})
    return [{"data": 0}, {"error": -32003}]


def reconciled(stage: Stage, calls: int) -> list[Any]:
    """Break the connection; know the first call's outcome, wait with the second, lose the third."""
    ids = [message["id"] for message in asked(stage, calls)]
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    reply(stage, call_id, [row(ids[0], "row")], [ids[1]])
    again = stage.tool("work")
    if again["id"] != ids[2]:
        raise Broken(f"id {again['id']} was sent again instead of {ids[2]}")
    stage.answer(ids[2], "sent again")
    stage.answer(ids[1], "waited")
    return [{"data": "row"}, {"data": "waited"}, {"data": "sent again"}]


def paged(stage: Stage, calls: int) -> list[Any]:
    """Hand out the outcomes in two pages."""
    ids = [message["id"] for message in asked(stage, calls)]
    stage.close(1012)
    stage.accept()
    reply(stage, collected(stage), [row(ids[0], "first")], [], more=True)
    reply(stage, collected(stage), [row(ids[1], "second")], [])
    return [{"data": "first"}, {"data": "second"}]


def answered_first(stage: Stage, calls: int) -> list[Any]:
    """Answer an old call before the reply to ``get_pending_results``, and tell it again there."""
    (message,) = asked(stage, calls)
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    stage.answer(message["id"], "early", numbered=True)
    reply(stage, call_id, [row(message["id"], "late")], [])
    return [{"data": "early"}]


def silent_about(stage: Stage, calls: int) -> list[Any]:
    """Do not say what is pending."""
    (message,) = asked(stage, calls)
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    stage.say({"jsonrpc": "2.0", "result": {"results": []}, "id": call_id})
    stage.quiet()
    stage.answer(message["id"], "left to finish")
    return [{"data": "left to finish"}]


def failing(stage: Stage, calls: int) -> list[Any]:
    """Fail to say what is pending; the client must try again before it judges."""
    (message,) = asked(stage, calls)
    stage.drop()
    stage.accept()
    stage.refuse(collected(stage), -32603)
    stage.accept()
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "at last")
    return [{"data": "at last"}]


def turned_away(stage: Stage, calls: int) -> list[Any]:
    """Break the connection, then break or turn away two attempts."""
    (message,) = asked(stage, calls)
    stage.drop()
    stage.accept_silently()
    stage.drop()
    stage.accept_silently()
    auth = stage.request("auth")
    stage.refuse(auth["id"], -32006)
    stage.accept()
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "after three attempts")
    return [{"data": "after three attempts"}]


def forgotten(stage: Stage, calls: int) -> list[Any]:
    """Lose the memory: what was sent may have run."""
    asked(stage, calls)
    stage.drop()
    stage.epoch += "+"
    stage.accept()
    reply(stage, collected(stage), [], [])
    return [{"error": UNKNOWN}]


CASES = (
    Case("answers in any order", "Each call gets the answer with its id.", 3, executed),
    Case("errors", "Each code reaches the caller.", len(CODES), errors),
    Case("nonsense", "What is unknown is ignored; a second answer too.", 1, nonsense),
    Case("a large answer in fragments", "It is taken, and the ping in it answered.", 1, large),
    Case("acknowledgement", "What has a number is acknowledged.", 2, acknowledged),
    Case("reconciliation", "Settle, wait, send again under the old id.", 3, reconciled),
    Case("a restart, and pages", "Come back after 1012; ask again while more is true.", 2, paged),
    Case("told twice", "An outcome that comes twice is told once.", 1, answered_first),
    Case("no word of what is pending", "What was sent is not sent again.", 1, silent_about),
    Case("collecting fails", "Reconnect, and judge by the next reply.", 1, failing),
    Case("attempts that fail", "Try again until it works.", 1, turned_away),
    Case("another epoch", "What was sent is unknown, and not sent again.", 1, forgotten),
)
