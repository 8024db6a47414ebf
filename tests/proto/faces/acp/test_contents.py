"""What a prompt says, as one text."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.acp.contents import Unreadable, prompt_text
from agentgate_proto.faces.acp.messages import Block, Contents


def text(value: str) -> Block:
    return Block(type="text", text=value)


def link(uri: str, name: str = "") -> Block:
    return Block(type="resource_link", uri=uri, name=name)


def file(uri: str, value: str | None) -> Block:
    return Block(type="resource", resource=Contents(uri=uri, text=value))


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([], ""),
        ([text("one")], "one"),
        ([text("one"), text("two")], "one\ntwo"),
        ([text("one "), text("two")], "one two"),
        ([text("one"), text("\ntwo"), text("")], "one\ntwo"),
        ([text("See "), link("file:///a", "a"), text(", please")], "See [a](file:///a), please"),
        ([link("file:///a")], "[file:///a](file:///a)"),
        (
            [text("Read "), file("file:///a", "x = 1")],
            "Read <file:///a>\n\nfile:///a:\n```\nx = 1\n```",
        ),
        ([file("file:///a", "```\n````")], "<file:///a>\n\nfile:///a:\n`````\n```\n````\n`````"),
        ([file("file:///a", "")], "<file:///a>\n\nfile:///a:\n```\n\n```"),
        ([file("file:///a.png", None)], "<file:///a.png> (no text, so its contents are not here)"),
    ],
)
def test_text_and_files_become_one_text(blocks: list[Block], said: str) -> None:
    assert prompt_text(blocks) == said


@pytest.mark.parametrize("kind", ["image", "audio", "resource", "x" * 500])
def test_what_can_not_be_told_is_refused_by_name(kind: str) -> None:
    with pytest.raises(Unreadable, match=kind[:50]) as caught:
        prompt_text([Block(type=kind)])
    assert len(str(caught.value)) < 120
