"""Target: conversations that clients bring, as chat completions (first byte even) or by AG-UI, and
what a session makes of them."""

from __future__ import annotations

import json

import msgspec

from agentgate_proto.faces.agui.run_input import read_input
from agentgate_proto.faces.client_messages import Misfit, Spoken
from agentgate_proto.faces.completions.replies import misfit_reply
from agentgate_proto.faces.completions.request import read_request
from agentgate_proto.limits import MESSAGE_CHARS_MAX
from agentgate_proto.models.request import AssistantTurn, ToolTurn, ToolUse, Turn, UserTurn
from agentgate_proto.records.session import EventKind, LogRow
from agentgate_proto.sessions.client_turns import ClientTurn, events_before
from agentgate_proto.sessions.history import History, Retold
from agentgate_proto.wire.headers import Headers

HEADERS = Headers([("x-session-id", "c"), ("x-task", "{{TASK}}")])
CALL = AssistantTurn(text="1", calls=(ToolUse(id="c1", name="look", args=msgspec.Raw(b"{}")),))


def run(data: bytes) -> None:
    """Read it, or refuse it in words; what a session is told of it every model takes."""
    if not data:
        return
    said: Spoken | None
    try:
        said = read_input(data[1:]).said if data[0] % 2 else read_request(data[1:], HEADERS).said
    except Misfit as misfit:
        said, reply = None, misfit_reply(misfit)
        json.loads(reply.body)
    if said is not None:
        assert len(said.text) <= MESSAGE_CHARS_MAX
        told(said)


def told(said: Spoken) -> None:
    """Tell it to a session that waits for a tool of its client."""
    history = History(1_000_000, 1_000)
    history.feed(row(EventKind.HISTORY, Retold(run="r0", drop=0, turns=[UserTurn("hi")])))
    reply = {"run": "r0", "iteration": 1, "text": "1", "stop": "tools", "backend": ""}
    history.feed(row(EventKind.REPLY, reply))
    call = {"run": "r0", "call": "c1", "tool": "look", "args": {}}
    history.feed(row(EventKind.TOOL_CALL, call))
    turn = ClientTurn(session="s", text=said.text, message_id="m", past=said.past)
    for kind, data in events_before(history, "r1", turn):
        history.feed(row(kind, data))
    assert not history.open
    for group in history.groups:
        assert isinstance(group.turns[0], UserTurn)
        answered(group.turns)


def row(kind: EventKind, data: object) -> LogRow:
    """A row of the log, as it is stored."""
    return LogRow(first=1, count=1, kind=kind, at=0.0, data=msgspec.Raw(msgspec.json.encode(data)))


def answered(turns: list[Turn]) -> None:
    """Each call has its result right behind it, and nothing else is a result."""
    for number, turn in enumerate(turns):
        after = turns[number + 1] if number + 1 < len(turns) else None
        if isinstance(turn, AssistantTurn) and turn.calls:
            assert isinstance(after, ToolTurn)
            assert [back.id for back in after.returns] == [use.id for use in turn.calls]
        else:
            assert not isinstance(after, ToolTurn)
