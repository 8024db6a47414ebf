"""Seed 004's seven tests, step by step as they are written, through a client that is not ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.faces import MODEL, faces_gateway
from tests.e2e.process import BOUND_S, GatewayProcess
from websockets.sync.client import ClientConnection, connect

QUESTION = '{"type":"chat.send","id":"t1","content":"What is 2+2? Reply in one sentence."}'
PROMPT = "You are a helpful AI assistant."


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Without tools, as seed 004's own: its sections memory, skills and tools are empty."""
    folder = tmp_path_factory.mktemp("seed004")
    with faces_gateway(folder, tools={}) as process:
        yield process


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[ClientConnection]:
    with connect(f"{gateway.url}/gateway", open_timeout=BOUND_S) as connection:
        yield connection


def until(client: ClientConnection, last: str) -> list[str]:
    """Receive frames up to the first of this type."""
    frames: list[str] = []
    while not frames or json.loads(frames[-1])["type"] != last:
        frame = client.recv(timeout=BOUND_S)
        assert isinstance(frame, str)
        frames.append(frame)
    return frames


def say(client: ClientConnection, message: str) -> list[Any]:
    client.send(message)
    return [json.loads(frame) for frame in until(client, "chat.stream.end")]


def ask(client: ClientConnection, message: str, last: str) -> Any:
    client.send(message)
    (frame,) = until(client, last)
    return json.loads(frame)


def text_of(messages: list[Any]) -> str:
    return "".join(each["delta"] for each in messages if each["type"] == "chat.stream.delta")


def test_1_streaming_chat(client: ClientConnection) -> None:
    client.send(QUESTION)
    created, start, *deltas, end = until(client, "chat.stream.end")
    made = re.fullmatch(
        r'\{"type":"session\.created","sessionId":"([\w-]+)","sessionKey":"agent:default:\1"\}',
        created,
    )
    assert made is not None
    assert start == (
        f'{{"type":"chat.stream.start","requestId":"t1","sessionId":"{made[1]}","model":"{MODEL}"}}'
    )
    assert len(deltas) > 1
    for delta in deltas:
        assert re.fullmatch(
            r'\{"type":"chat\.stream\.delta","requestId":"t1","delta":".+"\}', delta
        )
    assert "4" in text_of([json.loads(delta) for delta in deltas])
    number = r"[\d.e-]+"
    assert re.fullmatch(
        r'\{"type":"chat\.stream\.end","requestId":"t1",'
        r'"usage":\{"inputTokens":\d+,"outputTokens":\d+,"totalTokens":\d+\},'
        rf'"cost":\{{"inputCost":{number},"outputCost":{number},"totalCost":{number}\}}\}}',
        end,
    )
    usage, cost = json.loads(end)["usage"], json.loads(end)["cost"]
    assert usage["inputTokens"] > 0
    assert usage["outputTokens"] > 0
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert cost["totalCost"] > 0
    assert cost["totalCost"] == pytest.approx(cost["inputCost"] + cost["outputCost"])


def test_2_session_isolation(client: ClientConnection) -> None:
    first = say(client, QUESTION)[0]
    again = say(
        client,
        '{"type":"chat.send","id":"t2","content":"What was my previous question?",'
        f'"sessionId":"{first["sessionId"]}"}}',
    )
    assert again[0]["type"] == "chat.stream.start"
    assert again[0]["sessionId"] == first["sessionId"]
    assert "2+2" in text_of(again)
    created, *rest = say(client, '{"type":"chat.send","id":"t3","content":"Hello"}')
    assert created["type"] == "session.created"
    assert created["sessionId"] != first["sessionId"]
    assert created["sessionKey"] != first["sessionKey"]
    assert text_of(rest)
    assert "2+2" not in text_of(rest)


