"""The stand-in for models, asked by the vendors' own SDKs: it answers as the vendors do."""

from __future__ import annotations

from typing import Any

import anthropic
import anyio
import httpx2
import openai
import pytest

from agentgate_cli.standins.models import Fail, ModelServer, Reply, Say, Stall, Think, Use
from agentgate_proto.models.anthropic import VERSION

pytestmark = pytest.mark.anyio

BOUND_S = 30.0
ON_ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""The SDKs leave generators to the garbage collector, of which trio complains."""

KEY = "sk-test-0123456789"
MESSAGES: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "Grüße"}]}]
CHAT: list[Any] = [{"role": "user", "content": "Grüße"}]
STEPS = (Think("Hm"), Say("Grü"), Say("ße"), Use("look", {"a": 1}, id="c1"), Use("wait"))


@ON_ASYNCIO
async def test_anthropic_s_sdk_reads_a_reply() -> None:
    with anyio.fail_after(BOUND_S):
        async with (
            ModelServer(api_key=KEY) as server,
            anthropic.AsyncAnthropic(api_key=KEY, base_url=server.url) as client,
        ):
            server.replies.append(Reply(*STEPS, output_tokens=7, chunk_bytes=5))
            async with client.messages.stream(
                model="m-1", max_tokens=9, messages=MESSAGES
            ) as stream:
                message = await stream.get_final_message()
            server.tokens = 37
            counted = await client.messages.count_tokens(model="m-1", messages=MESSAGES)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    said = message.to_dict()["content"]
    assert isinstance(said, list)
    assert (said[0]["thinking"], said[0]["signature"]) == ("Hm", "signed")
    assert said[1]["text"] == "Grüße"
    assert (said[2]["id"], said[2]["name"], said[2]["input"]) == ("c1", "look", {"a": 1})
    assert (said[3]["name"], said[3]["input"]) == ("wait", {})
    assert (message.stop_reason, message.model) == ("tool_use", "m-1")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 7)
    assert counted.input_tokens == 37


@ON_ASYNCIO
async def test_openai_s_sdk_reads_a_reply() -> None:
    with anyio.fail_after(BOUND_S):
        async with (
            ModelServer(api_key=KEY) as server,
            openai.AsyncOpenAI(api_key=KEY, base_url=server.openai_url) as client,
        ):
            server.replies.append(Reply(*STEPS, output_tokens=7, chunk_bytes=5))
            async with client.chat.completions.stream(
                model="m-1", messages=CHAT, stream_options={"include_usage": True}
            ) as stream:
                completion = await stream.get_final_completion()
    choice = completion.choices[0]
    assert (choice.finish_reason, completion.model) == ("tool_calls", "m-1")
    assert choice.message.content == "Grüße"
    calls = choice.message.tool_calls or []
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        ("c1", "look", '{"a":1}'),
        ("call_1", "wait", ""),
    ]
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (10, 7)


@ON_ASYNCIO
async def test_their_errors_are_the_vendors_errors() -> None:
    with anyio.fail_after(BOUND_S):
        async with ModelServer(api_key=KEY) as server:
            server.replies.append(Reply(Fail("rate_limit_error", "Slow"), status=429))
            server.replies.append(Reply(status=529, retry_after="3"))
            server.replies.append(Reply(Say("a"), Fail("overloaded_error", "Full")))
            async with anthropic.AsyncAnthropic(
                api_key=KEY, base_url=server.url, max_retries=0
            ) as client:

                async def ask() -> None:
                    async with client.messages.stream(
                        model="m", max_tokens=1, messages=MESSAGES
                    ) as stream:
                        await stream.get_final_message()

                with pytest.raises(anthropic.RateLimitError, match="Slow"):
                    await ask()
                with pytest.raises(anthropic.APIStatusError) as caught:
                    await ask()
                assert caught.value.response.headers["retry-after"] == "3"
                with pytest.raises(anthropic.APIStatusError, match="Full"):
                    await ask()


async def asked(server: ModelServer, path: str, body: Any, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=server.url) as client:
        return await client.post(path, json=body, headers={"x-api-key": KEY, **headers})


def chat(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"model": "m", "stream": True, "messages": list(messages), **members}


ASK = {"role": "user", "content": "x"}
CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f"}}]}
BLOCK = {"type": "text", "text": "x"}
ASK_BLOCKS = {"role": "user", "content": [BLOCK]}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1"}]}


@pytest.mark.parametrize(
    ("path", "body", "flaw"),
    [
        ("/v1/chat/completions", chat(ASK, stream=False), "only streams"),
        ("/v1/chat/completions", chat(), "at least one message"),
        ("/v1/chat/completions", chat(ASK, CALL), "no pairs"),
        ("/v1/chat/completions", chat(ASK, CALL, ASK), "no pairs"),
        (
            "/v1/chat/completions",
            chat(ASK, CALL, {"role": "tool", "tool_call_id": "c2", "content": ""}),
            "no pairs",
        ),
        ("/v1/messages", chat(ASK_BLOCKS), "max_tokens"),
        ("/v1/messages", chat(ASK_BLOCKS, ASK_BLOCKS, max_tokens=1), "alternate"),
        ("/v1/messages", chat(ASK_BLOCKS, USE, max_tokens=1), "no pairs"),
        ("/v1/messages", chat(ASK_BLOCKS, USE, ASK_BLOCKS, max_tokens=1), "no pairs"),
        ("/v1/messages", chat(RESULT, max_tokens=1), "no pairs"),
        ("/v1/messages", chat(ASK_BLOCKS, max_tokens=1, temperature=0), "temperature"),
    ],
)
async def test_it_refuses_what_the_vendors_refuse(path: str, body: Any, flaw: str) -> None:
    with anyio.fail_after(BOUND_S):
        async with ModelServer(api_key=KEY) as server:
            response = await asked(server, path, body, **{"anthropic-version": VERSION})
    assert response.status_code == 400
    assert flaw in response.json()["error"]["message"]


async def test_it_takes_whole_pairs_and_says_what_was_said_last() -> None:
    with anyio.fail_after(BOUND_S):
        async with ModelServer() as server:
            body = chat(ASK_BLOCKS, USE, RESULT, max_tokens=1)
            response = await asked(server, "/v1/messages", body)
            assert response.status_code == 200
            assert '" x"' in response.text
            done = {"role": "tool", "tool_call_id": "c1", "content": ""}
            response = await asked(server, "/v1/chat/completions", chat(ASK, CALL, done))
            assert response.text.endswith("data: [DONE]\n\n")
            assert [one.target for one in server.requests] == [
                "/v1/messages",
                "/v1/chat/completions",
            ]


async def test_another_key_and_another_path_are_refused() -> None:
    with anyio.fail_after(BOUND_S):
        async with ModelServer(api_key="sk-other") as server:
            assert (await asked(server, "/v1/messages", chat())).status_code == 401
            assert (await asked(server, "/v1/embeddings", {})).status_code == 404
            server.tokens = None
            counting = "/v1/messages/count_tokens"
            assert (await asked(server, counting, {})).status_code == 404


async def test_it_counts_who_leaves_a_stream() -> None:
    with anyio.fail_after(BOUND_S):
        async with ModelServer() as server:
            server.replies.append(Reply(Say("a"), Stall()))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(asked, server, "/v1/chat/completions", chat(ASK))
                await server.until(lambda: server.streaming == 1)
                tasks.cancel_scope.cancel()
            await server.until(lambda: server.left == 1)
            assert server.streaming == 0
            await asked(server, "/v1/chat/completions", chat(ASK))
            assert server.left == 1
