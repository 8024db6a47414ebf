"""Words and edits: outcomes that also say what people said, and which arguments ran.

A client need not know them. One that does says so in its reports (``knows``), and then loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.pending import collected, reply, row
from agentgate_cli.conformance.listen.stage import Stage
from agentgate_cli.conformance.vectors import brief

WHY = "it is getting dark, \u201csoon\u201d"
WORD = "softer at night:\nü\U0001f44d"
EDITED: Message = {"n": 5, "nested": {"a": [None, True, 0.5]}}
BOTH: Message = {"word": WORD, "edited": EDITED}

DENIED = -32001
FAILED = -32004

SAYING_WHY = ({**work(1)[0], "why": WHY}, *work(6)[1:])

LEFT = 61
LEFT_DENIED = 62
LEFT_ROW = 63


def at_once(stage: Stage) -> Wanted:
    """Answer with words, with edits, with both, and with neither."""
    messages = asked(stage, len(SAYING_WHY))
    ids = [message["id"] for message in messages]
    stage.answer(ids[0], "both", **BOTH)
    stage.answer(ids[1], "a word", word=WORD)
    stage.answer(ids[2], "no arguments are left", edited={})
    stage.fail(ids[3], DENIED, word=WORD)
    stage.fail(ids[4], FAILED, **BOTH)
    stage.answer(ids[5], "neither")
    results: list[Message] = [
        {"data": "both", **BOTH},
        {"data": "a word", "word": WORD},
        {"data": "no arguments are left", "edited": {}},
        {"error": DENIED, "word": WORD},
        {"error": FAILED, **BOTH},
        {"data": "neither"},
    ]
    return told(results, messages)


def over_a_cut(stage: Stage) -> Wanted:
    """Break the connection; tell of both in rows, and know nothing of what says why."""
    messages = asked(stage, 3)
    ids = [message["id"] for message in messages]
    stage.drop()
    stage.accept()
    rows: list[Message] = [{**row(ids[1], "it ran"), **BOTH}, denied(ids[2])]
    reply(stage, collected(stage), rows, [])
    again = stage.again(ids[0], "the gateway does not know it", "R6")
    stage.answer(ids[0], "asked again", word=WORD)
    results: list[Message] = [
        {"data": "asked again", "word": WORD},
        {"data": "it ran", **BOTH},
        {"error": DENIED, "word": WORD},
    ]
    return told(results, [messages[0], again])


def for_nobody(stage: Stage) -> Wanted:
    """Answer what a former process has asked for, and hand out a row to the user."""
    (message,) = asked(stage, 1)
    stage.answer(LEFT, "left", **BOTH)
    stage.fail(LEFT_DENIED, DENIED, word=WORD)
    stage.answer(message["id"], "its own")
    reply(stage, stage.request("get_pending_results")["id"], [denied(LEFT_ROW)], [])
    rows: list[Message] = [
        {"request_id": LEFT, "data": "left", **BOTH},
        {"request_id": LEFT_DENIED, "error": DENIED, "word": WORD},
        {"request_id": LEFT_ROW, "error": DENIED, "word": WORD},
    ]
    return told([{"data": "its own"}], [], rows=rows)


def told(
    results: Sequence[Message], asks: Sequence[Message], *, rows: Sequence[Message] | None = None
) -> Wanted:
    """What must be reported: how each ended, and of what people said all that the client knows.

    Args:
        results, rows: as in ``Wanted``, with ``word`` and ``edited``.
        asks: requests; that of the first call says why.
    """
    check = partial(check_words, results, rows or (), asks)
    return Wanted([{**one, "rules": ("D47",)} for one in results], rows=rows, check=check)


def check_words(
    results: Sequence[Message], rows: Sequence[Message], asks: Sequence[Message], report: Message
) -> None:
    """Compare what was said with what was told, as far as the client knows it.

    Raises:
        Broken: something is missing, or otherwise.
    """
    knows = report.get("knows", [])
    if not isinstance(knows, list):
        raise Broken(f"knows is no array of names: {brief(knows)}", "testing.md")
    first = asks[0]["id"] if asks else None
    for message in asks:
        said = message["params"].get("why", "")
        why = WHY if message["id"] == first and (said or "why" in knows) else ""
        if said != why:
            text = f"a request came with the why {brief(said)} instead of {brief(why)}"
            raise Broken(text, "D48")
    by_id = {one["request_id"]: one for one in report.get("rows") or ()}
    pairs = [(f"call {n}", want, report["results"][n]) for n, want in enumerate(results)]
    pairs += [(f"the row of id {a['request_id']}", a, by_id[a["request_id"]]) for a in rows]
    for what, want, got in pairs:
        for member in ("word", "edited"):
            heard = got.get(member)
            if member in knows and (None if heard == "" else heard) != want.get(member):
                text = f"of {what} its caller was told as {member} {brief(heard)}"
                raise Broken(f"{text} instead of {brief(want.get(member))}", "D49")


def denied(request_id: int) -> Message:
    """A row of what a person has denied, with a word."""
    error = {"code": DENIED, "message": "no"}
    whole = {"request_id": request_id, "tool": "work", "status": "denied", "error": error}
    return {**whole, "word": WORD, "resolved_at": "2026-11-20T10:00:00.000Z"}


CASES: tuple[Case, ...] = (
    Case(
        "words and edits",
        "minimal",
        ("D47", "D48", "D49"),
        "An outcome with them is what it would be without; who tells of them tells them all.",
        SAYING_WHY,
        at_once,
    ),
    Case(
        "words and edits over a cut",
        "reconnect",
        ("D47", "D48", "D49"),
        "Rows have them, too; and a request that is sent again says why, as before.",
        SAYING_WHY[:3],
        over_a_cut,
    ),
    Case(
        "words and edits for a former process",
        "kept-rows",
        ("D47", "D49"),
        "What is kept for the user is kept with what people said.",
        work(1),
        for_nobody,
        MappingProxyType({"collect": True}),
    ),
)
