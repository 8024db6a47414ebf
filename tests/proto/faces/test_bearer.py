"""Bearer tokens in a header: taken in the one form that RFC 6750 has, or not at all."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.bearer import CHALLENGE, bearer_token, token_in
from agentgate_proto.limits import TOKEN_CHARS_MAX
from agentgate_proto.wire.headers import Headers


def taken(*values: str) -> str:
    return bearer_token(Headers([("authorization", value) for value in values]))


@pytest.mark.parametrize(
    "value", ["Bearer t0k.en", "bearer t0k.en", "BEARER  t0k.en", "Bearer t0k.en "]
)
def test_a_token_is_taken_whatever_the_case_of_its_scheme(value: str) -> None:
    assert taken(value) == "t0k.en"


@pytest.mark.parametrize(
    "value",
    [
        *("", "Bearer", "Bearer ", "t0k.en", "Basic t0k.en", "Bearert0k.en"),
        *("Bearer\tt0k.en", "Bearer:t0k.en", "x Bearer t0k.en"),
    ],
)
def test_anything_else_is_no_token(value: str) -> None:
    assert taken(value) == ""


def test_without_the_header_there_is_no_token() -> None:
    assert taken() == ""


def test_a_token_is_no_longer_than_it_may_be() -> None:
    assert taken("Bearer " + "t" * TOKEN_CHARS_MAX) == "t" * TOKEN_CHARS_MAX
    assert taken("Bearer " + "t" * (TOKEN_CHARS_MAX + 1)) == ""


@pytest.mark.parametrize("values", [["Bearer a, Bearer b"], ["Bearer a", "Bearer b"]])
def test_of_two_tokens_neither_is_taken(values: list[str]) -> None:
    assert taken(*values) not in ("a", "b")


def test_who_has_no_token_is_told_what_to_send() -> None:
    assert CHALLENGE == ("www-authenticate", "Bearer")


@pytest.mark.parametrize(
    ("target", "token"),
    [
        ("/edge?token=t0k.en", "t0k.en"),
        ("/edge?a=1&token=a%2Bb", "a+b"),
        ("/edge", ""),
        ("/edge?xtoken=a", ""),
        ("/edge?token=a&token=b", ""),
        ("/edge?token=" + "x" * (TOKEN_CHARS_MAX + 1), ""),
    ],
)
def test_a_token_in_a_url_is_taken_if_there_is_one(target: str, token: str) -> None:
    assert token_in(target) == token
