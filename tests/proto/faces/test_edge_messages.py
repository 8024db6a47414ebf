"""Seed 000's envelope, both ways."""

from __future__ import annotations

import json

import msgspec
import pytest

from agentgate_proto.faces.edge_messages import (
    AgentRequest,
    AuditEntry,
    Ping,
    Pong,
    Prompt,
    Snapshot,
    SnapshotResponse,
    beat,
    read_message,
    request_in,
    response,
    snapshot_request,
)

AT = "2025-11-29T18:13:20.000Z"
NOW = 1_764_440_000.0


SNAPSHOT = (
    '{"type":"data_snapshot_response","payload":{"requestId":"s","channels":["w"],'
    '"snapshots":{"w":{"channel":"w","data":{},"plugin_id":"p"}}},"timestamp":"x"}'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"type":"agent_request","payload":{"requestId":"1771-k3j","prompt":"hi"},"timestamp":"x"}',
            AgentRequest(Prompt(request_id="1771-k3j", prompt="hi")),
        ),
        (
            SNAPSHOT,
            SnapshotResponse(
                Snapshot(
                    request_id="s",
                    channels=["w"],
                    snapshots={"w": {"channel": "w", "data": {}, "plugin_id": "p"}},
                )
            ),
        ),
        ('{"type":"ping","payload":{},"timestamp":"x"}', Ping()),
        ('{"type":"pong","payload":{},"timestamp":"x"}', Pong()),
    ],
)
def test_messages_of_a_device_are_read(text: str, message: object) -> None:
    assert read_message(text.encode()) == message


def test_the_id_of_a_broken_request_is_found_and_no_other() -> None:
    assert request_in('{"type":"agent_request","payload":{"requestId":"a"}}') == "a"
    assert request_in('{"type":"pong","payload":{"requestId":"a"}}') == ""
    assert request_in('{"type":"agent_request","payload":{"requestId":""}}') == ""
    assert request_in("[" * 100_000) == ""


def test_messages_for_a_device_have_the_envelope_of_old() -> None:
    entry = AuditEntry(timestamp=AT, tool="t", params=msgspec.Raw(b"{}"), result=msgspec.Raw(b"1"))
    assert json.loads(response("a", "hi", 3, [entry], AT)) == {
        "type": "agent_response",
        "payload": {
            "requestId": "a",
            "result": {
                "response": "hi",
                "tool_calls_made": 3,
                "audit_entries": [
                    {"timestamp": AT, "action": "tool_call", "tool": "t", "params": {}, "result": 1}
                ],
            },
        },
        "timestamp": AT,
    }
    assert json.loads(beat("ping", NOW)) == {"type": "ping", "payload": {}, "timestamp": AT}
    asked = json.loads(snapshot_request("snap-1", [], NOW))
    assert asked["payload"] == {"requestId": "snap-1"}
    asked = json.loads(snapshot_request("snap-1", ["w"], NOW))
    assert asked["payload"] == {"requestId": "snap-1", "channels": ["w"]}
