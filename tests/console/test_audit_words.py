"""The console says what happened in the same words for the same events as ``agent-gate audit``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.ports.node import node

from agentgate_cli.audit_words import WORDS

MODULE = "src/agentgate_console/static/operating/audit-words.js"
ENDS = {"executed": "ok", "denied": "bad", "failed": "bad", "expired": "warn"}
UNKNOWN = {"event": "moon.risen", "seq": 1, "height": 3, "name": "m"}


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """What the module says of the entries above."""
    entries = [UNKNOWN, *({"event": "request.ended", "status": end} for end in ENDS)]
    program = f"""
        import {{ EVENTS, sentenceOf }} from "{(Path(__file__).parents[2] / MODULE).as_uri()}";
        const sentences = {json.dumps(entries)}.map(sentenceOf);
        console.log(JSON.stringify({{ EVENTS, sentences }}))"""
    command = [node(), "--input-type=module", "--eval", program]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return dict(json.loads(answer.stdout))


def test_each_event_that_the_command_knows_has_a_sentence(said: dict[str, Any]) -> None:
    assert set(WORDS) <= set(said["EVENTS"])


def test_an_unknown_event_is_said_by_its_fields(said: dict[str, Any]) -> None:
    assert said["sentences"][0] == {"tone": "", "words": "moon.risen height=3 name=m"}


def test_how_a_request_ended_has_its_tone(said: dict[str, Any]) -> None:
    assert [sentence["tone"] for sentence in said["sentences"][1:]] == list(ENDS.values())
