"""Errors about documents: one line that a terminal can show, whatever they quote."""

from __future__ import annotations

import pytest

from agentgate_server.documents import DocumentError
from agentgate_server.documents.errors import MESSAGE_CHARS_MAX
from agentgate_server.policy import Policy


@pytest.mark.parametrize("odd", ["\x1b[2J", "\u202e", "\x9b", "\x00", "\u2028"])
def test_nothing_that_a_terminal_acts_on_stands_in_an_error(odd: str) -> None:
    text = str(DocumentError("f.yaml", f"no {odd} here\nnor there"))
    assert text.isprintable()
    assert "here nor there" in text


def test_an_error_ends_at_its_cap() -> None:
    assert len(DocumentError("f.yaml", "x" * 1_000_000).message) == MESSAGE_CHARS_MAX


def test_a_key_of_a_policy_is_quoted_without_its_escapes() -> None:
    with pytest.raises(DocumentError, match="for a nested argument write") as caught:
        Policy.parse('rules:\n  - {args: {a: {"\\e[2J": 1}}, action: deny}\n')
    assert str(caught.value).isprintable()
