"""What the cases need where a caller's patience ends, or the client is cut off for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from agentgate_cli.conformance.listen.broken import Broken, shown
from agentgate_cli.conformance.listen.case import asked
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.stage import Stage

PATIENCE_S = 0.4
"""Of the callers that give up."""

GRACE_S = 2.0
"""How long a client waits for what came of a withdrawal."""

SLACK_S = 1.5
"""By how much a client may be late, on a machine that does other things too."""

AT_ONCE_S = 1.2
"""Less than GRACE_S: whoever waits for that is told apart."""

WITHDRAWN = -32008

IMPATIENT = "id {} was not withdrawn, though its caller's patience is over"
PENDING = "id {} is pending, unwanted, and was not withdrawn"


def withdrawals(
    stage: Stage, requests: Sequence[Message], *rules: str, problem: str = IMPATIENT
) -> list[Any]:
    """Take the ``cancel_request`` of each of these requests; return their ids, in this order.

    Args:
        stage: where they come.
        requests: those whose callers' patience ends, and no others.
        rules: those that ask for it.
        problem: what to say if one does not come; ``{}`` is the id.

    Raises:
        Broken: one did not come, or withdraws something else.
    """
    found: dict[Any, Any] = {}
    ids = [request["id"] for request in requests]
    while len(found) < len(ids):
        missing = next(request_id for request_id in ids if request_id not in found)
        what = problem.format(missing)
        message = stage.next_message(what, *rules, within_s=PATIENCE_S + SLACK_S)
        if message.get("method") != "cancel_request" or "id" not in message:
            raise Broken(f"{what}: instead came {shown(message)}", *rules)
        of = (message.get("params") or {}).get("request_id")
        if type(of) is not int or of not in ids or of in found:
            raise Broken(f"{shown(message)} withdraws what is not to be withdrawn now", *rules)
        stage.memory.note_other(message)
        found[of] = message["id"]
    return [found[request_id] for request_id in ids]


def all_told(stage: Stage, within_s: float, problem: str, *rules: str) -> None:
    """See that every call of the task ends in this time: the client makes its report.

    Raises:
        Broken: it does not, or sends something else.
    """
    message = stage.next_message(problem, *rules, within_s=within_s)
    if (message.get("params") or {}).get("tool") != "report":
        raise Broken(f"{problem}: instead came {shown(message)}", *rules)
    stage.put_back(message)


def status(stage: Stage, cancel_id: Any, word: str) -> None:
    """Answer a withdrawal."""
    stage.say({"jsonrpc": "2.0", "result": {"status": word}, "id": cancel_id})


def cut_off(stage: Stage, count: int, for_s: float) -> list[Message]:
    """Take so many calls, break the connection, and take the next one only after a while.

    The client connects meanwhile, and waits for the answer to its opening handshake.
    """
    messages = asked(stage, count)
    stage.drop()
    time.sleep(for_s)
    stage.accept()
    return messages
