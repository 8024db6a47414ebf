"""What consoles say is read strictly, without quoting it; what they are told is seed 002's form."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.consoles.messages import (
    AgentLine,
    BadMessageError,
    Chat,
    Failed,
    Forward,
    Forwarded,
    Greeting,
    Login,
    Problem,
    Received,
    RemoteAttempt,
    RemoteState,
    Response,
    SetClient,
    UserLine,
    read,
)
from agentgate_proto.limits import MESSAGE_CHARS_MAX, NAME_CHARS_MAX


def test_an_agent_is_named_by_either_member_and_further_ones_are_ignored() -> None:
    assert read(Login, {"agentId": "a", "password": "s", "more": 1}).wanted == "a"
    assert read(Login, {"agent": "a"}) == Login(agent="a")
    assert read(Login, {"agent": "b", "agentId": "a"}).wanted == "a"
    assert read(Chat, {"message": "Hi", "agentId": None, "correlationId": None}).wanted == ""


@pytest.mark.parametrize(
    "argument",
    [
        None,
        "Hi",
        [],
        {"message": ""},
        {"message": 1},
        {"message": "Hi", "agentId": 7},
        {"message": "x" * (MESSAGE_CHARS_MAX + 1)},
        {"message": "Hi", "correlationId": "x" * (NAME_CHARS_MAX + 1)},
    ],
)
def test_what_is_no_message_is_refused(argument: Any) -> None:
    with pytest.raises(BadMessageError):
        read(Chat, argument)


def test_what_was_wrong_does_not_quote_a_password() -> None:
    with pytest.raises(BadMessageError) as error:
        read(Login, {"agentId": "a", "password": ["hunter2"]})
    assert "hunter2" not in str(error.value)


def test_forwards_and_clients() -> None:
    forward = {"event": "chat", "payload": {"message": "Hello, agent!"}, "agentId": "agent-uuid"}
    assert read(Forward, forward) == Forward(
        event="chat", payload={"message": "Hello, agent!"}, agent_id="agent-uuid"
    )
    assert read(SetClient, {"clientId": "client-uuid"}).client_id == "client-uuid"


@pytest.mark.parametrize(
    ("payload", "written"),
    [
        (
            UserLine(text="Hi", timestamp="t", agent_id="a"),
            '{"from":"user","text":"Hi","timestamp":"t","agentId":"a"}',
        ),
        (
            AgentLine(response=Response(type="text", result="Yes"), timestamp="t", agent_id="a"),
            (
                '{"from":"agent","response":{"type":"text","result":"Yes"},'
                '"timestamp":"t","agentId":"a"}'
            ),
        ),
        (
            Greeting(message="Welcome, N!", agent_id="a", agent_name="N"),
            '{"message":"Welcome, N!","agentId":"a","agentName":"N"}',
        ),
        (Problem(message="no"), '{"message":"no"}'),
        (Received(event="chat"), '{"event":"chat","received":true}'),
        (Failed(error=Problem(message="no")), '{"error":{"message":"no"}}'),
        (
            Forwarded(event="error", payload=Problem(message="no"), agent_id="a"),
            '{"event":"error","payload":{"message":"no"},"agentId":"a"}',
        ),
        (RemoteState(client_id="c"), '{"clientId":"c"}'),
        (RemoteAttempt(client_id="c", attempt=2), '{"clientId":"c","attempt":2}'),
    ],
)
def test_events_are_written_as_seed_002_prints_them(payload: Any, written: str) -> None:
    assert msgspec.json.encode(payload).decode() == written
