"""What ``testing.md`` says of the tool is what the tool does."""

from __future__ import annotations

import re

import click
from tests.spec.files import SPEC

from agentgate_cli.conformance.command import conformance
from agentgate_cli.conformance.listen.cases import ALL
from agentgate_cli.conformance.listen.levels import LEVELS

TEXT = (SPEC / "testing.md").read_text("utf-8")


def table_below(heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    section = TEXT.split(f"\n{heading}\n")[1].split("\n#")[0]
    cells = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_member_of_a_task_is_explained() -> None:
    given = {name for case in ALL for name in case.members}
    assert given
    assert given <= table_below("## The task")


def test_every_member_of_a_call_is_explained() -> None:
    given = {name for case in ALL for call in case.calls for name in call}
    (row,) = re.findall(r"^\| `calls` .*$", TEXT, re.MULTILINE)
    assert {name for name in given if f"`{name}`" not in row} == set()


def test_every_option_is_explained() -> None:
    options = {
        name
        for option in conformance.params
        if isinstance(option, click.Option)
        for name in option.opts
    }
    assert {name for name in options if name not in TEXT} == set()


def test_every_level_has_a_page_that_says_how_to_test_it() -> None:
    for level in LEVELS:
        page = (SPEC / f"{level}.md").read_text("utf-8")
        assert f"--listen --level {level}" in page, level
