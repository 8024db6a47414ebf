"""Why a vendor gives no answer, and whether to ask again: by its status, and by its words.

The words win over the status only where they are plainer: out of money is no matter of time though
its status is 429, overloaded is one though the stream had begun with 200.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agentgate_proto.models.events import Failed, Failure

MESSAGE_CHARS_MAX: Final = 500
"""Of a vendor's words that are passed on; they may quote what was sent."""

SPENT: Final = frozenset({"billing_error", "insufficient_quota", "billing_hard_limit_reached"})
"""Kinds of errors that only money mends."""

PASSING: Final = frozenset(
    {
        "api_error",
        "capacity_exceeded",
        "engine_overloaded_error",
        "internal_error",
        "internal_server_error",
        "overloaded",
        "overloaded_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "requests",
        "server_error",
        "service_unavailable",
        "service_unavailable_error",
        "timeout",
        "timeout_error",
        "tokens",
        "unavailable_error",
    }
)
"""Kinds of errors that pass by themselves."""

LASTING: Final = frozenset(
    {
        "authentication_error",
        "context_length_exceeded",
        "exceed_context_size_error",
        "invalid_api_key",
        "invalid_request_error",
        "model_not_found",
        "not_found_error",
        "not_supported_error",
        "permission_error",
        "request_too_large",
    }
)
"""Kinds of errors that the same request meets again."""

PASSING_STATUS: Final = frozenset({408, 409, 425, 429})
"""Besides those of a server's own errors, from 500 on."""

HTTP_STATUS: Final = re.compile(r"[0-9]{3}")

HTTP_DATE: Final = "%a, %d %b %Y %H:%M:%S GMT"


def refused(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Failed:
    """Read an answer that is no stream.

    Args:
        status: of HTTP.
        headers: by name in lower case.
        body: its first bytes.
        now: UTC seconds, for a date until which to wait.
    """
    words, kinds = described(read(body))
    failure = judged(kinds, status)
    match headers.get("x-should-retry"):  # both vendors' own word, heard by their own clients
        case "true":
            failure = Failure.RETRYABLE
        case "false":
            failure = Failure.FATAL
        case _:
            pass
    message = f"status {status}: {words}" if words else f"status {status}"
    wait_s = retry_after_s(headers, now) if failure is Failure.RETRYABLE else None
    return Failed(failure=failure, message=shortened(message), retry_after_s=wait_s)


def reported(error: Any, otherwise: str = "") -> Failed:
    """Read an error that came in the middle of a stream, whose status had been good.

    Args:
        error: what the vendor calls one: an object, or a text.
        otherwise: words for one that has none.
    """
    words, kinds = described(error)
    message = shortened(words or otherwise or "an error of which nothing is said")
    return Failed(failure=judged(kinds, 0), message=message)


def judged(kinds: frozenset[str], status: int) -> Failure:
    """Say whether another attempt makes sense.

    Args:
        kinds: what the vendor calls the error: type, code.
        status: of HTTP; 0: it says nothing.
    """
    if kinds & SPENT:
        return Failure.FATAL
    numbers = [int(kind) for kind in kinds if HTTP_STATUS.fullmatch(kind)]
    number = status or next((number for number in numbers if 400 <= number <= 599), 0)
    if number >= 500 or number in PASSING_STATUS or kinds & PASSING:
        return Failure.RETRYABLE
    if number or kinds & LASTING:
        return Failure.FATAL
    return Failure.RETRYABLE  # a stream that had begun well and an error that nobody knows


def read(body: bytes) -> Any:
    """Read the body of an error: JSON, or words."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        text = body.decode("utf-8", "replace")
        return "" if text.lstrip().startswith("<") else text  # a page of a proxy says nothing


def described(error: Any) -> tuple[str, frozenset[str]]:
    """Return the words of an error, and what it is called, in any of the forms that are met."""
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, dict) and error.get("error"):
        outer, error = error, error["error"]
        if isinstance(error, str):
            error = {"type": error, "message": outer.get("message") or error}
    if isinstance(error, str):
        return error, frozenset()
    if not isinstance(error, dict):
        return "", frozenset()
    kinds = frozenset(str(error[key]) for key in ("type", "code", "status") if error.get(key))
    return " ".join(words_of(error)), kinds


def words_of(error: dict[str, Any]) -> Iterator[str]:
    """Yield what an error is called and what it says."""
    kind = error.get("type")
    if isinstance(kind, str) and kind:
        yield f"{kind}:"
    for key in ("message", "detail"):
        if words := error.get(key):
            yield words if isinstance(words, str) else msgspec.json.encode(words).decode()
            return
    yield "nothing more is said"


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the vendor wants us to wait, in seconds; None: it does not say."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            wait_s = float(headers.get(name, "")) * unit_s
        except ValueError:
            continue
        if math.isfinite(wait_s):
            return max(wait_s, 0.0)
    try:
        until = datetime.strptime(headers.get("retry-after", ""), HTTP_DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(until.timestamp() - now, 0.0)


def shortened(text: str) -> str:
    """Make words fit for a line, and for a terminal."""
    line = " ".join(text.split())[:MESSAGE_CHARS_MAX]
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
