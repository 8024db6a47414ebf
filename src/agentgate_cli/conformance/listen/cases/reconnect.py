"""Level reconnect: a connection breaks, the gateway restarts or forgets."""

from __future__ import annotations

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.pending import collected, reply, row
from agentgate_cli.conformance.listen.stage import Stage

UNKNOWN = -32007


def reconciled(stage: Stage) -> Wanted:
    """Break the connection; know the first call's outcome, wait with the second, lose the third."""
    ids = [message["id"] for message in asked(stage, 3)]
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    reply(stage, call_id, [row(ids[0], "row")], [ids[1]])
    again = stage.tool("work")
    if again["id"] != ids[2]:
        raise Broken(f"id {again['id']} was sent again instead of {ids[2]}")
    stage.answer(ids[2], "sent again")
    stage.answer(ids[1], "waited")
    return Wanted([{"data": "row"}, {"data": "waited"}, {"data": "sent again"}])


def paged(stage: Stage) -> Wanted:
    """Hand out the outcomes in two pages."""
    ids = [message["id"] for message in asked(stage, 2)]
    stage.close(1012)
    stage.accept()
    reply(stage, collected(stage), [row(ids[0], "first")], [], more=True)
    reply(stage, collected(stage), [row(ids[1], "second")], [])
    return Wanted([{"data": "first"}, {"data": "second"}])


def answered_first(stage: Stage) -> Wanted:
    """Answer an old call before the reply to ``get_pending_results``, and tell it again there."""
    (message,) = asked(stage, 1)
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    stage.answer(message["id"], "early", numbered=True)
    reply(stage, call_id, [row(message["id"], "late")], [])
    return Wanted([{"data": "early"}])


def silent_about(stage: Stage) -> Wanted:
    """Do not say what is pending."""
    (message,) = asked(stage, 1)
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    stage.say({"jsonrpc": "2.0", "result": {"results": []}, "id": call_id})
    stage.quiet()
    stage.answer(message["id"], "left to finish")
    return Wanted([{"data": "left to finish"}])


def failing(stage: Stage) -> Wanted:
    """Fail to say what is pending; the client must try again before it judges."""
    (message,) = asked(stage, 1)
    stage.drop()
    stage.accept()
    stage.refuse(collected(stage), -32603)
    stage.accept()
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "at last")
    return Wanted([{"data": "at last"}])


def forgotten(stage: Stage) -> Wanted:
    """Lose the memory: what was sent may have run."""
    asked(stage, 1)
    stage.drop()
    stage.epoch += "+"
    stage.accept()
    reply(stage, collected(stage), [], [])
    return Wanted([{"error": UNKNOWN}])


CASES = (
    Case(
        "reconciliation",
        "reconnect",
        (),
        "Settle, wait, send again under the old id.",
        work(3),
        reconciled,
    ),
    Case(
        "a restart, and pages",
        "reconnect",
        (),
        "Come back after 1012; ask again while more is true.",
        work(2),
        paged,
    ),
    Case(
        "told twice",
        "reconnect",
        (),
        "An outcome that comes twice is told once.",
        work(1),
        answered_first,
    ),
    Case(
        "no word of what is pending",
        "reconnect",
        (),
        "What was sent is not sent again.",
        work(1),
        silent_about,
    ),
    Case(
        "collecting fails", "reconnect", (), "Cut, and judge by the next reply.", work(1), failing
    ),
    Case(
        "another epoch",
        "reconnect",
        (),
        "What was sent is unknown, and not sent again.",
        work(1),
        forgotten,
    ),
)
