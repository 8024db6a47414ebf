"""What conversations of all faces have in common."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.conversing import Said, said_by, text_of, utf16_length, words_of
from agentgate_proto.records.session import EventKind


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("value", "text", "words"),
    [
        ("plain", "plain", "plain"),
        ({"message": "no such light", "code": 1}, None, "no such light"),
        ({"message": 1}, '{"message":1}', '{"message":1}'),
        ([1, "ü"], '[1,"ü"]', '[1,"ü"]'),
        (None, "null", "null"),
    ],
)
def test_results_and_errors_are_told_as_text(value: Any, text: str | None, words: str) -> None:
    assert words_of(raw(value)) == words
    if text is not None:
        assert text_of(raw(value)) == text
    else:
        assert text_of(raw(value)) == bytes(raw(value)).decode()


@given(st.text())
def test_lengths_are_javascripts(text: str) -> None:
    assert utf16_length(text) == sum(2 if ord(each) > 0xFFFF else 1 for each in text)


def test_every_kind_of_event_can_be_read_with_what_it_may_say() -> None:
    said = said_by(b'{"run":"r","args":{"a":[1]},"error":null,"new":{"x":1},"expires_at":"2026"}')
    assert isinstance(said, Said)
    assert bytes(said.args) == b'{"a":[1]}'
    assert said.expires_at == "2026"
    assert said.cost_micros is None
    assert EventKind.RUN_ENDED == "run_ended"
