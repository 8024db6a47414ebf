"""The token that comes with CONNECT."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_proto.faces.socketio.credentials import token_in
from agentgate_proto.limits import TOKEN_CHARS_MAX


@pytest.mark.parametrize(
    ("auth", "token"),
    [
        ({"token": "abc"}, "abc"),
        ({"token": "abc", "Authorization": "Bearer other"}, "abc"),
        ({"Authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc"}, "abc"),
        ({"token": "", "Authorization": "Bearer abc"}, "abc"),
        ({"token": 7, "Authorization": "Bearer abc"}, "abc"),
        ({"token": "x" * TOKEN_CHARS_MAX}, "x" * TOKEN_CHARS_MAX),
    ],
)
def test_a_token_comes_by_its_name_or_as_a_header_would_have_it(
    auth: dict[str, Any], token: str
) -> None:
    assert token_in(auth) == token


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"Token": "abc"},
        {"token": None},
        {"token": ["abc"]},
        {"token": "x" * (TOKEN_CHARS_MAX + 1)},
        {"Authorization": "abc"},
        {"Authorization": "Basic abc"},
        {"Authorization": "ApiKey abc"},
        {"Authorization": {"token": "abc"}},
        {"Authorization": "Bearer " + "x" * (TOKEN_CHARS_MAX + 1)},
    ],
)
def test_anything_else_is_no_token(auth: dict[str, Any]) -> None:
    assert token_in(auth) == ""
