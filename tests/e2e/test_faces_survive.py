"""What clients of the faces see of a gateway that is killed in the midst of a run; and tickets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.faces import faces_gateway
from tests.e2e.process import AGENT_TOKEN, BOUND_S, GatewayProcess
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

LONG = "Count to 10000"
DELTAS = 40
"""Of text, before the gateway is killed: some of it is durable, some is not yet."""


def opened(gateway: GatewayProcess, path: str) -> ClientConnection:
    return connect(f"{gateway.url}{path}", open_timeout=BOUND_S)


def seen_until_the_kill(gateway: GatewayProcess, client: ClientConnection, kind: str) -> list[Any]:
    """Receive so much of a text, kill the gateway, and receive what was under way."""
    messages: list[Any] = []
    while sum(each["type"] == kind for each in messages) < DELTAS:
        messages.append(json.loads(client.recv(timeout=BOUND_S)))
    gateway.restart()
    while (message := last_of(client)) is not None:
        messages.append(json.loads(message))
    return messages


def receive(client: ClientConnection, last: str) -> list[Any]:
    """Receive messages up to one of this type."""
    messages = [json.loads(client.recv(timeout=BOUND_S))]
    while messages[-1]["type"] != last:
        messages.append(json.loads(client.recv(timeout=BOUND_S)))
    return messages


def last_of(client: ClientConnection) -> str | bytes | None:
    """Receive what had been sent before the connection broke; None: it has broken."""
    try:
        return client.recv(timeout=BOUND_S)
    except ConnectionClosed:
        return None


def test_a_run_of_universal_agent_is_interrupted_and_said_so(tmp_path: Path) -> None:
    message = {"action": "execute", "user_input": LONG, "message_id": "m"}
    with faces_gateway(tmp_path) as gateway:
        session = gateway.http("/sessions", {}, AGENT_TOKEN)[1]["session_id"]
        headers = {"Authorization": f"Bearer {AGENT_TOKEN}"}
        url = f"{gateway.url}/sessions/{session}/execute"
        with connect(url, additional_headers=headers, open_timeout=BOUND_S) as client:
            client.send(json.dumps(message))
            seen = text_of(seen_until_the_kill(gateway, client, "text"))
        with connect(url, additional_headers=headers, open_timeout=BOUND_S) as client:
            client.send(json.dumps(message))
            frames = [json.loads(frame) for frame in client]
        kept = text_of(frames)
        assert kept.startswith(seen) or seen.startswith(kept)
        assert kept
        assert (frames[-1]["type"], frames[-1]["data"]["status"]) == ("error", "interrupted")
        with connect(url, additional_headers=headers, open_timeout=BOUND_S) as client:
            client.send(json.dumps({"action": "execute", "user_input": "Hi"}))
            frames = [json.loads(frame) for frame in client]
        assert frames[-1]["type"] == "iteration_end"


def text_of(frames: list[Any]) -> str:
    return "".join(frame["data"]["text"] for frame in frames if frame["type"] == "text")


def test_a_session_of_agentspace_is_free_after_a_kill(tmp_path: Path) -> None:
    with faces_gateway(tmp_path) as gateway:
        with opened(gateway, "/gateway") as client:
            client.send(json.dumps({"type": "chat.send", "id": "t1", "content": LONG}))
            messages = seen_until_the_kill(gateway, client, "chat.stream.delta")
        session = messages[0]["sessionId"]
        with opened(gateway, "/gateway") as client:
            client.send(json.dumps({"type": "chat.attach", "id": "t2", "sessionId": session}))
            end = receive(client, "error")[-1]  # it came before the run was ended, or after
            assert end.get("status") == "interrupted" or end["code"] == "NO_STREAM"
            again = {"type": "chat.send", "id": "t3", "sessionId": session}
            client.send(json.dumps({**again, "content": "What was my previous question?"}))
            texts = receive(client, "chat.stream.end")
            assert LONG in "".join(each.get("delta", "") for each in texts)


def test_a_browser_opens_a_socket_with_a_ticket(tmp_path: Path) -> None:
    closed = {"agentspace": {}, "universal_agent": {}}
    with faces_gateway(tmp_path, faces=closed) as gateway:
        ticket = gateway.http("/api/tickets", {}, AGENT_TOKEN)[1]["ticket"]
        with opened(gateway, f"/gateway?ticket={ticket}") as client:
            client.send('{"type":"session.list","id":"t6"}')
            assert json.loads(client.recv(timeout=BOUND_S))["sessions"] == []
        for path in (f"/gateway?ticket={ticket}", "/gateway", "/sessions/s1/execute"):
            with pytest.raises(InvalidStatus) as refused:
                opened(gateway, path)
            assert refused.value.response.status_code == 401