def test_3_context_inspection(client: ClientConnection) -> None:
    session = say(client, QUESTION)[0]["sessionId"]
    answer = text_of(
        say(
            client,
            '{"type":"chat.send","id":"t2","content":"What was my previous question?",'
            f'"sessionId":"{session}"}}',
        )
    )
    inspection = ask(
        client,
        f'{{"type":"context.inspect","id":"t4","sessionId":"{session}"}}',
        "context.inspection",
    )
    assert inspection["requestId"] == "t4"
    sections = inspection["sections"]
    names = [section["name"] for section in sections]
    assert names == ["system_prompt", "history", "memory", "skills", "tools"]
    found = dict(zip(names, sections, strict=True))
    for section in sections:
        assert list(section) == ["name", "content", "byteCount", "tokenEstimate", "costEstimate"]
        assert section["byteCount"] == len(section["content"].encode())
    assert found["system_prompt"]["content"] == PROMPT
    assert found["system_prompt"]["byteCount"] == 31
    history = found["history"]["content"]
    assert history.startswith("user: What is 2+2? Reply in one sentence.\nassistant: ")
    assert history.endswith(f"user: What was my previous question?\nassistant: {answer}")
    for name in ("memory", "skills", "tools"):
        assert (found[name]["byteCount"], found[name]["tokenEstimate"]) == (0, 0)
    for name in ("system_prompt", "history"):
        assert found[name]["tokenEstimate"] > 0
        assert found[name]["costEstimate"] > 0
    for measure, total in inspection["totals"].items():
        assert total == pytest.approx(sum(section[measure] for section in sections))
    assert list(inspection["totals"]) == ["byteCount", "tokenEstimate", "costEstimate"]
    assert list(inspection) == ["type", "requestId", "sections", "totals"]


def test_4_usage_tracking(client: ClientConnection) -> None:
    ends = [say(client, QUESTION)[-1] for _ in range(2)]
    report = ask(client, '{"type":"usage.query","id":"t5"}', "usage.report")
    assert report["requestId"] == "t5"
    assert list(report["perModel"]) == [MODEL]
    row = report["perModel"][MODEL]
    assert set(row) == {
        "inputTokens",
        "outputTokens",
        "totalTokens",
        "totalCost",
        "requestCount",
    }
    assert row["inputTokens"] > 0
    assert row["outputTokens"] > 0
    assert row["totalCost"] > 0
    assert row["requestCount"] >= 2
    assert report["grandTotal"] == {
        "totalCost": row["totalCost"],
        "totalTokens": row["totalTokens"],
        "requestCount": row["requestCount"],
    }
    again = say(client, QUESTION)
    ends.append(again[-1])
    one = ask(
        client,
        f'{{"type":"usage.query","id":"t5","sessionId":"{again[0]["sessionId"]}"}}',
        "usage.report",
    )["grandTotal"]
    assert one["requestCount"] == 1
    assert one["totalTokens"] == ends[-1]["usage"]["totalTokens"]
    assert one["totalCost"] == pytest.approx(ends[-1]["cost"]["totalCost"])


def test_5_session_listing(client: ClientConnection) -> None:
    made = [say(client, QUESTION)[0] for _ in range(2)]
    listed = ask(client, '{"type":"session.list","id":"t6"}', "session.list")
    assert listed["requestId"] == "t6"
    newest = listed["sessions"][:2]
    for row, created in zip(newest, reversed(made), strict=True):
        assert row["sessionId"] == created["sessionId"]
        assert row["sessionKey"] == created["sessionKey"]
        assert (row["model"], row["messageCount"]) == (MODEL, 2)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["createdAt"])


def test_6_error_handling(client: ClientConnection) -> None:
    client.send('{"type":"chat.send","id":"t7","content":"test","sessionId":"nonexistent"}')
    assert until(client, "error") == [
        (
            '{"type":"error","requestId":"t7","code":"SESSION_NOT_FOUND",'
            '"message":"Session nonexistent not found"}'
        )
    ]
    error = ask(client, "not valid json", "error")
    assert error["code"] == "INVALID_MESSAGE"
    assert "requestId" not in error


