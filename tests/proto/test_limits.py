"""The caps: each has a reason, and they fit each other."""

from dataclasses import FrozenInstanceError, fields

import pytest
from tests.proto.documented import documented

from agentgate_proto import limits
from agentgate_proto.limits import CLIENT_LIMITS, SERVER_LIMITS, LedgerLimits, Limits


def test_every_limit_is_followed_by_its_reason() -> None:
    names = documented(limits)
    assert {"message_bytes_max", "waiting_max", "NAME_CHARS_MAX"} <= set(names)
    assert [name for name, reason in names.items() if not reason] == []


@pytest.mark.parametrize("kind", [Limits, LedgerLimits])
def test_every_default_is_more_than_nothing(kind: type[Limits] | type[LedgerLimits]) -> None:
    defaults = kind()
    assert all(getattr(defaults, field.name) > 0 for field in fields(kind))


def test_limits_are_named_and_cannot_be_changed_in_use() -> None:
    own = Limits(auth_s=3.0)
    assert own.auth_s == 3.0
    with pytest.raises(FrozenInstanceError):
        own.auth_s = 4.0
    with pytest.raises(TypeError):
        Limits(1)


def test_a_client_takes_larger_messages_than_a_gateway() -> None:
    assert CLIENT_LIMITS.message_bytes_max > SERVER_LIMITS.message_bytes_max


def test_a_whole_message_fits_what_is_held_before_the_auth_reply() -> None:
    assert SERVER_LIMITS.message_bytes_max < SERVER_LIMITS.input_bytes_max


def test_a_reply_of_pending_results_fits_the_smallest_client() -> None:
    assert limits.PENDING_BYTES_MAX < limits.LEGACY_MESSAGE_BYTES_MAX


def test_every_outcome_that_may_be_uncollected_can_be_receipted() -> None:
    assert LedgerLimits().undelivered_max < limits.UNACKED_MAX


def test_a_client_never_calls_more_at_once_than_a_ledger_may_leave_uncollected() -> None:
    assert LedgerLimits().undelivered_max >= limits.CALLS_MAX


def test_what_a_client_may_send_fits_what_a_gateway_takes() -> None:
    assert SERVER_LIMITS.message_bytes_max > limits.REQUEST_BYTES_MAX
    assert SERVER_LIMITS.requests_in_flight_max > limits.CALLS_IN_FLIGHT_MAX
    assert CLIENT_LIMITS.queued_bytes_max > limits.CALLS_BYTES_MAX


def test_the_keep_alive_ends_before_usual_proxies_drop_a_silent_connection() -> None:
    assert SERVER_LIMITS.silence_s < 60 > SERVER_LIMITS.silence_s + SERVER_LIMITS.pong_s
