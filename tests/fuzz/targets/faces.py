"""Target: the faces of sessions. The first byte says what the rest is: 0 a message to AgentSpace,
1 a message to universal agent, 2 the body of a session that is to be made there, 3 a query, 4 a
message of an edge device.
"""

from __future__ import annotations

import json

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.faces.agentspace import AgentSpace
from agentgate_proto.faces.conversing import Call, Conversation, Send, Watch
from agentgate_proto.faces.edge import Device
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.faces.universal_agent import read_request
from agentgate_proto.faces.universal_agent_stream import Execution
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.wire.headers import Headers

ANSWER_CHARS_MAX = 2_000
"""An answer quotes a little of a message; its id has 256 characters, which may be escaped."""

SESSION = SessionView(
    id="s",
    key="agent:a:s",
    principal="a",
    model="m",
    workspace="",
    created_at="2026-11-20T10:00:00.000Z",
    updated_at="2026-11-20T10:00:00.000Z",
    messages=0,
    epoch="e",
    oldest=0,
    next=0,
)


def run(data: bytes) -> None:
    """Translate it; it is a call, or a short answer in JSON."""
    how, rest = data[:1], data[1:]
    match how[0] % 5 if how else 0:
        case 0:
            hear(AgentSpace("p"), rest)
        case 1:
            hear(Execution(SESSION, "m"), rest)
        case 2:
            ask("POST", "/sessions", rest)
        case 4:
            hear(Device(1_764_000_000.0), rest)
        case _:
            ask("GET", "/sessions?" + rest.decode("latin-1"), b"")


def hear(face: Conversation, text: bytes) -> None:
    """Say it to a conversation, which has something to do then."""
    face.receive(text.decode("utf-8", "replace"), 1_764_000_000.0)
    effects = list(iter(face.next_effect, None))
    assert effects
    for effect in effects:
        if isinstance(effect, Send):
            assert len(effect.text) <= ANSWER_CHARS_MAX
            assert "type" in json.loads(effect.text)
        else:
            assert isinstance(effect, Call | Watch)


def ask(method: str, target: str, body: bytes) -> None:
    """Ask by plain HTTP."""
    request = HttpRequested(method=method, target=target, headers=Headers([]), body=body)
    asked = read_request(request)
    if isinstance(asked, Reply):
        assert asked.status == 422
        assert set(json.loads(asked.body)) == {"detail"}
