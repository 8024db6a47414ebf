"""Level withdrawing: a caller's patience ends.

A client withdraws the call, waits for what came of it, and tells its caller after two seconds at
the latest. The times here are upper bounds.
"""

from __future__ import annotations

import time

from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.pending import collected, reply, row
from agentgate_cli.conformance.listen.stage import Stage
from agentgate_cli.conformance.listen.withdrawals import (
    AT_ONCE_S,
    GRACE_S,
    PATIENCE_S,
    PENDING,
    SLACK_S,
    WITHDRAWN,
    all_told,
    cut_off,
    status,
    withdrawals,
)

UNKNOWN = -32007
RECONNECTING_S = 2.0
"""The patience of a caller that gives up when the client has come back."""

REPORT_S = 0.7
"""How long a report may take that waits for nothing but its turn."""

ENDED = {"error": WITHDRAWN}
NOT_AT_ONCE = "the caller was not told -32008 at once"
TOO_LATE = f"the caller was not told -32008 within {GRACE_S:g} s of the withdrawal"


def patient(count: int, impatient: int) -> tuple[Message, ...]:
    """So many calls, of which the first ones have little patience."""
    return work(count, timeout_s=PATIENCE_S)[:impatient] + work(count)[impatient:]


def in_time(stage: Stage) -> Wanted:
    """Withdraw one of two calls; its own answer follows that of the withdrawal."""
    first, second = asked(stage, 2)
    (cancel,) = withdrawals(stage, [first], "W1")
    status(stage, cancel, "cancelled")
    stage.fail(first["id"], WITHDRAWN)
    stage.answer(second["id"], "goes on")
    all_told(stage, AT_ONCE_S, NOT_AT_ONCE, "W4")
    return Wanted([ENDED, {"data": "goes on"}])


def at_once(stage: Stage) -> Wanted:
    """Say that it will not run, and no more."""
    (message,) = asked(stage, 1)
    (cancel,) = withdrawals(stage, [message], "W1")
    status(stage, cancel, "cancelled")
    all_told(stage, AT_ONCE_S, NOT_AT_ONCE, "W4")
    return Wanted([ENDED])


def answered_before(stage: Stage) -> Wanted:
    """Answer the request that is withdrawn before the withdrawal."""
    (message,) = asked(stage, 1)
    (cancel,) = withdrawals(stage, [message], "W1")
    stage.fail(message["id"], WITHDRAWN)
    all_told(stage, AT_ONCE_S, "the outcome of what was withdrawn was not told at once", "W3")
    status(stage, cancel, "cancelled")
    return Wanted([ENDED])


def nothing_there(stage: Stage) -> Wanted:
    """Know nothing of the request."""
    (message,) = asked(stage, 1)
    (cancel,) = withdrawals(stage, [message], "W1")
    status(stage, cancel, "unknown_request")
    all_told(stage, AT_ONCE_S, NOT_AT_ONCE, "W5")
    return Wanted([ENDED])


def not_offered(stage: Stage) -> Wanted:
    """Know nothing of withdrawals; the outcomes come when nobody waits for them any more."""
    messages = asked(stage, 3)
    cancels = withdrawals(stage, messages[:2], "W1")
    stage.refuse(cancels[0], -32601)
    stage.refuse(cancels[1], -32010)
    stage.answer(messages[2]["id"], "goes on")
    all_told(stage, AT_ONCE_S, NOT_AT_ONCE, "W8")
    for message in messages[:2]:
        stage.answer(message["id"], "for nobody")
    return Wanted([ENDED, ENDED, {"data": "goes on"}])


def outcome_comes(stage: Stage) -> Wanted:
    """Say that it has run, is being stopped, or what nobody knows; then what it came to."""
    messages = asked(stage, 3)
    cancels = withdrawals(stage, messages, "W1")
    for cancel, word in zip(cancels, ("too_late", "stopping", "no_such_status"), strict=True):
        status(stage, cancel, word)
    time.sleep(GRACE_S / 2)
    stage.answer(messages[0]["id"], "it had run")
    stage.answer(messages[1]["id"], "it could not be stopped")
    stage.fail(messages[2]["id"], UNKNOWN)
    return Wanted(
        [
            {"data": "it had run", "rules": ("W3", "W6")},
            {"data": "it could not be stopped", "rules": ("W3", "W7")},
            {"error": UNKNOWN, "rules": ("W3", "W15")},
        ]
    )


