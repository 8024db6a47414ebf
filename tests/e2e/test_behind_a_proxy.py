"""Sessions behind a reverse proxy that is set up as in seed 003."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.e2e.faces import faces_gateway
from tests.e2e.nginx import proxied
from tests.e2e.process import AGENT_TOKEN, BOUND_S
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from agent_gate import AgentGateClient

NAME = "gate.example"
BEARER = {"Authorization": f"Bearer {AGENT_TOKEN}"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of a proxy before a gateway whose faces are open to this machine."""
    folder: Path = tmp_path_factory.mktemp("proxy")
    gateway = {"port": 0, "shutdown_s": 2, "insecure": True, "allowed_hosts": [NAME]}
    with (
        faces_gateway(folder, gateway=gateway) as process,
        proxied(process.port, NAME) as port,
    ):
        yield port


def http(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=BOUND_S)
    try:
        connection.request(method, path, body and json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_sessions_over_http_and_their_runs(port: int) -> None:
    assert http(port, "GET", "/health")[1]["status"] == "healthy"
    status, made = http(port, "POST", "/sessions", {"user_id": "user_123"}, **BEARER)
    assert status == 200
    path = f"/sessions/{made['session_id']}"
    url = f"ws://127.0.0.1:{port}{path}/execute"
    with connect(url, additional_headers=BEARER, open_timeout=BOUND_S) as client:
        client.send(json.dumps({"action": "execute", "user_input": "What is 2+2?"}))
        events = [json.loads(frame) for frame in client]
        assert client.close_code == 1000
    assert [events[0]["type"], events[-1]["type"]] == ["session_info", "iteration_end"]
    assert http(port, "GET", path, **BEARER) == (200, made)
    assert http(port, "DELETE", path, **BEARER) == (200, {"deleted": True})


def test_chat(port: int) -> None:
    url = f"ws://127.0.0.1:{port}/gateway"
    with connect(url, additional_headers=BEARER, open_timeout=BOUND_S) as client:
        client.send('{"type":"chat.send","id":"t1","content":"What is 2+2?"}')
        kinds = [""]
        while kinds[-1] != "chat.stream.end":
            kinds.append(json.loads(client.recv(timeout=BOUND_S))["type"])
    assert kinds[1:4] == ["session.created", "chat.stream.start", "chat.stream.delta"]


def test_the_sdk(port: int) -> None:
    async def talk() -> str:
        async with AgentGateClient(f"ws://127.0.0.1:{port}", AGENT_TOKEN) as client:
            session = await client.sessions.create()
            return await session.send("What is 2+2?").text()

    assert "4" in anyio.run(talk)


def test_what_is_open_to_this_machine_is_not_open_to_whoever_the_proxy_lets_in(port: int) -> None:
    assert http(port, "POST", "/sessions", {"user_id": "u"})[0] == 401
    for path in ("/gateway", "/sessions/s/execute"):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{port}{path}", open_timeout=BOUND_S)
        assert refused.value.response.status_code == 401
