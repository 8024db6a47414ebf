"""Why a vendor gives no answer, and whether to ask again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.models.events import Failed, Failure
from agentgate_proto.models.failures import (
    MESSAGE_CHARS_MAX,
    described,
    judged,
    refused,
    reported,
    retry_after_s,
)

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("status", "kind", "failure"),
    [
        (429, "rate_limit_error", Failure.RETRYABLE),
        (429, "insufficient_quota", Failure.FATAL),
        (429, "", Failure.RETRYABLE),
        (402, "billing_error", Failure.FATAL),
        (529, "overloaded_error", Failure.RETRYABLE),
        (500, "", Failure.RETRYABLE),
        (503, "invalid_request_error", Failure.RETRYABLE),
        (408, "", Failure.RETRYABLE),
        (400, "invalid_request_error", Failure.FATAL),
        (400, "overloaded_error", Failure.RETRYABLE),
        (401, "authentication_error", Failure.FATAL),
        (404, "", Failure.FATAL),
        (307, "", Failure.FATAL),
        (0, "overloaded_error", Failure.RETRYABLE),
        (0, "invalid_request_error", Failure.FATAL),
        (0, "insufficient_quota", Failure.FATAL),
        (0, "500", Failure.RETRYABLE),
        (0, "400", Failure.FATAL),
        (0, "17", Failure.RETRYABLE),
        (0, "new_kind_of_error", Failure.RETRYABLE),
        (0, "", Failure.RETRYABLE),
        (0, "9" * 6_000, Failure.RETRYABLE),  # Python reads no number of so many digits
        (400, "9" * 6_000, Failure.FATAL),
    ],
)
def test_whether_another_attempt_makes_sense(status: int, kind: str, failure: Failure) -> None:
    assert judged(frozenset({kind} if kind else ()), status) is failure


@pytest.mark.parametrize(
    ("error", "words", "kinds"),
    [
        ({"type": "error", "error": {"type": "a", "message": "b"}}, "a: b", {"a"}),
        ({"error": {"message": "b", "type": "a", "code": "c"}}, "a: b", {"a", "c"}),
        ({"error": {"code": 429, "message": "b", "status": "X"}}, "b", {"429", "X"}),
        ([{"error": {"code": 400, "message": "b"}}], "b", {"400"}),
        ({"error": "b"}, "b: b", {"b"}),
        ({"error": "a", "message": "b"}, "a: b", {"a"}),
        ({"object": "error", "message": "b", "type": "a"}, "a: b", {"a"}),
        ({"detail": "Not Found"}, "Not Found", set()),
        ({"detail": [{"loc": ["x"]}]}, '[{"loc":["x"]}]', set()),
        ({"type": "a"}, "a: nothing more is said", {"a"}),
        ("b", "b", set()),
        (None, "", set()),
        ([], "", set()),
        (7, "", set()),
    ],
)
def test_the_words_of_an_error_are_found(error: Any, words: str, kinds: set[str]) -> None:
    assert described(error) == (words, frozenset(kinds))


def test_an_answer_that_is_no_stream_is_told_with_its_status_and_words() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow\\ndown"}}'
    assert refused(429, {"retry-after": "7"}, body, NOW) == Failed(
        failure=Failure.RETRYABLE,
        message="status 429: rate_limit_error: Slow down",
        retry_after_s=7.0,
    )


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b" <!doctype html>"])
def test_a_page_of_a_proxy_says_nothing(body: bytes) -> None:
    failed = refused(502, {}, body, NOW)
    assert failed == Failed(failure=Failure.RETRYABLE, message="status 502")


@pytest.mark.parametrize("body", [b"no \xff JSON", b"[" * 10_000])
def test_a_body_that_is_no_json_is_words(body: bytes) -> None:
    text = body.decode("utf-8", "replace")[:MESSAGE_CHARS_MAX]
    assert refused(400, {}, body, NOW).message.startswith(f"status 400: {text}"[:400])


def test_words_are_fit_for_a_terminal() -> None:
    assert reported("red \x1b[31m\r\nalert").message == "red �[31m alert"


def test_whoever_shall_not_come_again_is_not_told_when() -> None:
    assert refused(400, {"retry-after": "7"}, b"", NOW).retry_after_s is None


@pytest.mark.parametrize(
    ("word", "status", "failure"),
    [
        ("true", 400, Failure.RETRYABLE),
        ("false", 500, Failure.FATAL),
        ("?", 500, Failure.RETRYABLE),
    ],
)
def test_the_vendor_s_own_word_counts_most(word: str, status: int, failure: Failure) -> None:
    assert refused(status, {"x-should-retry": word}, b"", NOW).failure is failure


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-2"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sun, 29 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Sun, 29 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "nan", "retry-after": "1"}, 1.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    assert retry_after_s(headers, NOW) == wait_s


def test_an_error_of_which_nothing_is_said_is_told_all_the_same() -> None:
    assert reported(None).message == "an error of which nothing is said"
    assert reported(None, "of the type x").message == "of the type x"


@given(
    error=st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["error", "type", "message", "code", "detail"]), inner
            )
        ),
    )
)
def test_whatever_a_vendor_calls_an_error_it_can_be_told(error: Any) -> None:
    failed = reported(error)
    assert 0 < len(failed.message) <= MESSAGE_CHARS_MAX
    assert "\n" not in failed.message
    assert refused(400, {}, msgspec.json.encode(error), NOW).message.startswith("status 400")
