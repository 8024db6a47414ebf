"""Level reconnect: what became of the calls, when a connection follows another one."""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import UNKNOWN, Case, Wanted, argument, asked, work
from agentgate_cli.conformance.listen.line import BOUND_S
from agentgate_cli.conformance.listen.pending import collected, reply, row
from agentgate_cli.conformance.listen.stage import Stage

SOON_S = 0.25
"""How long to listen for what would come at once."""

METHOD_NOT_FOUND = -32601
NEITHER = "it was in neither list"
MISSING = "it was sent under another epoch: a missing epoch is another one"


def reconciled(stage: Stage) -> Wanted:
    """Break the connection; know two outcomes, wait with a call, lose one."""
    ids = [message["id"] for message in asked(stage, 4)]
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    failed = row(ids[3], None) | {"status": "failed", "error": {"code": -32004, "message": "no"}}
    stage.ban((ids[0], ids[3]), "its outcome was in results", "R5")
    stage.ban(ids[1:2], "it was in pending", "R8")
    reply(stage, call_id, [row(ids[0], "row"), failed], [ids[1]])
    stage.again(ids[2], NEITHER, "R6")
    stage.answer(ids[2], "sent again")
    stage.answer(ids[1], "waited")
    ends = [{"data": "row"}, {"data": "waited"}, {"data": "sent again"}, {"error": -32004}]
    return Wanted(ends)


def paged(stage: Stage) -> Wanted:
    """Hand out the outcomes in pages, the last without rows; each page has a part of pending."""
    ids = [message["id"] for message in asked(stage, 4)]
    stage.close(1012)
    stage.accept()
    stage.ban((ids[0], ids[2]), "its outcome was on one of the pages", "R10")
    stage.ban(ids[1:2], "it was in pending on the first page", "R10")
    odd = [row(987_654, "of nobody"), row(ids[0], "first") | {"unknown": [1]}]
    reply(stage, collected(stage), odd, [ids[1]], more=True)
    reply(stage, collected(stage, "R10"), [row(ids[2], "third")], [], more=True)
    reply(stage, collected(stage, "R10"), [], [], more=True)
    stage.again(ids[3], "it was on none of the pages", "R6", "R10")
    stage.answer(ids[3], "sent again")
    stage.answer(ids[1], "pending")
    values = ("first", "pending", "third", "sent again")
    return Wanted([{"data": value} for value in values])


def told_again(stage: Stage) -> Wanted:
    """Answer an old call before the reply to ``get_pending_results``; tell it there, and on the
    next connection again, whose numbers begin anew."""
    first, second = asked(stage, 2)
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    stage.next_number(skip=40)
    stage.answer(first["id"], "early")
    reply(stage, call_id, [row(first["id"], "late")], [second["id"]])
    stage.until(stage.all_acknowledged, "the outcome was not acknowledged", "N2", "R17")
    stage.close(1013)
    stage.accept()
    reply(stage, collected(stage), [row(first["id"], "later")], [second["id"]])
    text = "the outcome that came again, with a new number, was not acknowledged"
    stage.until(stage.all_acknowledged, text, "N1", "R19")
    stage.answer(second["id"], "at last")
    return Wanted([{"data": "early"}, {"data": "at last"}])


def silent_about(stage: Stage) -> Wanted:
    """Do not say what is pending, in two ways, nor that the call has arrived."""
    (message,) = asked(stage, 1)
    why = "the gateway did not say what is pending"
    stage.ban([message["id"]], why, "R14")
    for code in (METHOD_NOT_FOUND, None):
        stage.drop()
        stage.accept(highest=message["id"] - 1)
        call_id = collected(stage)
        if code is None:
            stage.say({"jsonrpc": "2.0", "result": {"results": []}, "id": call_id})
        else:
            stage.refuse(call_id, code)
        stage.is_reconciled = True
        stage.quiet(SOON_S, why, "R14")
    stage.answer(message["id"], "left to finish")
    return Wanted([{"data": "left to finish"}])


