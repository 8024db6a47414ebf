"""Level reconnect: when the next attempt is made, and what is final."""

from __future__ import annotations

import time
from typing import Any

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.listen.case import CUT_OFF, Case, Wanted, asked, work
from agentgate_cli.conformance.listen.cases.minimal import TOO_LONG
from agentgate_cli.conformance.listen.pending import collected, reply
from agentgate_cli.conformance.listen.stage import Stage

INTERNAL_ERROR = -32603
AUTHENTICATION = -32005
LIMIT_EXCEEDED = -32006
"""See ``agentgate_proto.errors``."""

PATIENCE_S = 45.0
"""How long to wait for an attempt after a pause of at most 30 s."""

AWAY_S = 0.8
"""After this the driver has closed the client: see ``FAILS_AT_ONCE``."""

REPLY_S = 30.0
SLACK_S = 3.0


def cut_by_itself(stage: Stage, after: str, within_s: float = 5.0) -> None:
    """The client must cut the connection."""
    problem = f"the client did not cut the connection after {after}"
    stage.closed_by_client(problem, "R15", within_s=within_s)


def comes_after(stage: Stage, failures: int, at_least_s: float = 0.0) -> None:
    """Judge the pause before the connection that was just taken."""
    stage.pauses.check(stage.pause_s, failures, at_least_s)


def cut(stage: Stage, request_id: int) -> None:
    """Break the connection; take the next one, and judge the pause.

    A client that comes back early may draw its pauses at random: it is cut again until that is
    clear.
    """
    stage.drop()
    stage.accept_silently()
    while stage.pauses.are_in_question:
        stage.authenticated(stage.auth())
        reply(stage, collected(stage), [], [request_id])
        stage.drop()
        stage.accept_silently()
    comes_after(stage, 1)


def pauses(stage: Stage) -> Wanted:
    """Cut the connection; let reconciliation fail; then let it be, and cut once more."""
    (message,) = asked(stage, 1)
    stage.ban([message["id"]], "the gateway had failed to say what is pending", "R15")
    cut(stage, message["id"])
    stage.authenticated(stage.auth())
    stage.refuse(collected(stage), INTERNAL_ERROR)
    cut_by_itself(stage, f"{INTERNAL_ERROR} instead of the reply to get_pending_results")
    stage.accept()
    comes_after(stage, 2)
    reply(stage, collected(stage), [], [message["id"]])
    stage.close(1000)
    stage.accept()
    comes_after(stage, 1)
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "at last")
    return Wanted([{"data": "at last"}])


def asked_to_wait(stage: Stage) -> Wanted:
    """Ask for longer pauses: by HTTP, and by an answer to auth."""
    (message,) = asked(stage, 1)
    cut(stage, message["id"])
    stage.authenticated(stage.auth())
    reply(stage, collected(stage), [], [message["id"]])
    stage.drop()
    head = b"HTTP/1.1 404 Not Found\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
    stage.refuse_upgrade(head)
    comes_after(stage, 1)
    stage.accept_silently()
    comes_after(stage, 2, at_least_s=3.0)
    stage.refuse(stage.auth(), LIMIT_EXCEEDED, retry_after_s=6.0)
    stage.close_politely(1013)
    stage.accept()
    comes_after(stage, 3, at_least_s=6.0)
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "after the pauses")
    return Wanted([{"data": "after the pauses"}])


def doubling(stage: Stage) -> Wanted:
    """Let four attempts fail, each in another way."""
    (message,) = asked(stage, 1)
    stage.ban([message["id"]], "the gateway had failed to say what is pending", "R15")
    cut(stage, message["id"])
    together_s = 0.0
    for failures in range(1, 5):
        if failures > 1:
            stage.accept_silently(PATIENCE_S)
            comes_after(stage, failures)
        together_s += stage.pause_s
        if failures == 1:
            stage.authenticated(stage.auth())
            odd: dict[str, Any] = {"results": "none"}
            stage.say({"jsonrpc": "2.0", "result": odd, "id": collected(stage)})
            cut_by_itself(stage, "a reply to get_pending_results that has no list")
        elif failures == 2:
            stage.refuse(stage.auth(), INTERNAL_ERROR)
            after = f"{INTERNAL_ERROR} as the answer to auth"
            stage.closed_by_client(f"the client did not end the connection after {after}", "A6")
        elif failures == 3:
            stage.refuse(stage.auth(), LIMIT_EXCEEDED, retry_after_s=0.5)
            stage.close_politely(1013)
    stage.pauses.check_together(together_s)
    stage.authenticated(stage.auth())
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "after four attempts")
    return Wanted([{"data": "after four attempts"}])


