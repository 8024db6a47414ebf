"""What vendors say that is not as it should be, and what becomes of it in a session."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.e2e.session_plays import texts_of
from tests.e2e.test_sessions import BACKENDS, ended, kinds, said, talking

from agentgate_cli.standins.models import Fail, Reply, Say, Send, Stall, Use, Wait
from agentgate_client import Event

pytestmark = pytest.mark.anyio

KEY = "key-of-the-vendor-0123"


def sse(*data: dict[str, Any] | str) -> Send:
    """Events as they stand in a stream."""
    texts = (each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in data)
    return Send("".join(f"data: {text}\n\n" for text in texts).encode())


def end_of(backend: str, reason: str) -> Send:
    """An end of an answer, without the end of the body."""
    if backend == "anthropic":
        delta = {"type": "message_delta", "delta": {"stop_reason": reason}}
        return sse(delta, {"type": "message_stop"})
    return sse({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}, "[DONE]")


def results(events: list[Event]) -> list[Any]:
    return [event.data for event in events if event.kind == "tool_result"]


def written(folder: Path) -> bytes:
    """All that is on the disk."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


# What is sent


async def test_a_parameter_that_a_model_does_not_take_is_left_out_and_said(tmp_path: Path) -> None:
    async with talking(tmp_path) as (server, _, _, session):
        server.replies.append(Reply(Say("Cool.")))
        events = await said(session, "Tell", params={"temperature": 0.5, "stop": ["END"]})
        assert ended(events) == "completed"
        (note,) = (event.data["text"] for event in events if event.kind == "note")
        assert note == "main does not take the parameter temperature: it was left out"
        assert b"temperature" not in server.bodies[0]
        assert b'"stop_sequences":["END"]' in server.bodies[0]


async def test_a_parameter_that_a_model_takes_is_sent(tmp_path: Path) -> None:
    async with talking(tmp_path, "openai") as (server, _, _, session):
        server.replies.append(Reply(Say("Cool.")))
        events = await said(session, "Tell", params={"temperature": 0.5})
        assert "note" not in kinds(events)
        assert b'"temperature":0.5' in server.bodies[0]


# How it ends


@pytest.mark.parametrize("backend", BACKENDS)
async def test_tools_start_when_an_answer_has_ended_although_its_body_has_not(
    tmp_path: Path, backend: str
) -> None:
    reason = {"anthropic": "tool_use", "openai": "tool_calls"}[backend]
    async with talking(tmp_path, backend) as (server, _, _, session):
        call = Use("echo", {"text": "now"}, id="c1")
        server.replies.append(Reply(call, end_of(backend, reason), Stall()))
        server.replies.append(Reply(Say("Done.")))
        events = await said(session, "Go")
        assert ended(events) == "completed"
        assert [result["result"] for result in results(events)] == ["now"]
        await server.until(lambda: server.left == 1)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_reason_that_nobody_knows_ends_the_run_and_asks_no_more(
    tmp_path: Path, backend: str
) -> None:
    async with talking(tmp_path, backend) as (server, _, _, session):
        server.replies.append(Reply(Say("So."), end_of(backend, "bored")))
        assert ended(await said(session, "Go")) == "completed"
        assert len(server.bodies) == 1


async def test_a_model_that_calls_for_ever_is_asked_as_often_as_the_message_says(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as (server, _, _, session):
        server.replies.extend(Reply(Use("echo", {"text": "again"}, id="same")) for _ in range(10))
        events = await said(session, "Go", max_iterations=3)
        assert ended(events) == "max_iterations"
        assert len(server.bodies) == 3
        calls = [result["call"] for result in results(events)]
        assert len(set(calls)) == 3, "whatever the vendor calls them"


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_call_that_the_limit_cuts_is_not_run(tmp_path: Path, backend: str) -> None:
    started: tuple[dict[str, Any], ...]
    if backend == "anthropic":
        use = {"type": "tool_use", "id": "c1", "name": "echo", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": '{"text": "rm -rf /'}
        started = (
            {"type": "content_block_start", "index": 7, "content_block": use},
            {"type": "content_block_delta", "index": 7, "delta": delta},
        )
    else:
        function = {"name": "echo", "arguments": '{"text": "rm -rf /'}
        piece = {"index": 0, "id": "c1", "function": function}
        started = ({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]},)
    reason = {"anthropic": "max_tokens", "openai": "length"}[backend]
    async with talking(tmp_path, backend) as (server, _, _, session):
        server.replies.append(Reply(Say("Look:"), sse(*started), end_of(backend, reason)))
        events = await said(session, "Go")
        assert ended(events) == "max_tokens"
        assert "tool_call" not in kinds(events)
        assert any("cut off" in event.data["text"] for event in events if event.kind == "note")
        server.replies.append(Reply(Say("On.")))
        assert ended(await said(session, "Go on")) == "completed"


async def test_a_second_beginning_in_the_midst_of_a_call_withdraws_what_was_shown(
    tmp_path: Path,
) -> None:
    use = {"type": "tool_use", "id": "lost", "name": "echo", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"text": "Spark'}
    new = {"type": "text_delta", "text": "New."}
    message: dict[str, Any] = {
        "id": "m2",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m",
    }
    message["usage"] = {"input_tokens": 5, "output_tokens": 1}
    again = sse(
        {"type": "content_block_start", "index": 7, "content_block": use},
        {"type": "content_block_delta", "index": 7, "delta": delta},
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": new},
        {"type": "content_block_stop", "index": 0},
    )
    async with talking(tmp_path) as (server, _, _, session):
        server.replies.append(Reply(Say("Old."), again, end_of("anthropic", "end_turn")))
        events = await said(session, "Go")
        assert ended(events) == "completed"
        (reset,) = (event for event in events if event.kind == "reset")
        assert texts_of([event for event in events if event.offset > reset.offset]) == "New."
        (reply,) = (event.data for event in events if event.kind == "reply")
        assert reply["text"] == "New."
        assert not results(events)


async def test_what_a_run_takes_is_counted_when_nobody_watches(tmp_path: Path) -> None:
    go_on = anyio.Event()
    async with talking(tmp_path) as (server, _, client, session):
        server.replies.append(Reply(Say("a "), Wait(go_on), Say("b")))
        run = session.send("Go")
        async for event in run:
            if event.kind == "text":
                break
        await run.aclose()
        go_on.set()
        await server.until(lambda: server.streaming == 0)
        while (await session.refresh()).run:
            await anyio.sleep(0.01)
        (row,) = (await client.sessions.usage()).rows
        assert (row.requests, row.unknown, row.usage.is_estimate) == (1, 0, False)
        assert row.cost_micros == 3 * row.usage.input + 15 * row.usage.output
        assert server.left == 0, "nobody left before the end"


# What it must not tell


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_key_that_the_vendor_repeats_is_hidden_wherever_it_turns_up(
    tmp_path: Path, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with talking(tmp_path, backend) as (server, _, client, session):
        fail = Fail("invalid_request_error", f"{KEY} may not do that")
        server.replies.append(Reply(fail, status=400))
        server.replies.append(Reply(Say("a"), fail))
        for _ in range(2):
            events = await said(session, "Go")
            assert ended(events) == "failed"
            assert "may not do that" in events[-1].data["reason"]
            assert all(KEY not in str(event.data) for event in events)
        assert KEY not in (await session.inspect()).body
        assert KEY not in str(await client.sessions.models())
        assert KEY.encode() not in written(tmp_path)
    assert KEY not in caplog.text