def forgotten(stage: Stage) -> Wanted:
    """Lose the memory twice: tell no epoch, then one again; calls are made meanwhile."""
    first = stage.tool("work")
    stage.drop()
    stage.ban([first["id"]], MISSING, "R1", "R3")
    stage.accept(without=("epoch",))
    reply(stage, collected(stage), [], [])
    second = stage.tool("work", BOUND_S, "R2")
    stage.drop()
    stage.ban([second["id"]], "it was sent under another epoch: none", "R1", "R3")
    stage.accept()
    reply(stage, collected(stage), [], [])
    third = stage.tool("work", BOUND_S, "R2")
    stage.answer(third["id"], "never sent before")
    return Wanted([{"error": UNKNOWN}, {"error": UNKNOWN}, {"data": "never sent before"}])


def in_order(stage: Stage) -> Wanted:
    """Lose several calls; others are made meanwhile."""
    ids = [message["id"] for message in asked(stage, 3)]
    stage.drop()
    stage.accept_silently()
    auth_id = stage.auth()
    stage.quiet(SOON_S, "auth was not answered yet", "A3")
    above = stage.memory.highest + 500
    stage.authenticated(auth_id, highest=above)
    call_id = collected(stage)
    stage.quiet(SOON_S, "the reply to get_pending_results was not there yet", "R4", "B12")
    reply(stage, call_id, [], [])
    for request_id in sorted(ids):  # as they were sent, which is not as they were handed out
        stage.again(request_id, f"{NEITHER}, and before new calls, in the old order", "R6", "R7")
    for n in (3, 4, 5):
        message = stage.tool("work", BOUND_S, "B12")
        if argument(message) != n:
            text = f"call {argument(message)} went out where call {n} was to be sent"
            raise Broken(f"{text}: those made meanwhile go in their order", "B12")
        stage.answer(message["id"], n)
    for n, request_id in enumerate(ids):
        stage.answer(request_id, n)
    return Wanted([{"data": n} for n in range(6)])


def case(name: str, rules: tuple[str, ...], rule: str, calls: Any, play: Any) -> Case:
    """A case of this level."""
    return Case(name, "reconnect", rules, rule, calls, play)


def meanwhile(count: int, *waits_s: float) -> tuple[dict[str, Any], ...]:
    """So many calls at once, and others after so many seconds: while the client is cut off."""
    calls = work(count + len(waits_s))
    pauses = (*(0.0,) * count, *waits_s)
    return tuple(
        {**call, "wait_s": pause} if pause else call
        for call, pause in zip(calls, pauses, strict=True)
    )


CASES = (
    case(
        "reconciliation",
        ("R4", "R5", "R6", "R8", "R9", "B1", "A2"),
        "Settle, wait, send again under the old id.",
        work(4),
        reconciled,
    ),
    case(
        "a restart, and pages",
        ("R6", "R10", "B11", "M2"),
        "Come back after 1012; ask again while more is true.",
        work(4),
        paged,
    ),
    case(
        "told again",
        ("R9", "R17", "R19", "N1", "B11"),
        "An outcome that comes again is told once, and acknowledged each time.",
        work(2),
        told_again,
    ),
    case(
        "no word of what is pending",
        ("R14", "C2"),
        "What was sent is not sent again, and its id is used.",
        work(1),
        silent_about,
    ),
    case(
        "another epoch",
        ("R1", "R2", "R3"),
        "What was sent is unknown, and not sent again; what was not goes out.",
        meanwhile(1, 0.3, 1.8),
        forgotten,
    ),
    case(
        "several calls, and others meanwhile",
        ("R4", "R6", "R7", "B12", "A3", "C2"),
        "First the old ones in the old order, then the new ones in theirs.",
        meanwhile(3, 0.2, 0.35, 0.5),
        in_order,
    ),
)
