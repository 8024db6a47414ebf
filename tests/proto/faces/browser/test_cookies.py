"""The cookie of the console: which one is ours, and how it is set."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.browser.cookies import (
    COOKIES_MAX,
    PLAIN_NAME,
    SECRET_CHARS_MAX,
    SECURE_NAME,
    cookie_line,
    secret_in,
)
from agentgate_proto.wire.headers import Headers

MANY = "; ".join(f"c{number}=x" for number in range(COOKIES_MAX))


def given(*lines: str) -> Headers:
    return Headers([("cookie", line) for line in lines])


def test_over_tls_it_belongs_to_this_host_alone() -> None:
    assert cookie_line("s3cret", is_secure=True, lasts_s=60.0) == (
        "set-cookie",
        f"{SECURE_NAME}=s3cret; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure",
    )


def test_in_clear_text_it_is_another_and_no_script_reads_it() -> None:
    assert cookie_line("s3cret", is_secure=False, lasts_s=60.0) == (
        "set-cookie",
        f"{PLAIN_NAME}=s3cret; Path=/; Max-Age=60; HttpOnly; SameSite=Strict",
    )


def test_a_browser_forgets_it_when_it_is_empty() -> None:
    _, line = cookie_line("", is_secure=False, lasts_s=60.0)
    assert "Max-Age=0" in line


@pytest.mark.parametrize(
    ("lines", "secret"),
    [
        ([f"{PLAIN_NAME}=abc"], "abc"),
        ([f"a=1; {PLAIN_NAME}=abc;b=2"], "abc"),
        (["a=1", f"{PLAIN_NAME}=abc"], "abc"),
        ([f"{PLAIN_NAME}=a=b"], "a=b"),
        ([], ""),
        (["a=1; b"], ""),
        ([f"{SECURE_NAME}=abc"], ""),
        ([f"{PLAIN_NAME}=abc; {PLAIN_NAME}=abd"], ""),
        ([f"{PLAIN_NAME}=abc", f"{PLAIN_NAME}=abc"], ""),
        ([f"{PLAIN_NAME}={'x' * (SECRET_CHARS_MAX + 1)}"], ""),
        ([f"{MANY}; {PLAIN_NAME}=abc"], ""),
    ],
)
def test_it_is_found_among_others_if_there_is_just_one(lines: list[str], secret: str) -> None:
    assert secret_in(given(*lines), is_secure=False) == secret


def test_a_cookie_from_clear_text_is_never_taken_over_tls() -> None:
    headers = given(f"{PLAIN_NAME}=planted; {SECURE_NAME}=ours")
    assert secret_in(headers, is_secure=True) == "ours"
