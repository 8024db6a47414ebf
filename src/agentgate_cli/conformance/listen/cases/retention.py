"""Level reconnect: how long a gateway remembers what was sent."""

from __future__ import annotations

import time

from agentgate_cli.conformance.listen.case import UNKNOWN, Case, Wanted, work
from agentgate_cli.conformance.listen.pending import collected, reply
from agentgate_cli.conformance.listen.stage import Stage

OLD_S, YOUNG_S = 0.0, 1.6
"""When the two calls are made, from the start of the task on."""

RETENTION_S = 2.0
JUDGED_S = 2.6
"""From then on the older call is too old by far, and the younger one, by far, is not."""


def short(stage: Stage) -> Wanted:
    """Forget the older of two calls."""
    began = time.monotonic()
    old = stage.tool("work")
    young = stage.tool("work")
    stage.drop()
    stage.accept_silently()
    auth_id = stage.auth()
    time.sleep(max(began + JUDGED_S - time.monotonic(), 0.0))
    stage.ban([old["id"]], "it was first sent longer ago than retention_s", "R11")
    stage.authenticated(auth_id, retention_s=RETENTION_S)
    reply(stage, collected(stage), [], [])
    stage.again(young["id"], "it was first sent within retention_s", "R6", "R11")
    stage.answer(young["id"], "sent again")
    return Wanted([{"error": UNKNOWN}, {"data": "sent again"}])


def absent(stage: Stage) -> Wanted:
    """Do not say how long; then say that nothing is kept."""
    message = stage.tool("work")
    stage.drop()
    stage.accept(without=("retention_s",))
    reply(stage, collected(stage), [], [])
    stage.again(message["id"], "no retention_s was told, so it is remembered", "R12")
    stage.drop()
    stage.ban([message["id"]], "retention_s was 0", "R13")
    stage.accept(retention_s=0)
    reply(stage, collected(stage), [], [])
    return Wanted([{"error": UNKNOWN}])


CASES = (
    Case(
        "a short retention",
        "reconnect",
        ("R11", "R6"),
        "What was sent before that is unknown.",
        (*work(1), {"tool": "work", "args": {"n": 1}, "wait_s": YOUNG_S}),
        short,
    ),
    Case(
        "no retention, and none at all",
        "reconnect",
        ("R12", "R13"),
        "Missing, it is no limit; 0, nothing is kept.",
        work(1),
        absent,
    ),
)