def nothing_comes(stage: Stage) -> Wanted:
    """Say the same, or nothing, and tell no outcome in time."""
    messages = asked(stage, 4)
    cancels = withdrawals(stage, messages[:3], "W1")
    status(stage, cancels[0], "too_late")
    status(stage, cancels[1], "stopping")
    stage.answer(messages[3]["id"], "goes on")
    all_told(stage, GRACE_S + SLACK_S, TOO_LATE, "W2", "W7")
    for message in messages[:3]:
        stage.answer(message["id"], "for nobody")
    return Wanted([*[ENDED] * 3, {"data": "goes on"}])


def answered_in_time(stage: Stage) -> Wanted:
    """Answer one call before its caller's patience ends: then there is nothing to withdraw."""
    first, second = asked(stage, 2)
    stage.answer(first["id"], "in time")
    problem = "a call that was answered is not withdrawn"
    stage.quiet(PATIENCE_S + SLACK_S / 2, problem, "W1")
    stage.answer(second["id"], "later")
    return Wanted([{"data": "in time"}, {"data": "later"}])


def never_sent(stage: Stage) -> Wanted:
    """Cut the client off while a call is made, until its caller has given up."""
    (message,) = cut_off(stage, 1, 2 * PATIENCE_S + SLACK_S / 2)
    reply(stage, collected(stage), [], [message["id"]])
    problem = "a call was sent, though its caller had given up before that"
    stage.quiet(SLACK_S / 3, problem, "W9")
    stage.answer(message["id"], "goes on")
    return Wanted([{"data": "goes on"}, ENDED])


def given_up_while_cut_off(stage: Stage) -> Wanted:
    """Cut the client off while patience ends; know one call's outcome, lose the other two."""
    messages = cut_off(stage, 3, PATIENCE_S + SLACK_S / 3)
    ids = [message["id"] for message in messages]
    stage.ban([ids[1]], "its caller had given up while the client was cut off", "W12")
    reply(stage, collected(stage), [row(ids[0], "it had run")], [])
    stage.again(ids[2], "it is in neither list", "R6")
    stage.answer(ids[2], "sent again")
    all_told(stage, GRACE_S, NOT_AT_ONCE, "W12")
    return Wanted([{"data": "it had run"}, ENDED, {"data": "sent again"}])


def pending(stage: Stage) -> Wanted:
    """Cut the client off while patience ends; the call is pending."""
    (message,) = cut_off(stage, 1, PATIENCE_S + SLACK_S / 3)
    stage.ban([message["id"]], "it is pending", "R8")
    reply(stage, collected(stage), [], [message["id"]])
    (cancel,) = withdrawals(stage, [message], "W11", problem=PENDING)
    status(stage, cancel, "cancelled")
    stage.fail(message["id"], WITHDRAWN)
    all_told(stage, AT_ONCE_S, NOT_AT_ONCE, "W4")
    return Wanted([ENDED])


def given_up_while_reconciling(stage: Stage) -> Wanted:
    """Say only after the caller has given up that its call is pending."""
    (message,) = asked(stage, 1)
    stage.drop()
    stage.accept()
    call_id = collected(stage)
    problem = "nothing is to be withdrawn before it is known what is pending"
    stage.quiet(RECONNECTING_S + SLACK_S / 3, problem, "W11", "R4")
    reply(stage, call_id, [], [message["id"]])
    (cancel,) = withdrawals(stage, [message], "W11", problem=PENDING)
    status(stage, cancel, "cancelled")
    all_told(stage, AT_ONCE_S, NOT_AT_ONCE, "W4")
    return Wanted([ENDED])


def told_while_cut_off(stage: Stage) -> Wanted:
    """Cut the client off until its caller was told; the call is pending, and unwanted as before.

    That the caller was told shows by the report, which then goes out with the withdrawal.
    """
    (message,) = cut_off(stage, 1, PATIENCE_S + GRACE_S + SLACK_S / 10)
    reply(stage, collected(stage), [], [message["id"]])
    first = stage.next_message(TOO_LATE, "W2", within_s=REPORT_S)
    if first.get("method") == "cancel_request":
        stage.put_back(first)
        (cancel,) = withdrawals(stage, [message], "W11", problem=PENDING)
        all_told(stage, REPORT_S, TOO_LATE, "W2")
    else:
        (cancel,) = withdrawals(stage, [message], "W11", problem=PENDING)
        stage.put_back(first)
    status(stage, cancel, "cancelled")
    stage.fail(message["id"], WITHDRAWN)
    return Wanted([ENDED])


