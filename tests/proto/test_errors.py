"""The table of error codes and the exceptions made from it."""

import copy
import pickle

import pytest

from agentgate_proto.errors import (
    ERRORS,
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    ConnectionClosedError,
    ErrorCode,
    LocalProtocolError,
    ModelFailed,
    OutcomeUnknown,
    OverBudget,
    ProtocolError,
    RemoteProtocolError,
    RunInProgress,
    SessionNotFound,
    exception_for,
)

JSON_RPC_SECTION_5_1 = {
    -32700: "Parse error",
    -32600: "Invalid Request",
    -32601: "Method not found",
    -32602: "Invalid params",
    -32603: "Internal error",
}


def test_every_code_has_a_row_and_every_row_a_code() -> None:
    assert set(ERRORS) == set(ErrorCode)
    assert all(code == row.code for code, row in ERRORS.items())


@pytest.mark.parametrize("code", ErrorCode)
def test_every_row_says_what_the_code_means_in_a_sentence(code: ErrorCode) -> None:
    row = ERRORS[code]
    assert row.message[0].isupper()
    assert row.message[-1].isalpha()
    assert row.meaning.endswith(".")


@pytest.mark.parametrize(("code", "message"), JSON_RPC_SECTION_5_1.items())
def test_the_codes_of_json_rpc_keep_their_words(code: int, message: str) -> None:
    assert ERRORS[code].message == message


def test_our_own_codes_lie_in_the_range_that_json_rpc_leaves_to_servers() -> None:
    own = set(ErrorCode) - set(JSON_RPC_SECTION_5_1)
    assert all(-32099 <= code <= -32000 for code in own)


@pytest.mark.seed001("FR2-AC3", "FR6-AC2")
@pytest.mark.parametrize("code", [-32001, -32003])
def test_a_denial_by_a_person_or_by_policy_raises_denied(code: int) -> None:
    assert type(exception_for(code, "no")) is AgentGateDenied


@pytest.mark.seed001("FR2-AC4", "FR6-AC3")
def test_an_approval_that_nobody_gave_raises_timeout() -> None:
    assert type(exception_for(-32002, "Approval timed out")) is AgentGateTimeout


def test_a_call_that_was_withdrawn_raises_timeout_too() -> None:
    assert type(exception_for(-32008, "Cancelled")) is AgentGateTimeout


@pytest.mark.seed001("FR2-AC5")
@pytest.mark.parametrize("code", [-32700, -32600, -32601, -32004, -32005, -32006])
def test_every_other_code_of_the_seed_raises_an_error_that_is_no_denial_and_no_timeout(
    code: int,
) -> None:
    error = exception_for(code, "words")
    assert isinstance(error, AgentGateError)
    assert not isinstance(error, AgentGateDenied | AgentGateTimeout)


@pytest.mark.seed001("FR6-AC4")
@pytest.mark.parametrize("code", [-32000, -32005])
def test_a_lost_connection_and_a_wrong_token_raise_a_connection_error(code: int) -> None:
    assert type(exception_for(code, "words")) is AgentGateConnectionError


def test_an_unknown_outcome_has_an_exception_of_its_own() -> None:
    assert type(exception_for(-32007, "words")) is OutcomeUnknown


@pytest.mark.parametrize("code", [-32099, 0, 1, 404])
def test_a_code_that_is_not_in_the_table_raises_the_base(code: int) -> None:
    assert type(exception_for(code, "words")) is AgentGateError


@pytest.mark.seed001("FR6-AC1")
def test_an_error_carries_code_message_and_data() -> None:
    error = AgentGateError(-32006, "Limit exceeded", {"retry_after_s": 3})
    assert (error.code, error.message, error.data) == (
        -32006,
        "Limit exceeded",
        {"retry_after_s": 3},
    )
    assert str(error) == "Limit exceeded (-32006)"


@pytest.mark.seed001("FR6-AC1")
def test_data_is_optional_and_a_code_from_the_table_becomes_a_plain_integer() -> None:
    error = AgentGateError(ErrorCode.TOOL_FAILED, "kaput")
    assert error.data is None
    assert type(error.code) is int


@pytest.mark.seed001("FR6-AC1", "FR6-AC2", "FR6-AC3", "FR6-AC4")
@pytest.mark.parametrize(
    "kind", [AgentGateDenied, AgentGateTimeout, AgentGateConnectionError, OutcomeUnknown]
)
def test_every_exception_of_the_sdk_extends_the_base(kind: type[AgentGateError]) -> None:
    assert issubclass(kind, AgentGateError)


def test_every_exception_of_the_sdk_is_reached_by_some_code() -> None:
    reached = {type(exception_for(code, "words")) for code in ErrorCode}
    assert reached == {AgentGateError, *AgentGateError.__subclasses__()}


@pytest.mark.parametrize("code", ErrorCode)
def test_errors_survive_copying_and_pickling(code: ErrorCode) -> None:
    error = exception_for(code, "words", {"seq": 1})
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert (twin.code, twin.message, twin.data) == (code, "words", {"seq": 1})


def test_misuse_a_lost_race_and_a_bad_peer_are_told_apart() -> None:
    kinds = [LocalProtocolError, ConnectionClosedError, RemoteProtocolError]
    assert all(issubclass(kind, ProtocolError) for kind in kinds)
    assert not any(issubclass(a, b) for a in kinds for b in kinds if a is not b)
    assert not issubclass(ProtocolError, AgentGateError)


def test_a_bad_peer_is_closed_with_1002_unless_another_code_is_named() -> None:
    assert RemoteProtocolError("bad frame").code == 1002
    error = RemoteProtocolError("too big", 1009)
    assert (str(error), error.reason, error.code) == ("too big", "too big", 1009)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-32013, SessionNotFound),
        (-32014, RunInProgress),
        (-32015, OverBudget),
        (-32016, ModelFailed),
    ],
)
def test_each_error_about_sessions_has_an_exception_of_its_own(
    code: int, kind: type[AgentGateError]
) -> None:
    assert type(exception_for(code, "no")) is kind


def test_a_busy_session_names_its_run_and_what_that_waits_for() -> None:
    error = exception_for(-32014, "busy", {"run": "r1", "approvals": ["a1", "a2"]})
    assert isinstance(error, RunInProgress)
    assert (error.run, error.approvals) == ("r1", ["a1", "a2"])


@pytest.mark.parametrize("data", [None, [], {}, {"run": 7, "approvals": "a1"}])
def test_a_busy_session_that_names_nothing_is_read_as_such(data: object) -> None:
    error = exception_for(-32014, "busy", data)
    assert isinstance(error, RunInProgress)
    assert (error.run, error.approvals) == ("", [])
