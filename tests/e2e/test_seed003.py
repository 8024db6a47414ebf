"""Seed 003's requests and responses, one by one, through clients that are not ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.faces import faces_gateway
from tests.e2e.process import AGENT_TOKEN, BOUND_S, OWNER_TOKEN, GatewayProcess
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

EXECUTE = """{
  "action": "execute",
  "user_input": "List files in current directory",
  "context": {},
  "max_iterations": 25
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed003")
    (folder / "home" / "project").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def gateway(folder: Path) -> Iterator[GatewayProcess]:
    changes = {"default_model": "seed003", "workspace_roots": [str(folder / "home")]}
    with faces_gateway(folder, sessions=changes) as process:
        yield process


def http(
    gateway: GatewayProcess, method: str, path: str, body: str = "", token: str = ""
) -> tuple[int, str]:
    """One request, as the standard library makes it."""
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=BOUND_S)
    headers = {"Content-Type": "application/json"} if body else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        assert response.headers["Content-Type"] == "application/json"
        return response.status, response.read().decode()
    finally:
        connection.close()


def create(gateway: GatewayProcess, **body: Any) -> Any:
    status, text = http(gateway, "POST", "/sessions", json.dumps(body))
    assert status == 200, text
    return json.loads(text)


def opened(gateway: GatewayProcess, session: str) -> ClientConnection:
    return connect(f"{gateway.url}/sessions/{session}/execute", open_timeout=BOUND_S)


def run(gateway: GatewayProcess, session: str, message: str) -> list[str]:
    """Send a message, and receive frames until the gateway closes."""
    with opened(gateway, session) as client:
        client.send(message)
        frames = [str(frame) for frame in client]
        assert client.close_code == 1000
    return frames


def test_create_and_get_a_session(gateway: GatewayProcess, folder: Path) -> None:
    workspace = str(folder / "home" / "project")
    body = f"""{{
      "user_id": "user_123",
      "workspace_dir": "{workspace}"
    }}"""
    status, created = http(gateway, "POST", "/sessions", body)
    assert status == 200
    made = re.fullmatch(
        r'\{"session_id":"([\w-]+)","user_id":"user_123","workspace_dir":"'
        + re.escape(workspace)
        + r'","created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","metadata":\{\}\}',
        created,
    )
    assert made is not None
    assert http(gateway, "GET", f"/sessions/{made[1]}") == (200, created)


def test_a_session_that_is_not_there(gateway: GatewayProcess) -> None:
    for method in ("GET", "DELETE"):
        assert http(gateway, method, "/sessions/sess_nope") == (
            404,
            '{"detail":"Session not found"}',
        )


def test_list_sessions_of_a_user(gateway: GatewayProcess) -> None:
    made = [create(gateway, user_id="lister") for _ in range(2)]
    create(gateway, user_id="another")
    status, text = http(gateway, "GET", "/sessions?user_id=lister")
    for each in made:
        del each["metadata"]
    compact = json.dumps({"sessions": made}, separators=(",", ":"))
    assert (status, text) == (200, compact), "the members in the seed's order"
    rows = json.loads(http(gateway, "GET", "/sessions")[1])["sessions"]
    assert {"lister", "another"} <= {row["user_id"] for row in rows}


def test_a_list_is_bounded_and_goes_on(gateway: GatewayProcess) -> None:
    made = [create(gateway, user_id="pages")["session_id"] for _ in range(3)]
    query = "/sessions?user_id=pages&limit=2"
    page = json.loads(http(gateway, "GET", query)[1])
    assert [row["session_id"] for row in page["sessions"]] == made[1:]
    assert page["more"] is True
    page = json.loads(http(gateway, "GET", f"{query}&before={made[1]}")[1])
    assert [row["session_id"] for row in page["sessions"]] == made[:1]
    assert "more" not in page
    assert http(gateway, "GET", "/sessions?before=nobody")[0] == 404


def test_delete_a_session(gateway: GatewayProcess) -> None:
    session = create(gateway, user_id="u")["session_id"]
    assert http(gateway, "DELETE", f"/sessions/{session}") == (200, '{"deleted":true}')
    assert http(gateway, "GET", f"/sessions/{session}")[0] == 404


def test_health(gateway: GatewayProcess) -> None:
    status, text = http(gateway, "GET", "/health")
    body = json.loads(text)
    assert (status, body["status"], body["sessions_active"]) == (200, "healthy", 0)
    assert re.match(r"\d+\.\d+\.\d+", body["version"])


