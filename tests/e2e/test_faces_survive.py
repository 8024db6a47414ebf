"""What clients of the faces see of a gateway that is killed in the midst of a run; and tickets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.faces import faces_gateway
from tests.e2e.process import AGENT_TOKEN, BOUND_S, GatewayProcess, until
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


def lines_of(response: HTTPResponse) -> Iterator[str]:
    """Read a stream of events, up to its end or the end of the gateway."""
    try:
        for line in response:
            if line.startswith(b"data: "):
                yield line[6:].decode().rstrip()
    except (OSError, HTTPException):
        return


@contextmanager
def streamed(
    gateway: GatewayProcess, path: str, body: Any, **headers: str
) -> Iterator[Iterator[str]]:
    """Ask for a stream of events."""
    address = gateway.url.removeprefix("ws://")
    connection = HTTPConnection(address, timeout=BOUND_S)
    headers["authorization"] = f"Bearer {AGENT_TOKEN}"
    try:
        yield lines_of(until(lambda: begun(connection, path, body, headers), "an answer"))
    finally:
        connection.close()


def begun(
    connection: HTTPConnection, path: str, body: Any, headers: dict[str, str]
) -> HTTPResponse | None:
    """Ask; None: the run that the killed gateway has left is not ended yet, so ask again."""
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    if response.status == 409:
        assert response.headers["retry-after"]
        response.read()
        return None
    assert response.status == 200
    return response


def test_a_chat_goes_on_after_a_kill_where_it_was(tmp_path: Path) -> None:
    chat = {"x-session-id": "chat-1"}
    path = "/v1/chat/completions"
    history = [{"role": "user", "content": LONG}]
    with faces_gateway(tmp_path, faces={"completions": {}}) as gateway:
        with streamed(gateway, path, {"messages": history, "stream": True}, **chat) as lines:
            seen = "".join(text for text in map(delta_of, islice(lines, DELTAS)))
            gateway.restart()
            rest = list(lines)
        assert "[DONE]" not in rest, "what has no end does not look as if it had one"
        history += [{"role": "assistant", "content": seen}]
        history += [{"role": "user", "content": "What was my previous question?"}]
        with streamed(gateway, path, {"messages": history, "stream": True}, **chat) as lines:
            *chunks, done = lines
        assert done == "[DONE]"
        assert LONG in "".join(map(delta_of, chunks))


def delta_of(line: str) -> str:
    """What a chunk of a chat completion adds to the text."""
    choices = json.loads(line)["choices"]
    return str(choices[0]["delta"].get("content", "")) if choices else ""


def test_a_page_sees_after_a_kill_what_became_of_its_run(tmp_path: Path) -> None:
    said = [{"id": "u1", "role": "user", "content": LONG}]
    run = {"threadId": "t", "runId": "r1", "messages": said}
    with faces_gateway(tmp_path, faces={"agui": {}}) as gateway:
        with streamed(gateway, "/agui", run) as lines:
            first = list(islice(lines, DELTAS))
            gateway.restart()
            first += list(lines)
        with streamed(gateway, "/agui", run) as lines:
            told = [json.loads(line) for line in lines]
        assert (told[-1]["type"], told[-1]["code"]) == ("RUN_ERROR", "interrupted")
        seen, kept = text_in(json.loads(line) for line in first), text_in(told)
        assert kept.startswith(seen) or seen.startswith(kept)
        said += [{"id": "u2", "role": "user", "content": "What was my previous question?"}]
        with streamed(gateway, "/agui", {**run, "runId": "r2", "messages": said}) as lines:
            told = [json.loads(line) for line in lines]
        assert told[-1]["outcome"] == {"type": "success"}
        assert LONG in text_in(told)


def text_in(events: Iterable[Any]) -> str:
    """What a model says in events of AG-UI."""
    return "".join(e["delta"] for e in events if e["type"] == "TEXT_MESSAGE_CONTENT")


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
