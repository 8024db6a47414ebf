"""The table of error codes and the exceptions made from it."""

import copy
import pickle
from typing import Any

import pytest

from agentgate_proto.errors import (
    ERRORS,
    SEND_LESS,
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    AlreadySettled,
    ApprovalExpired,
    AuthenticationFailed,
    CodeNeeded,
    ConnectionClosedError,
    DeniedByPerson,
    DeniedByPolicy,
    Disconnected,
    ErrorCode,
    Forbidden,
    GatewayFailed,
    InvalidArguments,
    InvalidRequest,
    LimitExceeded,
    LocalProtocolError,
    LoginFailed,
    ModelFailed,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    OverBudget,
    ProtocolError,
    RateLimited,
    RelayLoop,
    RemoteProtocolError,
    RequestCancelled,
    RunInProgress,
    SessionNotFound,
    TooLarge,
    ToolFailed,
    UnknownTool,
    exception_for,
    unknown_tool,
)

KINDS = {
    -32700: InvalidRequest,
    -32600: InvalidRequest,
    -32601: NotSupported,
    -32602: InvalidArguments,
    -32603: GatewayFailed,
    -32000: Disconnected,
    -32001: DeniedByPerson,
    -32002: ApprovalExpired,
    -32003: DeniedByPolicy,
    -32004: ToolFailed,
    -32005: AuthenticationFailed,
    -32006: LimitExceeded,
    -32007: OutcomeUnknown,
    -32008: RequestCancelled,
    -32009: AlreadySettled,
    -32010: Forbidden,
    -32011: NotFound,
    -32012: CodeNeeded,
    -32013: SessionNotFound,
    -32014: RunInProgress,
    -32015: OverBudget,
    -32016: ModelFailed,
    -32017: LoginFailed,
    -32018: RelayLoop,
}

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
    assert isinstance(exception_for(code, "no"), AgentGateDenied)


@pytest.mark.seed001("FR2-AC4", "FR6-AC3")
def test_an_approval_that_nobody_gave_raises_timeout() -> None:
    assert isinstance(exception_for(-32002, "Approval timed out"), AgentGateTimeout)


def test_a_call_that_was_withdrawn_raises_timeout_too() -> None:
    assert isinstance(exception_for(-32008, "Cancelled"), AgentGateTimeout)


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
    assert isinstance(exception_for(code, "words"), AgentGateConnectionError)


def test_every_code_has_an_exception_of_its_own_kind() -> None:
    assert {code: type(exception_for(code, "words")) for code in ErrorCode} == KINDS


def test_a_limit_in_time_is_told_from_one_that_waiting_does_not_help() -> None:
    now, ever = exception_for(-32006, "no", {"retry_after_s": 2}), exception_for(-32006, "no", {})
    assert (type(now), now.retry_after_s) == (RateLimited, 2.0)
    assert (type(ever), ever.retry_after_s) == (LimitExceeded, None)


@pytest.mark.parametrize("pause", [None, True, "2", -1, float("nan"), float("inf"), 10**400, [2]])
def test_a_time_that_is_none_is_not_waited_for(pause: object) -> None:
    error = exception_for(-32006, "no", {"retry_after_s": pause})
    assert (type(error), error.retry_after_s) == (LimitExceeded, None)


def test_a_wrong_code_says_when_another_may_be_tried() -> None:
    error = exception_for(-32012, "too many", {"retry_after_s": 30})
    assert (type(error), error.retry_after_s) == (CodeNeeded, 30.0)


@pytest.mark.parametrize("code", [-32602, -32006])
def test_what_is_too_large_is_told_from_what_does_not_fit(code: int) -> None:
    assert type(exception_for(code, f"9 bytes: {SEND_LESS}")) is TooLarge


@pytest.mark.parametrize("code", [-32004, -32011])
def test_a_tool_that_is_not_there_is_told_from_one_that_failed(code: int) -> None:
    error = exception_for(code, unknown_tool("lights"))
    assert type(error) is UnknownTool
    assert isinstance(error, ToolFailed)
    assert isinstance(error, NotFound)


@pytest.mark.parametrize("words", ["Unknown tool: saw", "no; list_tools says what there is"])
def test_a_tool_that_says_something_like_it_has_failed(words: str) -> None:
    assert type(exception_for(-32004, words)) is ToolFailed


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


def kinds_below(kind: type[AgentGateError]) -> set[type[AgentGateError]]:
    """A class and all that extend it."""
    return {kind}.union(*map(kinds_below, kind.__subclasses__()))


def test_every_exception_of_the_sdk_is_raised_or_the_base_of_what_is() -> None:
    raised = {*KINDS.values(), RateLimited, TooLarge, UnknownTool}
    bases = {base for kind in raised for base in kind.__mro__ if issubclass(base, AgentGateError)}
    assert kinds_below(AgentGateError) == bases
    for kind in bases - raised:
        assert kind in (AgentGateError, AgentGateDenied, AgentGateTimeout, AgentGateConnectionError)


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


def test_a_busy_session_names_its_run_and_what_that_waits_for() -> None:
    error = exception_for(-32014, "busy", {"run": "r1", "approvals": ["a1", "a2"]})
    assert isinstance(error, RunInProgress)
    assert (error.run, error.approvals) == ("r1", ["a1", "a2"])


@pytest.mark.parametrize("data", [None, [], {}, {"run": 7, "approvals": "a1"}])
def test_a_busy_session_that_names_nothing_is_read_as_such(data: object) -> None:
    error = exception_for(-32014, "busy", data)
    assert isinstance(error, RunInProgress)
    assert (error.run, error.approvals) == ("", [])


@pytest.mark.parametrize(
    ("data", "word", "edited"),
    [
        ({"word": "not today", "edited": {"n": 2}}, "not today", {"n": 2}),
        ({"word": 7, "edited": "n"}, "", None),
        ({}, "", None),
        (["word"], "", None),
        (None, "", None),
    ],
)
def test_an_error_has_what_people_said_and_changed(
    data: Any, word: str, edited: dict[str, Any] | None
) -> None:
    error = exception_for(ErrorCode.DENIED_BY_PERSON, "denied", data)
    assert (error.word, error.edited) == (word, edited)
