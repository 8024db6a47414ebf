"""The completions face on real sockets, sessions and a model's server, by OpenAI's own SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import openai
import pytest
from openai import AsyncOpenAI, OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.server.embedded import AGENT, OWNER, all_bytes, http, serving, until
from tests.server.test_conversing import AGENT as WHO
from tests.server.test_conversing import Answer

from agentgate_cli.standins.models import CleanEnd, ModelServer, Reply, Say, Stall, Think, Use, Wait
from agentgate_proto.rpc.session_methods import ListSessions
from agentgate_server.faces.completions import CompletionsFace
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

LOOK: Any = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look there.",
        "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
    },
}
HI: Any = [{"role": "user", "content": "hi"}]


@asynccontextmanager
async def offering(
    folder: Path, *replies: Reply, is_open: bool = False, tells: bool = False, **changes: Any
) -> AsyncIterator[tuple[Gateway, ModelServer]]:
    """A gateway whose model answers so."""
    async with ModelServer() as server:
        server.replies.extend(replies)
        async with beside(server, folder, is_open=is_open, tells=tells, **changes) as gateway:
            yield gateway, server


@asynccontextmanager
async def beside(
    server: ModelServer,
    folder: Path,
    *,
    is_open: bool = False,
    tells: bool = False,
    budgets: Any = (),
) -> AsyncIterator[Gateway]:
    """A gateway on the data in this folder."""
    model = {
        "backend": "openai",
        "model": "gpt-test",
        "base_url": server.openai_url,
        "price": {"input": 1, "output": 1},
    }
    sessions = {
        "models": {"m": model, "other": {**model, "model": "gpt-other"}},
        "default_model": "m",
        "system_prompt": "Be good.",
        "budgets": list(budgets),
    }
    face = partial(CompletionsFace, is_open=is_open, tells_tools=tells)
    async with serving(folder, faces=[face], sessions=sessions) as gateway:
        yield gateway


def sdk(gateway: Gateway, token: str = AGENT, **more: Any) -> AsyncOpenAI:
    url = f"http://127.0.0.1:{gateway.port}/v1"
    return AsyncOpenAI(base_url=url, api_key=token, max_retries=more.pop("retries", 0), **more)


def told(server: ModelServer, which: int = -1) -> list[tuple[str, Any]]:
    """What the model was told, without the system's message."""
    body = json.loads(server.bodies[which])
    return [
        (each["role"], each["content"] or [use["id"] for use in each["tool_calls"]])
        for each in body["messages"]
        if each["role"] != "system"
    ]


async def listed(gateway: Gateway) -> list[str]:
    """What the agent's sessions are called."""
    answer = Answer()
    desk = gateway.gate.sessions
    assert desk is not None
    desk.call(WHO, ListSessions(), answer)
    await answer.came.wait()
    return [view.user_id for view in answer.value.sessions]


async def none_is_left(gateway: Gateway) -> None:
    while await listed(gateway):
        await anyio.sleep(0.002)


async def stream(gateway: Gateway, **request: Any) -> list[ChatCompletionChunk]:
    """Ask for a stream, in a thread: on trio the SDK's own is not closed as trio wants it."""

    def run() -> list[ChatCompletionChunk]:
        with streaming(gateway, **request) as answer:
            return [checked(chunk) for chunk in answer]

    return await anyio.to_thread.run_sync(run)


async def leave(gateway: Gateway, **request: Any) -> None:
    """Ask for a stream, and leave it when it has begun to say something."""

    def run() -> None:
        with streaming(gateway, **request) as answer:
            for chunk in answer:
                if chunk.choices[0].delta.content:
                    return

    await anyio.to_thread.run_sync(run)


@contextmanager
def streaming(gateway: Gateway, **request: Any) -> Iterator[Stream[ChatCompletionChunk]]:
    url = f"http://127.0.0.1:{gateway.port}/v1"
    with (
        OpenAI(base_url=url, api_key=AGENT, max_retries=0) as client,
        client.chat.completions.create(stream=True, model="m", **request) as answer,
    ):
        yield answer


