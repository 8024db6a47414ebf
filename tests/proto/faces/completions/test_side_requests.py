"""What chat programs ask besides the conversation."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.completions.side_requests import is_side_request
from agentgate_proto.models.request import UserTurn

TITLE = "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history."


@pytest.mark.parametrize(
    ("task", "text", "system", "is_side"),
    [
        ("title_generation", "hi", "", True),
        ("{{TASK}}", "hi", "", False),
        ("", TITLE, "", True),
        ("", f"\n{TITLE}", "", True),
        ("", "hi", TITLE, True),
        ("", f"What does this mean? {TITLE}", "", False),
        ("", "Provide a concise, 5-word-or-less title for the conversation, using …", "", True),
    ],
)
def test_a_side_request_is_known(task: str, text: str, system: str, is_side: bool) -> None:
    assert is_side_request(task, (), text, system) is is_side


def test_in_a_conversation_that_has_begun_only_a_header_says_so() -> None:
    assert not is_side_request("", (UserTurn("hi"),), TITLE, "")
    assert is_side_request("tags_generation", (UserTurn("hi"),), TITLE, "")
