"""``agent-gate inspect``: what a model would be sent, to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from tests.cli.looking import looking
from tests.cli.rehearsed import agent_of
from tests.cli.support import Served, run
from tests.cli.test_sessions import asked, said

from agentgate_cli.inspect import cache_text, columns, left_out_texts, window_text
from agentgate_client import Inspection
from agentgate_proto.records.session_views import SectionName
from agentgate_proto.rpc.session_methods import InspectedSection, LeftOut

NAMES = ("system_prompt", "memory", "skills", "history", "tools")


def test_the_sections_are_shown_with_their_bytes_tokens_and_cost(stage: Served) -> None:
    said(stage, "one", "--model", "dear")
    document = asked(stage, "inspect", "latest")
    assert [section["name"] for section in document["sections"]] == list(NAMES)
    parts = sum(section["bytes"] for section in document["sections"])
    assert parts + document["envelope_bytes"] == document["bytes"]
    done = run("inspect", "latest", **agent_of(stage))
    assert done.returncode == 0
    assert all(name in done.stdout for name in NAMES)
    assert f"together {document['bytes']:>15,}" in done.stdout
    assert "$0.00" in done.stdout
    assert "cache    the first " in done.stdout


def test_the_body_is_printed_byte_for_byte_and_nothing_else(stage: Served) -> None:
    session = said(stage, "evil")
    done = run("inspect", session, "--text", "And now?", "--body", **agent_of(stage))
    document = asked(stage, "inspect", session, "--text", "And now?")
    assert done.stdout == document["body"]
    assert len(done.stdout.encode()) == document["bytes"]
    assert "And now?" in json.dumps(json.loads(done.stdout))


def test_another_model_and_the_next_message_change_what_is_shown(stage: Served) -> None:
    session = said(stage, "one")
    plain = asked(stage, "inspect", session)
    longer = asked(stage, "inspect", session, "--text", "x" * 1000, "--model", "dear")
    assert longer["model"] == "dear"
    assert longer["bytes"] > plain["bytes"] + 1000
    done = run("inspect", session, "--model", "nope", **agent_of(stage))
    assert done.returncode == 4
    assert "there is no model 'nope'" in done.stderr


def test_the_content_is_readable_and_steers_nothing(stage: Served) -> None:
    session = said(stage, "evil")
    shown = run("inspect", session, "--content", **agent_of(stage)).stdout
    assert "user: evil" in shown
    assert "get_temperature: Read the temperature" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_terminal_with_and_without_colours(
    stage: Served, tmp_path: Path, width: int
) -> None:
    said(stage, "one")
    for variables in ({}, {"NO_COLOR": "1"}):
        more = {**agent_of(stage), **variables}
        with looking("inspect", "latest", cwd=tmp_path, columns=width, **more) as person:
            assert person.end() == 0
            assert "▞" in person.text
            assert max(map(len, person.lines)) <= width
            assert (b"\x1b[3" in person.written) == (not variables)


def test_an_id_that_begins_with_a_dash_is_one(stage: Served) -> None:
    done = run("inspect", "-abc", **agent_of(stage))
    assert done.returncode == 4
    assert "Session not found" in done.stderr


def inspection(**changes: object) -> Inspection:
    """What a gateway might say."""
    sections = [
        InspectedSection(name=SectionName(name), content="", bytes=10, tokens=3, cost_micros=None)
        for name in NAMES
    ]
    plain = Inspection(
        model="m",
        model_id="m",
        backend="openai",
        sections=sections,
        envelope_bytes=50,
        bytes=100,
        tokens=25,
        context_tokens=1000,
    )
    return msgspec.structs.replace(plain, **changes)


def test_what_is_not_known_is_said() -> None:
    assert window_text(inspection(context_tokens=0)) == "context  its size is not known"
    text = window_text(inspection(estimate_off=1.25))
    assert text == (
        "context  2.5 % of 1,000 tokens, estimated from the bytes; the last estimate was 1.25 "
        "times what was counted"
    )
    assert window_text(inspection(counted=True)).endswith("as the model counts")
    assert cache_text(inspection()) == "cache    nothing that was sent before is remembered"
    whole = cache_text(inspection(cache_prefix_bytes=100))
    assert whole == "cache    the first 100 bytes (100 %) are those of the last request"
    broken = cache_text(inspection(cache_prefix_bytes=7, breaks_at=SectionName.TOOLS))
    assert broken.endswith("(7.0 %) are those of the last request; the first other one is in tools")


def test_what_is_left_out_is_said_with_the_reason() -> None:
    left = LeftOut(
        section=SectionName.SKILLS, what="skills/\x1b[2J.md", bytes=70_000, why="too\nbig"
    )
    (text,) = left_out_texts(inspection(left_out=[left]))
    assert text == "left out skills/\\u001b[2J.md (skills, 70,000 bytes): too\\nbig"


def test_large_numbers_keep_their_columns() -> None:
    line = columns("", "history", "99,999,999", "100 %", "200,000", "$1,000.00", 80)
    assert len(line) <= 80