def checked(chunk: ChatCompletionChunk) -> ChatCompletionChunk:
    """The SDK's own types take it without a word."""
    return ChatCompletionChunk.model_validate(chunk.model_dump())


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)


async def test_models_are_listed_and_found(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), sdk(gateway) as client:
        found = [model.id async for model in await client.models.list()]
        assert found == ["m", "other"]
        assert (await client.models.retrieve("other")).owned_by == "agentgate"
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("a/b")
        assert caught.value.code == "model_not_found"


async def test_an_answer_comes_whole_or_streamed_and_says_what_it_took(tmp_path: Path) -> None:
    async with offering(tmp_path, Reply(Say("Hel"), Say("lo")), Reply(Say("Hel"), Say("lo"))) as (
        gateway,
        server,
    ):
        async with sdk(gateway) as client:
            whole = await client.chat.completions.create(
                model="m", messages=HI, temperature=0.5, user="u", store=True
            )
            ChatCompletion.model_validate(whole.model_dump())
            assert whole.choices[0].message.content == "Hello"
            assert whole.choices[0].finish_reason == "stop"
            assert whole.usage is not None
            assert whole.usage.total_tokens == whole.usage.prompt_tokens + 5
            chunks = await stream(gateway, messages=HI, stream_options={"include_usage": True})
            assert text_of(chunks) == "Hello"
            assert [each.choices[0].finish_reason for each in chunks[-2:-1]] == ["stop"]
            assert chunks[-1].usage == whole.usage
            assert {each.model for each in chunks} == {"m"}
        body = json.loads(server.bodies[0])
        assert (body["model"], body["temperature"]) == ("gpt-test", 0.5)
        assert "user" not in body


async def test_sync_clients_are_answered_as_well(tmp_path: Path) -> None:
    async with offering(tmp_path, Reply(Say("Hello")), Reply(Say("Hello"))) as (gateway, _):

        def run() -> list[str]:
            url = f"http://127.0.0.1:{gateway.port}/v1"
            with OpenAI(base_url=url, api_key=AGENT) as client:
                whole = client.chat.completions.create(model="m", messages=HI)
                parts = client.chat.completions.create(model="m", messages=HI, stream=True)
                text = "".join(part.choices[0].delta.content or "" for part in parts)
            return [whole.choices[0].message.content or "", text]

        assert await anyio.to_thread.run_sync(run) == ["Hello", "Hello"]


