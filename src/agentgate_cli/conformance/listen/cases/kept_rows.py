"""Level kept-rows: outcomes for which no call waits are for the user's own ``get_pending_results``.

The ids of a former process are those up to ``highest_id`` of the first connection. Each case has
some of its own, so that what one case leaves does not spoil another.
"""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import Any

from agentgate_cli.conformance.listen.case import Case, Wanted, asked, check_report, work
from agentgate_cli.conformance.listen.line import BOUND_S, Message
from agentgate_cli.conformance.listen.pending import collected, reply, row
from agentgate_cli.conformance.listen.stage import Stage
from agentgate_cli.conformance.listen.withdrawals import (
    GRACE_S,
    PATIENCE_S,
    SLACK_S,
    WITHDRAWN,
    all_told,
    cut_off,
    status,
    withdrawals,
)

COLLECT = MappingProxyType({"collect": True})
DENIED = -32003
UNKNOWN = -32007
NEXT_TASK = 9_000


def former_process(stage: Stage) -> Wanted:
    """Hand out to the user what a former process has left, in two pages."""
    reply(stage, by_the_user(stage), [row(11, "left"), denied(12)], [], more=True)
    reply(stage, by_the_user(stage), [row(13, None)], [])
    rules = ("H2", "H3", "H8")
    rows = [told(11, "left", *rules), refused(12, *rules), told(13, None, *rules)]
    return Wanted([], rows=rows)


def taken_over(stage: Stage) -> Wanted:
    """Answer what a former process has asked for; hand one of the answers out again as a row."""
    (message,) = asked(stage, 1)
    stage.answer(21, "late")
    stage.fail(22, DENIED)
    stage.answer("twenty-three", "of a string")
    stage.answer(message["id"], "its own")
    reply(stage, by_the_user(stage), [row(21, "late")], [])
    rules = ("H2", "H8")
    rows = [
        told(21, "late", *rules),
        refused(22, *rules),
        told("twenty-three", "of a string", "H2"),
    ]
    return Wanted([{"data": "its own"}], rows=rows)


def acknowledgement_lost(stage: Stage) -> Wanted:
    """Answer for nobody, and forget the acknowledgement: tell it again in the two ways."""
    (message,) = asked(stage, 1)
    for request_id in (31, 32, 33):
        stage.answer(request_id, f"kept {request_id}")
    stage.until(stage.all_acknowledged, "what can be kept was not acknowledged", "N2")
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    stage.answer(31, "kept 31")
    reply(stage, call_id, [row(32, "kept 32")], [message["id"]])
    stage.answer(message["id"], "its own")
    reply(stage, by_the_user(stage), [], [])
    rows = [told(n, f"kept {n}", "H2") for n in (31, 32, 33)]
    return Wanted([{"data": "its own"}], rows=rows)


def told_before(stage: Stage) -> Wanted:
    """Tell the user an outcome; then tell it again on the same connection and on the next."""
    reply(stage, by_the_user(stage), [row(41, "once")], [])
    another_task(stage, calls=())
    call_id = by_the_user(stage)
    stage.answer(41, "once")
    reply(stage, call_id, [row(41, "once")], [])
    another_task(stage, calls=work(1))
    (message,) = asked(stage, 1)
    stage.until(stage.all_acknowledged, "what was told before was not acknowledged", "H5")
    stage.drop()
    stage.accept()
    reply(stage, collected(stage), [row(41, "once")], [message["id"]])
    stage.answer(message["id"], "its own")
    reply(stage, by_the_user(stage), [], [])
    return Wanted([{"data": "its own"}], rows=[], spent=[41])


def reply_lost(stage: Stage) -> Wanted:
    """Break the connection instead of the reply to the user; tell its call's outcome once more."""
    (message,) = asked(stage, 1)
    stage.answer(message["id"], "its own")
    by_the_user(stage)
    stage.until(stage.all_acknowledged, "what has a number was not acknowledged", "N2")
    stage.drop()
    stage.accept()
    rows = [row(message["id"], "its own"), row(51, "in between")]
    reply(stage, collected(stage), rows, [])
    reply(stage, by_the_user(stage, "R18"), [row(52, "after it")], [])
    rows = [told(51, "in between", "H2"), told(52, "after it", "H3")]
    return Wanted([{"data": "its own"}], rows=rows, spent=[message["id"]])


def next_process(stage: Stage) -> Wanted:
    """Let the client be closed while a call runs; tell the next one what it came to, twice."""
    first, second = asked(stage, 2)
    stage.answer(first["id"], "closes")
    problem = "the client was not closed (close_after in testing.md)"
    stage.closed_by_client(problem, "X2", codes=(1000,))
    stage.is_over = True
    stage.accept()
    stage.answer(second["id"], "for the next")
    reply(stage, by_the_user(stage), [row(second["id"], "for the next")], [])
    problem = "only the user asks for what a former process has left"
    all_told(stage, BOUND_S, problem, "H10")
    ends = [{"data": "closes"}, {"error": None, "sent": True}]
    return Wanted(ends, rows=[told(second["id"], "for the next", "H2", "H8")])


