"""Level keep-alive: silence.

One case, because twenty seconds pass three times: until the client asks for a sign of life, until
it asks again after one, and until it gives up.
"""

from __future__ import annotations

import time

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.line import decoded
from agentgate_cli.conformance.listen.link import Closed, Link
from agentgate_cli.conformance.listen.pending import collected, reply
from agentgate_cli.conformance.listen.stage import Stage

SILENCE_S = 20.0
SLACK_S = 3.0
"""By how much a client may be late, or cut too early."""

GLANCE_S = 0.2

HELLO = {"jsonrpc": "2.0", "method": "a_sign_of_life"}
"""Means nothing to a client, but that somebody is there."""


def silent(stage: Stage) -> Wanted:
    """Say nothing; say one thing that is no pong; say nothing more."""
    (message,) = asked(stage, 1)
    link = linked(stage)
    link.is_mute = True
    asks(link, f"no ping came though nothing was said for {SILENCE_S:g} s", "K1")
    stage.say(HELLO)
    asks(link, f"no ping came {SILENCE_S:g} s after a message, which is a sign of life", "K3")
    gone_after_s = cut_after(link)
    if gone_after_s < SILENCE_S - SLACK_S:
        text = f"the client cut the connection {gone_after_s:.0f} s after it had asked for a sign"
        raise Broken(f"{text} of life: it is to wait for {SILENCE_S:g} s", "K2")
    stage.accept()
    reply(stage, collected(stage), [], [])
    stage.again(message["id"], "the connection was dead, and it is in neither list", "R6")
    stage.answer(message["id"], "after the silence")
    return Wanted([{"data": "after the silence"}])


def linked(stage: Stage) -> Link:
    """The connection that stands."""
    assert stage.link is not None, "a call came by it"
    return stage.link


def asks(link: Link, problem: str, rule: str) -> None:
    """Wait until the client asks for a sign of life: by a ping, or by a call that changes nothing.

    Raises:
        Broken: it does not in time, or is gone.
    """
    asked_before = len(link.pings)
    until = time.monotonic() + SILENCE_S + SLACK_S
    while len(link.pings) == asked_before:
        if time.monotonic() > until:
            raise Broken(problem, rule)
        match link.read(GLANCE_S):
            case Closed():
                raise Broken(f"{problem}: instead the client cut the connection", rule)
            case str() as text if decoded(text).get("method") == "list_requests":
                return


def cut_after(link: Link) -> float:
    """Wait until the client gives the connection up; return after how many seconds it has.

    Raises:
        Broken: it does not.
    """
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < SILENCE_S + SLACK_S:
        if isinstance(link.read(GLANCE_S), Closed):
            return passed
    text = f"the connection was not cut though nothing was said for {2 * SILENCE_S:g} s"
    raise Broken(text, "K2")


CASES: tuple[Case, ...] = (
    Case(
        "silence",
        "keep-alive",
        ("K1", "K2", "K3"),
        "After 20 s a ping, after 20 more without a byte a cut; the call goes on.",
        work(1),
        silent,
        is_slow=True,
    ),
)