def no_reply(stage: Stage) -> Wanted:
    """Do not reply to get_pending_results."""
    (message,) = asked(stage, 1)
    stage.drop()
    stage.accept()
    collected(stage)
    stage.quiet(REPLY_S - SLACK_S, "the reply to get_pending_results was not there yet", "R4")
    problem = f"the client waited for the reply longer than {REPLY_S:g} s"
    stage.closed_by_client(problem, "R16", within_s=2 * SLACK_S)
    stage.accept()
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "at last")
    return Wanted([{"data": "at last"}])


def final(stage: Stage) -> Wanted:
    """When the client comes back answer auth with what is none, then refuse the token.

    A call is made meanwhile.
    """
    asked(stage, 1)
    stage.close(4401)
    stage.accept_silently()
    stage.auth()
    stage.wire.send(frames.TEXT, b"HTTP/1.1 502 Bad Gateway")
    text = "the client did not end a connection on which auth had no answer that is one"
    stage.closed_by_client(text, "A6")
    stage.accept_silently()
    comes_after(stage, 2)
    stage.refuse(stage.auth(), AUTHENTICATION)
    stage.close_politely(4401)
    stage.is_over = True
    stage.accept()
    stage.comes_anew(f"{AUTHENTICATION} as the answer to auth", "B6")
    return Wanted([CUT_OFF, {"error": None, "sent": False}])


def closed_meanwhile(stage: Stage) -> Wanted:
    """Break the connection; the client is closed before it comes back."""
    asked(stage, 1)
    stage.drop()
    time.sleep(AWAY_S)  # whoever comes back before it is closed is not let in
    stage.is_over = True
    stage.accept()
    stage.comes_anew("it was closed", "X5")
    return Wanted([CUT_OFF, {"error": None, "sent": False}, {"error": LIMIT_EXCEEDED}])


def case(
    name: str, rules: tuple[str, ...], rule: str, play: Any, calls: Any = (), **options: Any
) -> Case:
    """A case of this level."""
    return Case(name, "reconnect", rules, rule, calls or work(1), play, **options)


MEANWHILE = {"tool": "work", "args": {"n": 1}, "wait_s": 0.2}
FAILS_AT_ONCE = {"tool": "work", "args": {"text": TOO_LONG}, "wait_s": 0.4}

CASES = (
    case(
        "pauses between attempts",
        ("B2", "B4", "B11", "R15"),
        "1, 2 s; a failed reconciliation counts; one that is done ends the count.",
        pauses,
    ),
    case(
        "the token is refused later",
        ("B1", "B6", "B7", "B11", "B13", "A6", "X5", "X6"),
        "What is no answer is a failure like others; a refusal is final, and ends all calls.",
        final,
        (*work(1), MEANWHILE),
    ),
    case(
        "closed while cut off",
        ("B13", "X5", "X6"),
        "All calls end at once, and say whether they were sent.",
        closed_meanwhile,
        (*work(1), MEANWHILE, FAILS_AT_ONCE),
        members={"close_after": 2},
    ),
    case(
        "the gateway asks for a pause",
        ("B5", "B8", "B9"),
        "The longer pause counts.",
        asked_to_wait,
        is_slow=True,
    ),
    case(
        "four failures in a row", ("B2", "B3", "B7", "R15"), "1, 2, 4, 8 s.", doubling, is_slow=True
    ),
    case(
        "no reply to get_pending_results",
        ("R16",),
        "The connection is cut after 30 s.",
        no_reply,
        is_slow=True,
    ),
)
