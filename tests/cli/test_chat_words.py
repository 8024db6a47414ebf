"""What the chat says of events, in one line each."""

from __future__ import annotations

from typing import Any

import click
import pytest

from agentgate_cli.chat.words import result_line

DONE: dict[str, Any] = {"tool": "set_light", "status": "executed", "result": "done"}
NO: dict[str, Any] = {"tool": "set_light", "status": "denied", "error": "Denied by user: not now"}


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (DONE, ['← set_light: executed "done"']),
        (
            {**DONE, "edited": {"level": 3}, "word": "softly"},
            [
                '← set_light: executed "done"',
                '  ran with {"level":3}, as a person edited; the person says: “softly”',
            ],
        ),
        ({**DONE, "word": "a\x1b[2Jb"}, None),
        ({**NO, "word": "not now"}, ["← set_light: denied Denied by user: not now"]),
    ],
)
def test_what_people_made_of_a_call_stands_below_its_result(
    data: dict[str, Any], lines: list[str] | None
) -> None:
    said = click.unstyle(result_line(data))
    assert "\x1b" not in said
    if lines is not None:
        assert said.splitlines() == lines