def after_patience(stage: Stage) -> Wanted:
    """Tell an outcome when its caller was told -32008, and once more on the next connection."""
    first, second = asked(stage, 2)
    (cancel,) = withdrawals(stage, [first])
    status(stage, cancel, "too_late")
    time.sleep(GRACE_S + SLACK_S / 2)
    stage.answer(first["id"], "late")
    stage.answer(second["id"], "its own")
    reply(stage, by_the_user(stage), [], [])
    report = another_task(stage, calls=work(1))
    (message,) = asked(stage, 1)
    stage.drop()
    stage.accept()
    reply(stage, collected(stage), [row(first["id"], "late")], [message["id"]])
    stage.answer(message["id"], "another")
    reply(stage, by_the_user(stage), [], [])
    ends = [{"error": WITHDRAWN}, {"data": "its own"}]
    check_report(Wanted(ends, rows=[told(first["id"], "late", "H7")]), report)
    return Wanted([{"data": "another"}], rows=[], spent=[first["id"]])


def patience_while_cut_off(stage: Stage) -> Wanted:
    """Cut the client off until its caller was told -32008; then tell the outcome in a row."""
    (message,) = cut_off(stage, 1, PATIENCE_S + GRACE_S + SLACK_S / 2)
    reply(stage, collected(stage), [row(message["id"], "it had run")], [])
    reply(stage, by_the_user(stage), [], [])
    return Wanted([{"error": WITHDRAWN}], rows=[told(message["id"], "it had run", "H7")])


def never_told(stage: Stage) -> Wanted:
    """Cut the client off until its caller was told -32008, and do not say what is pending."""
    (message,) = cut_off(stage, 1, PATIENCE_S + GRACE_S + SLACK_S / 2)
    stage.ban([message["id"]], "its caller had given up while the client was cut off", "W12")
    stage.say({"jsonrpc": "2.0", "result": {"results": []}, "id": collected(stage)})
    reply(stage, by_the_user(stage), [], [])
    unknown = {"request_id": message["id"], "error": UNKNOWN, "rules": ("H9",)}
    return Wanted([{"error": WITHDRAWN}], rows=[unknown])


def by_the_user(stage: Stage, rule: str = "H3") -> Any:
    """Take the user's own ``get_pending_results``; return its id."""
    return stage.request("get_pending_results", BOUND_S, rule)["id"]


def another_task(stage: Stage, calls: tuple[Message, ...]) -> Message:
    """Take the report of a task and give out another one of the same case; return the report."""
    report = stage.tool("report")
    stage.answer(report["id"], None)
    following = stage.tool("next")
    task = {"task": NEXT_TASK, "name": "the same case goes on", "calls": calls, "collect": True}
    stage.answer(following["id"], task)
    arguments: Message = report["params"]["args"]
    return arguments


def denied(request_id: int) -> Message:
    """A row of what was denied."""
    whole = {"request_id": request_id, "tool": "work", "status": "denied"}
    error = {"code": DENIED, "message": "no"}
    return {**whole, "error": error, "resolved_at": "2026-11-20T10:00:00.000Z"}


def told(request_id: int | str, data: Any, *rules: str) -> Message:
    """What must be reported of a row that went well, by which rules."""
    return {"request_id": request_id, "data": data, "rules": rules}


def refused(request_id: int, *rules: str) -> Message:
    """What must be reported of ``denied``, by which rules."""
    return {"request_id": request_id, "error": DENIED, "rules": rules}


CASES: tuple[Case, ...] = (
    Case(
        "what a former process left",
        "kept-rows",
        ("H3", "H8", "R10"),
        "The user's own get_pending_results returns the rows of all pages.",
        (),
        former_process,
        COLLECT,
    ),
    Case(
        "answers for a former process",
        "kept-rows",
        ("H2", "H5", "H8"),
        "An answer with a number for which no call waits is kept for the user, and told once.",
        work(1),
        taken_over,
        COLLECT,
    ),
    Case(
        "kept over a lost acknowledgement",
        "kept-rows",
        ("H2", "H5", "R19"),
        "What is kept stays kept over a cut, and told again it is still one.",
        work(1),
        acknowledgement_lost,
        COLLECT,
    ),
    Case(
        "told before",
        "kept-rows",
        ("H3", "H5", "R19"),
        "What the user was told is not told again, on no connection; it is acknowledged.",
        (),
        told_before,
        COLLECT,
    ),
    Case(
        "a reply that was lost",
        "kept-rows",
        ("H2", "H3", "H5", "R18"),
        "Rows that came while the user waits are told; of the caller's own outcome none is.",
        work(1),
        reply_lost,
        COLLECT,
    ),
    Case(
        "the next process",
        "kept-rows",
        ("H2", "H5", "X5"),
        "What a closed client's call came to is for the next client of the same name.",
        work(2),
        next_process,
        MappingProxyType({"collect": True, "close_after": 0}),
    ),
    Case(
        "an outcome after -32008",
        "kept-rows",
        ("H5", "H7"),
        "It is kept for the user, and told once.",
        work(2, timeout_s=PATIENCE_S)[:1] + work(2)[1:],
        after_patience,
        COLLECT,
        also="withdrawing",
    ),
    Case(
        "an outcome after -32008, while cut off",
        "kept-rows",
        ("H7",),
        "A row for a call whose caller was told -32008 is kept for the user.",
        work(1, timeout_s=PATIENCE_S),
        patience_while_cut_off,
        COLLECT,
        also="withdrawing",
    ),
    Case(
        "nothing more is said of it",
        "kept-rows",
        ("H9",),
        "What nobody wants and the gateway does not tell of ends as unknown, in a row.",
        work(1, timeout_s=PATIENCE_S),
        never_told,
        COLLECT,
        also="withdrawing",
    ),
)
