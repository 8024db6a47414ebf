"""Ending: what an upstream's answer to a tool request means for the request here.

Nothing becomes better known on its way: what is denied there is denied here, in the words from
there; what nobody knows there, nobody knows here. Only a request of which it is certain that it was
not taken, or was withdrawn in time, has not run.
"""

from __future__ import annotations

import msgspec

from agentgate_proto.client.calls import NOT_SETTLED
from agentgate_proto.errors import ASK_AGAIN, AgentGateError, ErrorCode
from agentgate_proto.records.outcome import Outcome, Status, failed, unknown, with_words
from agentgate_proto.records.request import Effects, Record

DENIED = (ErrorCode.DENIED_BY_PERSON, ErrorCode.DENIED_BY_POLICY)


def outcome_of(error: AgentGateError, record: Record, upstream: str) -> Outcome:
    """Return how a request ended that was answered with an error.

    Args:
        error: what came, from the upstream or from our own client.
        record: the request here.
        upstream: its name, for people.
    """
    outcome = ending_of(error, record, upstream)
    edited = error.edited
    return with_words(
        outcome, error.word, None if edited is None else msgspec.Raw(msgspec.json.encode(edited))
    )


def ending_of(error: AgentGateError, record: Record, upstream: str) -> Outcome:
    """The same, without what people said there."""
    code, message = error.code, f"{upstream}: {error.message}"
    if code in DENIED:
        return Outcome(status=Status.DENIED, code=denied_code(code, record), message=message)
    match code:
        case ErrorCode.APPROVAL_EXPIRED:
            return Outcome(status=Status.EXPIRED, code=code, message=message)
        case ErrorCode.TOOL_FAILED:
            return failed(error.message)
        case ErrorCode.OUTCOME_UNKNOWN:
            return unclear(message, record)
        case ErrorCode.CANCELLED if error.message.endswith(NOT_SETTLED):
            return unclear(message, record)
        case ErrorCode.CONNECTION_LOST if isinstance(error.data, dict) and error.data.get("sent"):
            return unclear(message, record)
        case _ if error.message.endswith(ASK_AGAIN):  # not now; it may have been before the cut
            return unclear(message, record)
        case _:
            text = f"it was not started: {message}"
            return Outcome(status=Status.FAILED, code=code, message=text)


def denied_code(code: int, record: Record) -> int:
    """Say who denied it: to say here that a person did would be untrue of one who said yes here."""
    return ErrorCode.DENIED_BY_POLICY if record.decided_at else code


def unclear(why: str, record: Record) -> Outcome:
    """Nobody knows whether it took effect; what only reads may be asked for again."""
    return unknown(why) if record.effects is Effects.WRITE else failed(why)
