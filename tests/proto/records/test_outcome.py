"""How a request ended."""

import msgspec
import pytest

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.records.outcome import (
    Outcome,
    Status,
    ended,
    executed,
    failed,
    people_say,
    unknown,
)


def test_an_executed_tool_has_data_and_no_error() -> None:
    outcome = executed(b'{"state":"on"}')
    assert (outcome.status, outcome.code, outcome.message) == (Status.EXECUTED, 0, "")
    assert bytes(outcome.data) == b'{"state":"on"}'


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.DENIED, ErrorCode.DENIED_BY_PERSON),
        (Status.DENIED, ErrorCode.DENIED_BY_POLICY),
        (Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED),
        (Status.CANCELLED, ErrorCode.CANCELLED),
    ],
)
def test_what_did_not_run_says_so_in_the_words_of_its_code(status: Status, code: ErrorCode) -> None:
    outcome = ended(status, code)
    assert (outcome.status, outcome.code) == (status, code)
    assert outcome.message == ERRORS[code].message
    assert bytes(outcome.data) == b"null"


def test_a_detail_follows_the_words_of_the_code() -> None:
    outcome = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, "rule permissions.yaml:3")
    assert outcome.message == "Denied by policy: rule permissions.yaml:3"


def test_a_failed_tool_speaks_for_itself() -> None:
    outcome = failed("the bulb is missing")
    assert outcome == Outcome(
        status=Status.FAILED, code=ErrorCode.TOOL_FAILED, message="the bulb is missing"
    )


def test_a_tool_that_failed_without_a_word_is_given_one() -> None:
    assert failed("").message == "Tool failed"


def test_a_failed_tool_may_say_more_than_words() -> None:
    outcome = failed("no bulb", b'{"isError":true}')
    assert (outcome.message, bytes(outcome.data)) == ("no bulb", b'{"isError":true}')


def test_an_unknown_outcome_tells_what_happened() -> None:
    outcome = unknown("the gateway stopped while the tool ran")
    assert (outcome.status, outcome.code) == (Status.UNKNOWN, ErrorCode.OUTCOME_UNKNOWN)
    assert outcome.message == "Outcome unknown: the gateway stopped while the tool ran"


def test_an_outcome_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        executed(b"1").status = Status.DENIED


@pytest.mark.parametrize(
    "outcome", [executed(b'{"a": [1,  2]}'), failed("no"), unknown("why"), executed(b"null")]
)
def test_an_outcome_comes_back_from_storage_as_it_was(outcome: Outcome) -> None:
    back = msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome)
    assert back == outcome
    assert bytes(back.data) == bytes(outcome.data)


def test_the_words_of_every_status_are_those_of_the_wire() -> None:
    assert [status.value for status in Status] == [
        "executed",
        "denied",
        "expired",
        "failed",
        "unknown",
        "cancelled",
    ]


def test_what_people_made_of_a_call_is_said_unless_the_error_says_it() -> None:
    ran = 'A person has changed the arguments before it ran; these were: {"a":1}.'
    word = "The person who was asked says: no"
    assert people_say("", None) == ""
    assert people_say("", '{"a":1}') == ran
    assert people_say("no", '{"a":1}', "no such lamp") == f"{ran} {word}"
    no = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON, "no")
    assert people_say("no", None, no.message) == ""
    assert people_say("yes\nno", None, no.message) == "The person who was asked says: yes\nno"
