"""Target: the script of a rehearsal, and, behind the first line of equals signs, what is said."""

from __future__ import annotations

import time

import msgspec
from tests.fuzz.targets.errors import check_error

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import Ended, Failed, TextDelta, ThinkingDelta
from agentgate_proto.models.rehearsal import Rehearsal
from agentgate_proto.models.request import ModelRequest, ToolReturn, ToolTurn, UserTurn
from agentgate_proto.models.scenes import Script
from agentgate_server.documents import DocumentError, parse_document

BOUND_S = 2.0


def run(data: bytes) -> None:
    """Play it; it is refused in one line, or plays to an end and takes no time."""
    text, _, message = data.decode("utf-8", "replace").partition("\n====\n")
    script = Script()
    if text.strip():
        try:
            script = parse_document(text, name="scenes.yaml").decode(Script)
        except DocumentError as error:
            check_error(error, "")
            return
    rehearsal = Rehearsal(script)
    began = time.thread_time()
    messages = [UserTurn(line) for line in message.split("\n----\n")]
    play(rehearsal, [*messages])
    play(rehearsal, [*messages, ToolTurn((ToolReturn(id="1", text=message, is_error=True),))])
    assert time.thread_time() - began < BOUND_S


def play(rehearsal: Rehearsal, turns: list[UserTurn | ToolTurn]) -> None:
    """Play one request: it ends once, and calls are objects."""
    request = ModelRequest(model_id="m", turns=tuple(turns), max_tokens=1_000)
    steps = list(rehearsal.reply(encode("rehearsal", request).body))
    *events, last = [step.event for step in steps]
    assert isinstance(last, Ended | Failed)
    assert not any(isinstance(event, Ended | Failed) for event in events)
    said = [event.text for event in events if isinstance(event, TextDelta | ThinkingDelta)]
    assert all(said)
    assert sum(len(text.encode()) for text in said) <= 4 * request.max_tokens
    msgspec.json.encode(steps)
