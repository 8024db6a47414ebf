"""Level minimal: how a client ends, and how its calls do."""

from __future__ import annotations

from typing import Any

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import CUT_OFF, Case, Wanted, asked, work
from agentgate_cli.conformance.listen.stage import Stage

NORMAL = 1000
SOON_S = 0.3
CLOSING_S = 7.0
"""A client that waits 5 s for a close frame has cut the connection by then."""

FAR = 2**52
"""The highest id that a gateway counts."""


def wait_for_close(stage: Stage) -> None:
    """Wait for the client's close frame, and let the client be another one then."""
    stage.closed_by_client("the client did not close the connection", "X2", codes=(NORMAL,))
    stage.is_over = True


def in_the_midst(stage: Stage) -> Wanted:
    """Answer the call after which the client closes; ask for something after its close frame."""
    first, *others = asked(stage, 3)
    stage.answer(first["id"], "answered")
    number = stage.number
    closed = stage.close_frame("the client did not close the connection", "X2")
    if closed.code != NORMAL:
        raise Broken(f"a client that is done closed with {closed.code} instead of 1000", "X2")
    if stage.acked < number:
        raise Broken(f"number {number} was not acknowledged before closing", "N7")
    stage.say({"jsonrpc": "2.0", "method": "no.such", "params": {}, "id": "late"})
    stage.answer(others[0]["id"], "too late")
    stage.silent_after_closing(SOON_S)
    stage.wire.send(frames.CLOSE, NORMAL.to_bytes(2, "big"))
    stage.drop()
    stage.is_over = True
    stage.accept()
    return Wanted([{"data": "answered"}, CUT_OFF, CUT_OFF])


def not_answered(stage: Stage) -> Wanted:
    """Do not answer the client's close frame."""
    first, _ = asked(stage, 2)
    stage.answer(first["id"], "answered")
    stage.close_frame("the client did not close the connection", "X2")
    stage.ended_within(CLOSING_S, "the client did not cut the connection after 5 s", "X3")
    stage.is_over = True
    stage.accept()
    return Wanted([{"data": "answered"}, CUT_OFF])


def first_version(stage: Stage) -> Wanted:
    """Let the next client be told nothing but that it is authenticated."""
    (message,) = asked(stage, 1)
    stage.answer(message["id"], None)
    wait_for_close(stage)
    stage.accept(without=("principal", "role", "highest_id", "epoch", "retention_s"))
    return Wanted([{"data": None}], failed=0)


def far(stage: Stage) -> Wanted:
    """Tell the next client the highest id that there is."""
    (message,) = asked(stage, 1)
    stage.answer(message["id"], None)
    wait_for_close(stage)
    stage.accept(highest=FAR)
    return Wanted([{"data": None}], failed=0)


def cut(stage: Stage) -> Wanted:
    """Break the connection."""
    asked(stage, 2)
    stage.drop()
    stage.accept()
    return Wanted([CUT_OFF, CUT_OFF])


def sent_away(stage: Stage) -> Wanted:
    """Close the connection after an answer."""
    first, _ = asked(stage, 2)
    stage.answer(first["id"], "answered")
    stage.close(1012)
    stage.accept()
    return Wanted([{"data": "answered"}, CUT_OFF])


def case(
    name: str, rules: tuple[str, ...], rule: str, count: int, play: Any, **options: Any
) -> Case:
    """A case of this level."""
    return Case(name, "minimal", rules, rule, work(count), play, **options)


CLOSE_AFTER = {"close_after": 0}

CASES = (
    case(
        "closed in the midst",
        ("N7", "X4", "X5", "X6"),
        "What came is acknowledged, all other calls end at once, and say that they were sent.",
        3,
        in_the_midst,
        members=CLOSE_AFTER,
    ),
    case(
        "a close frame that is not answered",
        ("X3",),
        "The connection is cut.",
        2,
        not_answered,
        members=CLOSE_AFTER,
        is_slow=True,
    ),
    case(
        "a gateway of the first version",
        ("A5",),
        "What auth does not tell has a meaning.",
        1,
        first_version,
        members=CLOSE_AFTER,
    ),
    case(
        "ids above 2^52",
        ("C2", "C3"),
        "They begin above highest_id, and are exact.",
        1,
        far,
        members=CLOSE_AFTER,
    ),
    case(
        "a cut",
        ("X5", "X6", "X7"),
        "The calls end, and say that they were sent. Another client goes on.",
        2,
        cut,
        alone=True,
    ),
    case(
        "sent away",
        ("X1", "X5", "X6", "X7"),
        "The calls end, and say that they were sent. Another client goes on.",
        2,
        sent_away,
        alone=True,
    ),
)
