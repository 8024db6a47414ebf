"""Levels: a client hears what it wants to hear, and nothing that can't be told."""

from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.faces.mcp.levels import RISING, USUAL, reaches, wanted_by
from agentgate_proto.faces.mcp.messages import Meta


def test_what_is_usual_is_a_level() -> None:
    assert USUAL in RISING


@pytest.mark.parametrize(
    ("params", "level", "expected"),
    [
        (b'{"level":"warning","data":1}', "info", True),
        (b'{"level":"info"}', "info", True),
        (b'{"level":"debug"}', "info", False),
        (b'{"level":"loud"}', "info", False),
        (b'{"level":"info"}', "", False),
        (b'{"data":1}', "info", False),
        (b"{", "info", False),
    ],
)
def test_a_message_reaches_a_level_or_does_not(params: bytes, level: str, expected: bool) -> None:
    assert reaches(msgspec.Raw(params), level) is expected


def test_a_modern_call_says_what_it_wants() -> None:
    assert wanted_by(Meta(log_level="debug")) == "debug"
    assert wanted_by(Meta()) == ""
