"""The numbers that rules name are those of the core."""

from __future__ import annotations

import re

import pytest
from tests.spec.rules import rules
from tests.spec.tables import CODES

from agentgate_proto.client.backoff import CAP_S, FIRST_S
from agentgate_proto.client.call_book import NOT_OFFERED
from agentgate_proto.connection.client import FINAL_STATUSES, TOKEN_REFUSED
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import (
    ACK_COUNT_MAX,
    ACK_DELAY_S,
    CALLS_IN_FLIGHT_MAX,
    CANCEL_GRACE_S,
    CLIENT_LIMITS,
    HOPS_MAX,
    NAME_CHARS_MAX,
    NESTING_MAX,
    SERVER_LIMITS,
)

TEXTS = {rule.id: rule.text for rule in rules()}


def numbers_in(rule: str) -> list[float]:
    """The numbers of a rule, without signs, names of other rules and of documents."""
    text = re.sub(r"\b(?:[A-Z]|RFC |UTF-|2\^|JSON-RPC )\d[\d.]*|\d+\.0", " ", TEXTS[rule])
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\b", text)]


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("M6", [64, NAME_CHARS_MAX, 7, 7]),
        ("M23", [ErrorCode.INVALID_PARAMS, NESTING_MAX]),
        ("M24", [1, SERVER_LIMITS.batch_items_max]),
        ("A6", [CLIENT_LIMITS.auth_s]),
        ("A27", [SERVER_LIMITS.auth_s, ErrorCode.AUTHENTICATION, 4401]),
        ("T13", [CLIENT_LIMITS.opening_s]),
        ("T25", [SERVER_LIMITS.opening_s]),
        ("X3", [SERVER_LIMITS.closing_s]),
        ("C8", [SERVER_LIMITS.message_bytes_max, ErrorCode.LIMIT_EXCEEDED]),
        ("C12", [CALLS_IN_FLIGHT_MAX]),
        ("N3", [ACK_DELAY_S * 1000, ACK_COUNT_MAX]),
        ("B2", [FIRST_S, 2, 4, 8, 16, CAP_S]),
        ("B6", [*TOKEN_REFUSED]),
        ("B8", [*FINAL_STATUSES]),
        ("R14", [*NOT_OFFERED]),
        ("W2", [CANCEL_GRACE_S, ErrorCode.CANCELLED]),
        ("K1", [CLIENT_LIMITS.silence_s]),
        ("K2", [CLIENT_LIMITS.pong_s]),
        ("K30", [SERVER_LIMITS.silence_s, SERVER_LIMITS.pong_s]),
        ("Y4", [HOPS_MAX, ErrorCode.RELAY_LOOP]),
    ],
)
def test_a_rule_names_the_numbers_of_the_core(rule: str, values: list[float]) -> None:
    assert sorted(numbers_in(rule)) == sorted(abs(value) for value in values)


def test_every_code_has_what_a_client_does() -> None:
    assert set(CODES) == set(ErrorCode)
