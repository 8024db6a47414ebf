"""Side requests: what chat programs ask a model besides the conversation, for titles, tags and the
like. They are no part of it, and get none of the gateway's tools.

Open WebUI can say so in a header (``X-Task: {{TASK}}``). Otherwise its prompts, and LibreChat's,
are known by how they begin. A person whose words begin so gets an answer as well, only without
tools.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentgate_proto.faces.answering import readable_key
from agentgate_proto.models.request import Turn

TASK_HEADERS = ("x-task", "x-openwebui-task")

BEGINNINGS = (
    "### Task:\nGenerate ",
    "### Task:\n\nGenerate ",
    "### Task:\nSuggest ",
    "### Task:\nAnalyze the chat history to determine the necessity",
    "### Task:\nYou are an autocompletion system",
    "Provide a concise, 5-word-or-less title for the conversation",
    "Write a concise title for this conversation",
    "Please generate a concise, 5-word-or-less title",
)
"""Of the prompts of Open WebUI (titles, tags, follow-ups, queries, completion of what is typed) and
of LibreChat, as they come unless somebody has changed them."""


def is_side_request(task: str, past: Sequence[Turn], text: str, system: str) -> bool:
    """Whether a request is none of the conversation.

    Args:
        task: what a header says it is for.
        past, text, system: what it says; a conversation that has begun is no side request.
    """
    if readable_key(task):
        return True
    return not past and any(each.lstrip().startswith(BEGINNINGS) for each in (text, system))
