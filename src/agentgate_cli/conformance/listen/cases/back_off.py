"""Level reconnect: when the next attempt is made."""

from __future__ import annotations

from agentgate_cli.conformance.listen.case import Case, Wanted, asked, work
from agentgate_cli.conformance.listen.pending import collected, reply
from agentgate_cli.conformance.listen.stage import Stage


def turned_away(stage: Stage) -> Wanted:
    """Break the connection, then break or turn away two attempts."""
    (message,) = asked(stage, 1)
    stage.drop()
    stage.accept_silently()
    stage.drop()
    stage.accept_silently()
    auth = stage.request("auth")
    stage.refuse(auth["id"], -32006)
    stage.accept()
    reply(stage, collected(stage), [], [message["id"]])
    stage.answer(message["id"], "after three attempts")
    return Wanted([{"data": "after three attempts"}])


CASES = (
    Case("attempts that fail", "reconnect", (), "Try again until it works.", work(1), turned_away),
)