def withdrawn_again(stage: Stage) -> Wanted:
    """Break the connection instead of answering two withdrawals; one call is pending, one lost."""
    messages = asked(stage, 2)
    withdrawals(stage, messages, "W1")
    stage.drop()
    stage.accept()
    stage.ban([messages[0]["id"]], "it is pending", "R8")
    stage.ban([messages[1]["id"]], "its caller has given up", "W12")
    reply(stage, collected(stage), [], [messages[0]["id"]])
    (cancel,) = withdrawals(stage, messages[:1], "W11", problem=PENDING)
    status(stage, cancel, "cancelled")
    stage.fail(messages[0]["id"], WITHDRAWN)
    all_told(stage, AT_ONCE_S, NOT_AT_ONCE, "W4", "W12")
    return Wanted([ENDED, ENDED])


LATER = work(2, timeout_s=PATIENCE_S, wait_s=PATIENCE_S)[1:]
"""A call that is made when the client is cut off."""

CASES: tuple[Case, ...] = (
    Case(
        "withdrawn in time",
        "withdrawing",
        ("W1", "W4"),
        "When its caller's patience ends a call is withdrawn, no other one; it ends as -32008.",
        patient(2, 1),
        in_time,
    ),
    Case(
        "withdrawn, and told at once",
        "withdrawing",
        ("W1", "W4"),
        "cancelled: the caller is told -32008 at once.",
        patient(1, 1),
        at_once,
    ),
    Case(
        "withdrawn, and told before",
        "withdrawing",
        ("W3",),
        "The request's own answer may come before that of the withdrawal.",
        patient(1, 1),
        answered_before,
    ),
    Case(
        "nothing to withdraw",
        "withdrawing",
        ("W1", "W5"),
        "unknown_request: the caller is told -32008 at once.",
        patient(1, 1),
        nothing_there,
    ),
    Case(
        "a gateway without withdrawing",
        "withdrawing",
        ("W1", "W8"),
        "An error as the answer to the withdrawal: the caller is told -32008 at once.",
        patient(3, 2),
        not_offered,
    ),
    Case(
        "withdrawn too late",
        "withdrawing",
        ("W3", "W6", "W7", "W15"),
        "too_late, stopping and what is unknown: the outcome is waited for, and told.",
        patient(3, 3),
        outcome_comes,
    ),
    Case(
        "withdrawn, and nothing comes",
        "withdrawing",
        ("W2", "W6", "W7"),
        "The caller is told -32008 after 2 s, whatever was said of the withdrawal.",
        patient(4, 3),
        nothing_comes,
    ),
    Case(
        "answered in time",
        "withdrawing",
        ("W1",),
        "What was answered is not withdrawn.",
        patient(2, 1),
        answered_in_time,
    ),
    Case(
        "given up before it was sent",
        "withdrawing",
        ("W9",),
        "What was not sent yet when patience ends is not sent.",
        work(1) + LATER,
        never_sent,
    ),
    Case(
        "given up while cut off",
        "withdrawing",
        ("W3", "W12"),
        "What is in neither list and unwanted is not sent again.",
        patient(3, 2),
        given_up_while_cut_off,
    ),
    Case(
        "given up while cut off, and pending",
        "withdrawing",
        ("W4", "W11"),
        "What is pending is withdrawn once calls go out again.",
        patient(1, 1),
        pending,
    ),
    Case(
        "given up while reconciling",
        "withdrawing",
        ("R4", "W11"),
        "Nothing is withdrawn before reconciliation is over; then it is.",
        work(1, timeout_s=RECONNECTING_S),
        given_up_while_reconciling,
    ),
    Case(
        "told while cut off",
        "withdrawing",
        ("W2", "W11"),
        "The 2 s pass while cut off, too; what is pending is withdrawn all the same.",
        patient(1, 1),
        told_while_cut_off,
    ),
    Case(
        "cut off while withdrawing",
        "withdrawing",
        ("W11", "W12"),
        "A withdrawal without an answer is made again on the next connection.",
        patient(2, 2),
        withdrawn_again,
    ),
)
