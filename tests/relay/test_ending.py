"""What an upstream's answer means for the request here: nothing becomes better known on its way."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.ledger_records import record

from agentgate_proto.client.calls import NOT_SETTLED, WITHDRAWN
from agentgate_proto.errors import ASK_AGAIN, ErrorCode, exception_for
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects
from agentgate_relay.ending import outcome_of

READ, WRITE = record(effects=Effects.READ), record(effects=Effects.WRITE)
APPROVED_HERE = record(decided_at=1.0, approver="bob")


def ended(code: ErrorCode, message: str, data: Any = None, request: Any = WRITE) -> Outcome:
    return outcome_of(exception_for(code, message, data), request, "house")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.DENIED_BY_PERSON, Status.DENIED),
        (ErrorCode.DENIED_BY_POLICY, Status.DENIED),
        (ErrorCode.APPROVAL_EXPIRED, Status.EXPIRED),
        (ErrorCode.RELAY_LOOP, Status.FAILED),
        (ErrorCode.LIMIT_EXCEEDED, Status.FAILED),
        (ErrorCode.FORBIDDEN, Status.FAILED),
        (ErrorCode.INTERNAL_ERROR, Status.FAILED),
    ],
)
def test_the_code_and_the_words_from_there_are_kept(code: ErrorCode, status: Status) -> None:
    outcome = ended(code, "because")
    assert (outcome.status, outcome.code) == (status, code)
    assert outcome.message.endswith("house: because")
    assert outcome.message.startswith("it was not started") == (status is Status.FAILED)


def test_a_tool_that_failed_there_failed_in_its_own_words() -> None:
    outcome = ended(ErrorCode.TOOL_FAILED, "the door is jammed")
    assert (outcome.status, outcome.message) == (Status.FAILED, "the door is jammed")


def test_who_said_yes_here_did_not_say_no() -> None:
    outcome = ended(ErrorCode.DENIED_BY_PERSON, "Denied", request=APPROVED_HERE)
    assert (outcome.status, outcome.code) == (Status.DENIED, ErrorCode.DENIED_BY_POLICY)


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [
        (ErrorCode.OUTCOME_UNKNOWN, "Outcome unknown: it died", None),
        (ErrorCode.CANCELLED, f"no answer in 5 s: {NOT_SETTLED}", None),
        (ErrorCode.CONNECTION_LOST, "the client was closed", {"sent": True}),
        (ErrorCode.LIMIT_EXCEEDED, f"too much to do; {ASK_AGAIN}", {"retry_after_s": 1.0}),
        (ErrorCode.INTERNAL_ERROR, f"the store can't be read; {ASK_AGAIN}", None),
    ],
)
def test_what_may_have_run_is_unknown_if_it_writes(
    code: ErrorCode, message: str, data: Any
) -> None:
    outcome = ended(code, message, data)
    assert (outcome.status, outcome.code) == (Status.UNKNOWN, ErrorCode.OUTCOME_UNKNOWN)
    assert message in outcome.message
    assert ended(code, message, data, READ).status is Status.FAILED


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [
        (ErrorCode.CANCELLED, f"no answer in 5 s: {WITHDRAWN}", None),
        (ErrorCode.CONNECTION_LOST, "nothing listens there", None),
        (ErrorCode.CONNECTION_LOST, "nothing listens there", {"sent": False}),
    ],
)
def test_what_was_withdrawn_in_time_or_never_sent_has_not_run(
    code: ErrorCode, message: str, data: Any
) -> None:
    outcome = ended(code, message, data)
    assert outcome.status is Status.FAILED
    assert outcome.message.startswith("it was not started: house: ")