async def test_a_call_without_a_session_leaves_none_behind(tmp_path: Path) -> None:
    async with offering(tmp_path, Reply(Say("yes"))) as (gateway, server), sdk(gateway) as client:
        history: Any = [
            {"role": "system", "content": "Speak like a pirate."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": [{"type": "text", "text": "two"}]},
        ]
        await client.chat.completions.create(model="m", messages=history)
        assert told(server) == [("user", "one"), ("assistant", "1"), ("user", "two")]
        system = json.loads(server.bodies[0])["messages"][0]["content"]
        assert system == "Be good.\n\nSpeak like a pirate."
        await none_is_left(gateway)


async def test_a_named_session_keeps_what_the_client_does_not_see(tmp_path: Path) -> None:
    replies = [
        Reply(Say("Let me see."), Use("echo", {"text": "page"}, id="own")),
        Reply(Say("It is 1.")),
        Reply(Say("It is 2.")),
        Reply(Say("It is two.")),
    ]
    async with offering(tmp_path, *replies) as (gateway, server), sdk(gateway) as client:
        header = {"X-Session-Id": "chat-1"}
        history: Any = [{"role": "user", "content": "one?"}]
        first = await client.chat.completions.create(
            model="m", messages=history, extra_headers=header
        )
        assert first.choices[0].message.content == "Let me see.\n\nIt is 1."
        assert first.choices[0].message.tool_calls is None
        history += [first.choices[0].message.model_dump(), {"role": "user", "content": "two?"}]
        ask = partial(client.chat.completions.with_raw_response.create, extra_headers=header)
        raw = await ask(model="m", messages=history)
        told_now = [
            *(("user", "one?"), ("assistant", "Let me see."), ("tool", "page")),
            *(("assistant", "It is 1."), ("user", "two?")),
        ]
        assert told(server) == told_now
        await client.chat.completions.create(
            model="m", messages=history, extra_headers={"X-Session-Id": raw.headers["x-session-id"]}
        )
        assert told(server) == told_now, "the answer is wanted anew"
        assert await listed(gateway) == ["completions:chat-1"]


async def test_a_named_session_outlives_the_gateway(tmp_path: Path) -> None:
    header = {"X-Session-Id": "chat-1"}
    history: Any = [{"role": "user", "content": "one?"}]
    async with ModelServer() as server:
        server.replies.append(Reply(Use("echo", {"text": "page"}, id="own")))
        server.replies.append(Reply(Say("It is 1.")))
        async with beside(server, tmp_path) as gateway, sdk(gateway) as client:
            ask = client.chat.completions.create
            first = await ask(model="m", messages=history, extra_headers=header)
        history += [first.choices[0].message.model_dump(), {"role": "user", "content": "two?"}]
        async with beside(server, tmp_path) as gateway, sdk(gateway) as client:
            ask = client.chat.completions.create
            await ask(model="m", messages=history, extra_headers=header)
        assert [role for role, _ in told(server)] == [
            *("user", "assistant", "tool", "assistant", "user")
        ]


async def test_a_gateway_that_stops_cancels_no_run_for_its_clients_that_go(tmp_path: Path) -> None:
    again = {"X-Session-Id": "c", "X-Stainless-Retry-Count": "1"}
    async with ModelServer() as server:
        server.replies.append(Reply(Say("well"), Stall()))
        async with beside(server, tmp_path) as gateway:
            body = json.dumps({"model": "m", "messages": HI, "stream": True}).encode()
            head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Session-Id: c\r\n"
            head += f"Authorization: Bearer {AGENT}\r\nContent-Length: {len(body)}\r\n\r\n"
            stream = await anyio.connect_tcp("127.0.0.1", gateway.port)
            await stream.send(head.encode() + body)
            while b"well" not in await stream.receive():
                pass
        assert b"[DONE]" not in await all_bytes(stream)
        await stream.aclose()
        async with beside(server, tmp_path) as gateway, sdk(gateway) as client:
            with pytest.raises(openai.InternalServerError) as stopped:
                await client.chat.completions.create(model="m", messages=HI, extra_headers=again)
            assert stopped.value.code == "interrupted"


async def test_two_first_messages_at_once_are_of_one_session(tmp_path: Path) -> None:
    async with offering(tmp_path, is_open=True) as (gateway, _):
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                body = {"messages": [{"role": "user", "content": f"{number}"}]}
                extra = "X-OpenWebUI-Chat-Id: c\r\n"
                ask = partial(http, gateway, "POST", "/v1/chat/completions", extra=extra)
                tasks.start_soon(partial(ask, token=AGENT, body=body))
        assert await listed(gateway) == ["completions:c"]


async def test_tools_of_the_client_are_its_own_to_run(tmp_path: Path) -> None:
    replies = [
        Reply(Say("Wait."), Use("look", {"where": "there"}, id="c1"), Use("echo", {"text": "x"})),
        Reply(Say("It is dark.")),
    ]
    async with offering(tmp_path, *replies) as (gateway, server), sdk(gateway) as client:
        chunks = await stream(gateway, messages=HI, tools=[LOOK], tool_choice="required")
        calls = [c for each in chunks for c in each.choices[0].delta.tool_calls or ()]
        assert [(c.id, c.function and c.function.name) for c in calls] == [("c1", "look")]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
        assert json.loads(server.bodies[0])["tool_choice"] == "required"
        names = [each["function"]["name"] for each in json.loads(server.bodies[0])["tools"]]
        assert {"look", "echo"} <= set(names)
        call = {"id": "c1", "type": "function"}
        call |= {"function": {"name": "look", "arguments": '{"where": "there"}'}}
        history: Any = [
            *HI,
            {"role": "assistant", "content": "Wait.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "dark"},
        ]
        whole = await client.chat.completions.create(model="m", messages=history, tools=[LOOK])
        assert whole.choices[0].message.content == "It is dark."
        assert told(server)[-1] == ("tool", "dark")


async def test_while_a_person_thinks_the_stream_stays_alive_and_goes_on(tmp_path: Path) -> None:
    replies = [Reply(Use("asked", {"text": "do it"})), Reply(Say("Done."))]
    async with offering(tmp_path, *replies, tells=True) as (gateway, _):
        chunks: list[ChatCompletionChunk] = []

        async def ask() -> None:
            chunks.extend(await stream(gateway, messages=HI))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await decide_first(gateway)
        assert text_of(chunks) == "Done."
        thoughts = "".join(
            (each.choices[0].delta.model_extra or {}).get("reasoning_content") or ""
            for each in chunks
        )
        assert "[tool asked]" in thoughts
        assert "[a person is asked: asked(" in thoughts


async def decide_first(gateway: Gateway) -> None:
    """Say yes to the first approval that waits."""
    while True:
        _, _, page = await http(gateway, "GET", "/api/approvals", token=OWNER)
        if waiting := page["approvals"]:
            break
        await anyio.sleep(0.01)
    path = f"/api/approvals/{waiting[0]['id']}"
    await http(gateway, "POST", path, token=OWNER, body={"decision": "approve"})


async def test_thinking_is_told_only_if_it_is_wanted(tmp_path: Path) -> None:
    reply = Reply(Think("hm"), Say("yes"))
    async with offering(tmp_path, reply) as (gateway, _), sdk(gateway) as client:
        whole = await client.chat.completions.create(model="m", messages=HI)
        assert "reasoning_content" not in (whole.choices[0].message.model_extra or {})
    async with offering(tmp_path, reply, tells=True) as (gateway, _), sdk(gateway) as client:
        whole = await client.chat.completions.create(model="m", messages=HI)
        assert (whole.choices[0].message.model_extra or {})["reasoning_content"] == "hm"


async def test_side_requests_get_no_tools_and_no_session(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, server), sdk(gateway) as client:
        header = {"X-Session-Id": "chat-1", "X-Task": "title_generation"}
        await client.chat.completions.create(model="m", messages=HI, extra_headers=header)
        prompt = "### Task:\nGenerate a concise, 3-5 word title with an emoji"
        messages: Any = [{"role": "user", "content": prompt}]
        header = {"X-Session-Id": "chat-1", "X-Task": "{{TASK}}"}
        await client.chat.completions.create(model="m", messages=messages, extra_headers=header)
        assert all("tools" not in json.loads(body) for body in server.bodies)
        await none_is_left(gateway)


async def test_errors_are_in_the_form_of_the_sdk(tmp_path: Path) -> None:
    budgets = [{"name": "none", "per": "day", "usd": 0.01, "model": "other"}]
    async with offering(tmp_path, is_open=False, budgets=budgets) as (gateway, server):
        async with sdk(gateway) as client:
            ask = client.chat.completions.create
            with pytest.raises(openai.BadRequestError) as bad:
                await ask(model="m", messages=HI, n=2)
            assert (bad.value.param, bad.value.type) == ("n", "invalid_request_error")
            image: Any = [{"type": "image_url", "image_url": {"url": "data:,"}}]
            with pytest.raises(openai.BadRequestError) as bad:
                await ask(model="m", messages=[{"role": "user", "content": image}])
            assert "text alone" in bad.value.message
            with pytest.raises(openai.NotFoundError) as missing:
                await ask(model="gpt-5", messages=HI)
            assert missing.value.code == "model_not_found"
            text: Any = [{"role": "user", "content": "x" * 500_001}]
            with pytest.raises(openai.APIStatusError) as large:
                await ask(model="m", messages=text)
            assert large.value.status_code == 413
            long: Any = [{"role": "user", "content": "x" * 400_000}] * 6
            with pytest.raises(openai.APIStatusError, match="begin a new conversation") as large:
                await ask(model="m", messages=long)
            assert large.value.code == "string_above_max_length"
            with pytest.raises(openai.RateLimitError) as poor:
                await ask(model="other", messages=HI, max_tokens=1_000_000)
            assert poor.value.code == "insufficient_quota"
            server.replies.append(Reply(status=400))
            with pytest.raises(openai.InternalServerError) as failed:
                await ask(model="m", messages=HI)
            assert (failed.value.status_code, failed.value.code) == (502, "model_failed")
            server.replies.append(Reply(Say("half"), CleanEnd()))
            with pytest.raises(openai.APIError, match="ended") as cut:
                await stream(gateway, messages=HI)
            assert cut.value.code == "truncated"
        async with sdk(gateway, "wrong-token-0123456789") as client:
            with pytest.raises(openai.AuthenticationError) as wrong:
                await client.models.list()
            assert wrong.value.code == "invalid_api_key"
        async with sdk(gateway, OWNER) as client:
            with pytest.raises(openai.PermissionDeniedError):
                await client.models.list()


async def test_a_client_that_goes_ends_a_run_that_has_done_nothing(tmp_path: Path) -> None:
    stall = Reply(Say("well"), Stall())
    async with offering(tmp_path, stall, stall, Reply(Say("yes"))) as (gateway, server):
        headers: list[dict[str, str]] = [{}, {"X-Session-Id": "c"}]
        for header in headers:
            await leave(gateway, messages=HI, extra_headers=header)
            await server.until(lambda: not server.streaming)
        desk: Any = gateway.gate.sessions
        await until(lambda: not desk.active, "the runs to end")
        async with sdk(gateway) as client:
            assert await listed(gateway) == ["completions:c"]
            history: Any = [*HI, {"role": "assistant", "content": "well"}]
            again = await client.chat.completions.create(
                model="m",
                messages=[*history, {"role": "user", "content": "go on"}],
                extra_headers={"X-Session-Id": "c"},
            )
            assert again.choices[0].message.content == "yes"
            assert told(server)[:2] == [("user", "hi"), ("assistant", "well")]


async def test_a_run_that_has_used_a_tool_goes_on_without_its_client(tmp_path: Path) -> None:
    gate = anyio.Event()
    replies = [
        Reply(Use("note", {"text": "x"})),
        Reply(Say("half"), Wait(gate), Say(" of it")),
    ]
    async with offering(tmp_path, *replies) as (gateway, server), sdk(gateway) as client:
        header = {"X-Session-Id": "c"}
        request: Any = {"messages": HI, "extra_headers": header}
        await leave(gateway, **request)
        messages: Any = [{"role": "user", "content": "something else"}]
        with pytest.raises(openai.ConflictError) as busy:
            await client.chat.completions.create(model="m", messages=messages, extra_headers=header)
        assert busy.value.code == "run_in_progress"

        def join() -> str:
            texts = []
            with streaming(gateway, **request) as answer:
                for chunk in answer:
                    texts.append(chunk.choices[0].delta.content or "")
                    if texts[-1]:
                        anyio.from_thread.run_sync(gate.set)
            return "".join(texts)

        text = await anyio.to_thread.run_sync(join)
        assert text == "half of it", "the same request joins the run, from its beginning"
        assert len(server.bodies) == 2


async def test_a_token_that_counts_no_more_ends_what_it_let_in(tmp_path: Path) -> None:
    stall = Reply(Say("well"), Stall())
    async with offering(tmp_path, stall, stall) as (gateway, server):
        authenticator = gateway.gate.authenticator
        answers: dict[bool, bytes] = {}

        async def ask(is_stream: bool) -> None:
            body = json.dumps({"messages": HI, "stream": is_stream}).encode()
            head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            head += f"Authorization: Bearer {AGENT}\r\nContent-Length: {len(body)}\r\n"
            async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
                await stream.send(f"{head}Connection: close\r\n\r\n".encode() + body)
                answers[is_stream] = await all_bytes(stream)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, True)
            tasks.start_soon(ask, False)
            await server.until(lambda: server.streaming == 2)
            assert gateway.gate.gauges.clients["completions"]() == 2
            authenticator.reconfigure(())
            authenticator.close_revoked()
        assert answers[True].startswith(b"HTTP/1.1 200 ")
        assert b"[DONE]" not in answers[True]
        assert answers[False].startswith(b"HTTP/1.1 401 ")
        await server.until(lambda: not server.streaming)
