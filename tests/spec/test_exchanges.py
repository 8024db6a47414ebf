"""The exchanges of the specification are whole, and their messages are what the schema says."""

from __future__ import annotations

import json
import re

import pytest
from jsonschema import Draft202012Validator
from tests.spec import exchanges
from tests.spec.files import SPEC
from tests.spec.schema import schema
from tests.spec.wire_log import broken

BLOCKS = re.findall(r"```text\n(.*?)```", (SPEC / "exchanges.md").read_text("utf-8"), re.DOTALL)
VALIDATOR = Draft202012Validator(schema())


def messages(block: str) -> list[tuple[str, str, str]]:
    """Each message: whose it is, in which direction, its text."""
    whole = re.sub(r"\n    ", " ", block)
    return re.findall(r"^(\w+) ([→←])(?: \(lost\))? (\{.*\})$", whole, re.MULTILINE)


def test_there_is_a_block_for_each_story() -> None:
    assert len(BLOCKS) == len(exchanges.STORIES)


@pytest.mark.parametrize("block", BLOCKS, ids=[story.title for story in exchanges.STORIES])
def test_every_message_is_one_of_the_schema(block: str) -> None:
    found = messages(block)
    arrows = sum(line.split()[1:2] in (["→"], ["←"]) for line in block.splitlines())
    assert len(found) + block.count(" close ") == arrows
    for _, _, text in found:
        VALIDATOR.validate(json.loads(text))


@pytest.mark.parametrize("block", BLOCKS, ids=[story.title for story in exchanges.STORIES])
def test_every_request_that_arrived_is_answered_unless_the_connection_ended(block: str) -> None:
    asked, answered = [], []
    for who, arrow, text in messages(block):
        message = json.loads(text)
        if "id" in message:
            (asked if arrow == "→" else answered).append((who, message["id"]))
    ended = [who for who in ("robot", "ann", "newer") if f"{who}: the connection breaks" in block]
    ended += [who for who in ("robot", "ann", "newer") if f"{who} ← close" in block]
    assert {one for one in asked if one[0] not in ended} <= set(answered)
    assert {request_id for _, request_id in answered} <= {request_id for _, request_id in asked}


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("x" * 200, ["x" * 200]),
        (f'"{"a" * 60}", "{"b" * 60}"', [f'"{"a" * 60}",', f'    "{"b" * 60}"']),
        (
            f'"{"a" * 60}", "b", "{"c" * 38}", "d"',
            [f'"{"a" * 60}", "b",', f'    "{"c" * 38}", "d"'],
        ),
    ],
)
def test_long_lines_are_broken_between_values(line: str, lines: list[str]) -> None:
    assert broken(line) == lines
