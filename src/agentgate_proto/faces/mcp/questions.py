"""What a server behind the gate wants to know of a client in the midst of a call, both ways.

A legacy client gets a request on the stream of its call and posts the response. A modern one is
answered ``input_required``: its call is over, the tool waits, and when the client calls again with
the answers, sealed state says which tool that is. Either way an answer counts once, and only for
whom it was asked: a question has a name that is used once, under the principal that it was put to.

A question is never the approval: the agent's own program answers it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from agentgate_proto.rpc.jsonrpc import UNREADABLE

QUESTION_S: Final = 60.0
"""How long a client may take to answer: then the tool goes on without (some never answer)."""

QUESTIONS_OPEN_MAX: Final = 8
"""Of one call at once: a person can't look at more, and a server could ask without end."""

ANSWER_BYTES_MAX: Final = 262_144
"""Of one answer: a form is small, what a model says is not much larger."""

KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a server may call a question."""

ROOTS: Final = "roots/list"
SAMPLING: Final = "sampling/createMessage"
ELICITATION: Final = "elicitation/create"


class Question(msgspec.Struct, frozen=True):
    """What is asked.

    Attributes:
        name: unlike that of every other question of this gateway.
        method: of the request to the client.
        params: its parameters, as the server behind the gate wrote them.
        key: what that server calls it; "": nothing.
    """

    name: str
    method: str
    params: msgspec.Raw
    key: str = ""


class Mode(msgspec.Struct, frozen=True):
    """What is looked at of parameters."""

    mode: str = "form"
    tools: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Asked(msgspec.Struct, frozen=True):
    """A question as ``inputRequests`` has it (modern)."""

    method: str
    params: msgspec.Raw


def need(method: str, params: msgspec.Raw) -> str:
    """Return what a client must be able to do to be asked this; "": nobody can be asked it.

    See ``ClientCapabilities.can`` for the words.
    """
    try:
        seen = msgspec.json.decode(params, type=Mode)
    except UNREADABLE:
        return ""
    if method == ELICITATION:
        return f"elicitation.{seen.mode}"
    if method == SAMPLING:
        return "sampling" if seen.tools is msgspec.UNSET else "sampling.tools"
    return "roots" if method == ROOTS else ""


def input_required(questions: Iterable[Question], state: str) -> bytes:
    """The result that asks a modern client: it is to call again with the answers and the state."""
    result = {
        "resultType": "input_required",
        "inputRequests": requests_of(questions),
        "requestState": state,
    }
    return msgspec.json.encode(result)


def requests_of(questions: Iterable[Question]) -> dict[str, Asked]:
    """Questions as a modern client gets them."""
    found = by_key(questions)
    return {key: Asked(each.method, each.params) for key, each in found.items()}


def by_key(questions: Iterable[Question]) -> dict[str, Question]:
    """Questions under what a modern client sees them called: as their server calls them, where that
    can be shown and none of the others is called so, else by their names."""
    found: dict[str, Question] = {}
    for each in questions:
        shown = KEY.fullmatch(each.key) is not None and each.key not in found
        found[each.key if shown else each.name] = each
    return found


def named(
    questions: Iterable[Question], answers: Mapping[str, msgspec.Raw]
) -> dict[str, msgspec.Raw]:
    """Return a modern client's answers to these questions, by the questions' names."""
    found = by_key(questions)
    return {each.name: answers[key] for key, each in found.items() if key in answers}


def answers_in(responses: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Return those of a client's answers that can be ones: objects of a bounded size."""
    return {name: answer for name, answer in responses.items() if is_answer(answer)}


def is_answer(answer: msgspec.Raw) -> bool:
    """Whether this can be the result of a question."""
    text = bytes(answer)
    return len(text) <= ANSWER_BYTES_MAX and text.lstrip()[:1] == b"{"


def describe_refusal(error: Any) -> str:
    """What is told to who asked when a client answers with an error."""
    message = getattr(error, "message", "")
    return f"the client refused: {message}" if message else "the client refused"