def test_7_concurrent_stream_protection(client: ClientConnection) -> None:
    client.send('{"type":"chat.send","id":"t8","content":"Count to 10000"}')
    until(client, "chat.stream.delta")
    client.send('{"type":"chat.send","id":"t9","content":"And now?"}')
    error = json.loads(until(client, "error")[-1])
    assert error == {
        "type": "error",
        "requestId": "t9",
        "code": "STREAM_IN_PROGRESS",
        "message": "Please wait for the current response to complete",
    }
    delta = json.loads(client.recv(timeout=BOUND_S))
    assert (delta["type"], delta["requestId"]) == ("chat.stream.delta", "t8"), "it goes on"
    client.send('{"type":"chat.cancel","id":"t10"}')
    end = json.loads(until(client, "chat.stream.end")[-1])
    assert (end["requestId"], end["status"]) == ("t8", "cancelled")


def test_the_seven_one_after_another_on_one_connection(client: ClientConnection) -> None:
    """As a person types them into one terminal; what each shows is shown above in detail."""
    first = say(client, QUESTION)[0]["sessionId"]
    again = say(
        client,
        '{"type":"chat.send","id":"t2","content":"What was my previous question?",'
        f'"sessionId":"{first}"}}',
    )
    assert "2+2" in text_of(again)
    other = say(client, '{"type":"chat.send","id":"t3","content":"Hello"}')
    assert "2+2" not in text_of(other)
    inspection = ask(
        client,
        f'{{"type":"context.inspect","id":"t4","sessionId":"{first}"}}',
        "context.inspection",
    )
    (history,) = (each for each in inspection["sections"] if each["name"] == "history")
    questions = [line for line in history["content"].split("\n") if line.startswith("user: ")]
    assert questions == [
        "user: What is 2+2? Reply in one sentence.",
        "user: What was my previous question?",
    ]
    report = ask(client, '{"type":"usage.query","id":"t5"}', "usage.report")
    assert report["perModel"][MODEL]["requestCount"] >= 2
    listed = ask(client, '{"type":"session.list","id":"t6"}', "session.list")
    assert [row["sessionId"] for row in listed["sessions"][:2]] == [
        other[0]["sessionId"],
        first,
    ]
    for message, code in (
        (
            '{"type":"chat.send","id":"t7","content":"test","sessionId":"nonexistent"}',
            "SESSION_NOT_FOUND",
        ),
        ("not valid json", "INVALID_MESSAGE"),
    ):
        assert ask(client, message, "error")["code"] == code
    client.send('{"type":"chat.send","id":"t8","content":"Count to 10000"}')
    until(client, "chat.stream.delta")
    client.send('{"type":"chat.send","id":"t9","content":"And now?"}')
    assert json.loads(until(client, "error")[-1])["code"] == "STREAM_IN_PROGRESS"


def test_health_has_the_field_of_seed_004(gateway: GatewayProcess) -> None:
    status, body = gateway.http("/health")
    assert status == 200
    assert body["uptime"] > 0


def test_another_model_is_honoured(tmp_path: Path) -> None:
    other = {MODEL: {"backend": "rehearsal"}, "other": {"backend": "rehearsal"}}
    sessions = {"models": other, "default_model": MODEL}
    with (
        faces_gateway(tmp_path, sessions=sessions) as gateway,
        connect(f"{gateway.url}/gateway", open_timeout=BOUND_S) as client,
    ):
        messages = say(client, '{"type":"chat.send","id":"t1","content":"Hi","model":"other"}')
        assert messages[1]["model"] == "other"
        session = messages[0]["sessionId"]
        messages = say(
            client,
            f'{{"type":"chat.send","id":"t2","content":"Hi","sessionId":"{session}",'
            f'"model":"{MODEL}"}}',
        )
        assert messages[0]["model"] == MODEL
        client.send('{"type":"chat.send","id":"t3","content":"Hi","model":"nobody"}')
        error = json.loads(until(client, "error")[-1])
        assert (error["requestId"], error["code"]) == ("t3", "LLM_ERROR")