def test_execute_streams_as_in_the_seed_and_closes(gateway: GatewayProcess) -> None:
    session = create(gateway, user_id="user_123")["session_id"]
    frames = run(gateway, session, EXECUTE)
    for frame in frames:
        assert re.fullmatch(
            r'\{"type": "[a-z_]+", "data": \{.*\}, "timestamp": "' + STAMP + r'"\}', frame
        )
    events = [json.loads(frame) for frame in frames]
    kinds = [event["type"] for event in events]
    merged = [kind for at, kind in enumerate(kinds) if not (at and kind == kinds[at - 1])]
    assert merged == [
        "session_info",
        "text",
        "tool_call",
        "tool_result",
        "text",
        "iteration_end",
    ]
    at = kinds.index("tool_call")
    call = events[at]["data"]["id"]
    stamp = events[0]["timestamp"]
    assert frames[0] == (
        f'{{"type": "session_info", "data": {{"session_id": "{session}"}}, "timestamp": "{stamp}"}}'
    )
    assert text_of(events[:at]) == "I'll list the files"
    assert events[at]["data"] == {"id": call, "name": "ListDir", "input": {"path": "."}}
    assert list(events[at]["data"]) == ["id", "name", "input"]
    assert events[at + 1]["data"] == {"tool_call_id": call, "result": ".: README.md src"}
    assert text_of(events[at:]) == "Here are the files:\n"
    stamp = events[-1]["timestamp"]
    assert frames[-1] == (
        f'{{"type": "iteration_end", "data": {{"iteration": 1}}, "timestamp": "{stamp}"}}'
    )


def text_of(events: list[Any]) -> str:
    return "".join(event["data"]["text"] for event in events if event["type"] == "text")


def test_a_session_remembers(gateway: GatewayProcess) -> None:
    session = create(gateway, user_id="u")["session_id"]
    message = {"action": "execute", "model": "claude-sonnet-4.5"}
    run(gateway, session, json.dumps({**message, "user_input": "What is 2+2?"}))
    again = json.dumps({**message, "user_input": "What was my previous question?"})
    assert "2+2" in text_of([json.loads(frame) for frame in run(gateway, session, again)])


def test_execute_on_a_session_that_is_not_there_is_accepted_and_closed(
    gateway: GatewayProcess,
) -> None:
    with opened(gateway, "sess_nope") as client, pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=BOUND_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4004


def test_an_error_has_both_members_and_the_next_message_is_heard(gateway: GatewayProcess) -> None:
    session = create(gateway, user_id="u")["session_id"]
    with opened(gateway, session) as client:
        client.send('{"action": "execute", "user_input": ""}')
        error = json.loads(client.recv(timeout=BOUND_S))
        assert (error["type"], error["data"]) == (
            "error",
            {"message": "Empty user_input", "error": "Empty user_input"},
        )
        client.send('{"action": "execute", "user_input": "Hi"}')
        assert json.loads([str(frame) for frame in client][-1])["type"] == "iteration_end"


def test_a_workspace_outside_the_roots_is_refused(gateway: GatewayProcess) -> None:
    status, text = http(gateway, "POST", "/sessions", '{"user_id": "u", "workspace_dir": "/etc"}')
    assert status == 403
    assert "workspace_roots" in json.loads(text)["detail"]


def test_a_body_that_does_not_fit_is_422(gateway: GatewayProcess) -> None:
    for body in ("{", "[]", '{"user_id": 1}'):
        status, text = http(gateway, "POST", "/sessions", body)
        assert status == 422
        assert json.loads(text)["detail"][0]["loc"] == ["body"]


def test_anothers_session_does_not_exist(gateway: GatewayProcess) -> None:
    status, text = http(gateway, "POST", "/sessions", "{}", AGENT_TOKEN)
    session = json.loads(text)["session_id"]
    assert status == 200
    assert http(gateway, "GET", f"/sessions/{session}")[0] == 404
    assert http(gateway, "DELETE", f"/sessions/{session}")[0] == 404
    assert http(gateway, "GET", f"/sessions/{session}", token=AGENT_TOKEN)[0] == 200
    assert http(gateway, "GET", f"/sessions/{session}", token=OWNER_TOKEN)[0] == 403


def test_a_tool_that_a_person_is_asked_about_waits_in_the_stream(gateway: GatewayProcess) -> None:
    session = create(gateway, user_id="u")["session_id"]
    message = {"action": "execute", "model": "claude-sonnet-4.5"}
    message["user_input"] = 'call Remove {"path": "x"}'
    with opened(gateway, session) as client:
        client.send(json.dumps(message))
        (waiting,) = gateway.wait_for_approvals()
        assert json.loads(http(gateway, "GET", "/health")[1])["sessions_active"] == 1
        gateway.decide(waiting["id"], "deny")
        events = [json.loads(frame) for frame in client]
    asked = [event["data"] for event in events if event["type"] == "status"]
    assert asked[0]["status"] == "approval_required"
    assert asked[0]["approval_id"] == waiting["id"]
    (result,) = (event["data"] for event in events if event["type"] == "tool_result")
    assert (result["is_error"], result["status"]) == (True, "denied")
    assert events[-1]["type"] == "iteration_end"


def test_the_run_of_a_client_that_went_is_joined_again(gateway: GatewayProcess) -> None:
    session = create(gateway, user_id="u")["session_id"]
    message = json.dumps(
        {
            "action": "execute",
            "user_input": "Count to 200",
            "model": "claude-sonnet-4.5",
            "message_id": "mine",
        }
    )
    with opened(gateway, session) as client:
        client.send(message)
        for frame in client:
            if json.loads(frame)["type"] == "text":
                break
    whole = text_of([json.loads(frame) for frame in run(gateway, session, message)])
    again = text_of([json.loads(frame) for frame in run(gateway, session, message)])
    assert whole == again
    assert re.findall(r"\d+", whole)[-200:] == [str(number) for number in range(1, 201)]
