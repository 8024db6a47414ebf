"""Levels minimal and reconnect: what a client makes of the answer to its first auth."""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.stage import Stage

AUTH_S = 10.0
LATER_S = 13.0
"""By then a client that waits 10 s for the answer to auth has given up."""

CLOSE_AFTER = {"close_after": 0}

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32600, -32601, -32602
INTERNAL_ERROR = -32603
AUTHENTICATION = -32005


def others(stage: Stage) -> None:
    """Answer the one call, after which the client closes: others follow."""
    (message,) = asked(stage, 1)
    stage.answer(message["id"], None)
    stage.closed_by_client("the client did not close the connection", "X2", codes=(1000,))
    stage.is_over = True


def turned_away(stage: Stage, what: str, *rules: str) -> None:
    """The client must end the connection, and not try again: who connects next is another one."""
    problem = f"the client did not end the connection after {what}"
    stage.closed_by_client(problem, *rules)
    stage.is_over = True


def no_answers(stage: Stage) -> Wanted:
    """Answer auth with what is none, each time the driver opens a client."""
    others(stage)
    odd: tuple[tuple[str, Any], ...] = (
        ("text that is no message", None),
        ("another result", {"status": "welcome"}),
        ("a result that is no object", "authenticated"),
        ("a member of a wrong type", {"status": "authenticated", "highest_id": "many"}),
        ("another member of a wrong type", {"status": "authenticated", "epoch": 5}),
    )
    for what, result in odd:
        stage.accept_silently()
        auth_id = stage.auth()
        if result is None:
            stage.wire.send(frames.TEXT, b"HTTP/1.1 200 OK")
        else:
            stage.say({"jsonrpc": "2.0", "result": result, "id": auth_id})
        turned_away(stage, what, "A6")
    stage.accept()
    return Wanted([{"data": None}], failed=len(odd))


def refused(stage: Stage) -> Wanted:
    """Refuse auth with each code after which it makes no sense to try again."""
    others(stage)
    codes = (AUTHENTICATION, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR)
    for code in codes:
        stage.accept_silently()
        stage.refuse(stage.auth(), code)
        turned_away(stage, f"{code} as the answer to auth", "A6")
    stage.accept()

    def told(report: dict[str, Any]) -> None:
        failed = [error.get("code") for error in report.get("failed", [])]
        if AUTHENTICATION not in failed:
            raise Broken(f"that the token was refused was told as {failed}", "A6")

    return Wanted([{"data": None}], failed=len(codes), check=told)


def never(stage: Stage) -> Wanted:
    """Do not answer the first auth."""
    others(stage)
    stage.accept_silently()
    stage.auth()
    stage.quiet(AUTH_S - 2, "auth was not answered yet", "A3", "A6")
    problem = f"the client waited for the answer to auth longer than {AUTH_S:g} s"
    stage.closed_by_client(problem, "A6", within_s=LATER_S - AUTH_S + 2)
    stage.is_over = True
    stage.accept()
    return Wanted([{"data": None}], failed=1)


def alone(stage: Stage) -> Wanted:
    """Ping before auth is answered, and see that nothing else comes before that."""
    others(stage)
    stage.accept_silently()
    auth_id = stage.auth()
    stage.wire.send(frames.PING, b"early")
    stage.quiet(0.3, "auth was not answered yet", "A3")
    if b"early" not in stage.pongs:
        raise Broken("a ping before the answer to auth was not answered", "T7")
    stage.authenticated(auth_id)
    return Wanted([{"data": None}], failed=0)


def case(name: str, rules: tuple[str, ...], rule: str, play: Any, *, is_slow: bool = False) -> Case:
    """A case of level minimal."""
    return Case(name, "minimal", rules, rule, work(1), play, members=CLOSE_AFTER, is_slow=is_slow)


CASES = (
    case("before auth is answered", ("A3", "T7"), "Nothing is sent but pongs.", alone),
    case(
        "an answer to auth that is none",
        ("A6", "B7"),
        "The first time it is final: the connection ends, the user is told.",
        no_answers,
    ),
    case(
        "auth is refused",
        ("A6", "B6", "B7"),
        "The first time it is final: the connection ends, the user is told.",
        refused,
    ),
    case(
        "auth is not answered",
        ("A6", "B7"),
        "The first time it is final after 10 s: the connection ends, the user is told.",
        never,
        is_slow=True,
    ),
)
