"""Conversations over one HTTP request: how the session is found. What the faces make of it stands
in their own tests."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.answering import KEY_CHARS_MAX, fits_key, message_name, readable_key


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (" abc ", "abc"),
        ("", ""),
        ("{{CHAT_ID}}", ""),
        ("None", ""),
        ("null", ""),
        ("undefined", ""),
    ],
)
def test_a_template_that_was_not_filled_in_names_nothing(header: str, key: str) -> None:
    assert readable_key(header) == key


def test_a_name_is_not_too_long_and_can_be_shown() -> None:
    assert fits_key("x" * KEY_CHARS_MAX)
    assert not fits_key("x" * (KEY_CHARS_MAX + 1))
    assert not fits_key("a\x00b")


def test_the_same_message_has_the_same_name() -> None:
    assert message_name("a", ["b"]) == message_name("a", ["b"]) != message_name("ab", [])
