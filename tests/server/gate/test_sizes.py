"""What is asked for too often, or is too large, is refused before it makes work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.server.embedded import RawClient, config, raw_client, until

from agentgate_client import ErrorCode
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.rpc.jsonrpc import ErrorObject
from agentgate_proto.rpc.messages import ListTools, ToolRequest
from agentgate_server import tool
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

POLICY = 'defaults: [{pattern: "*", action: allow}]'


@tool(effects="read", inline=True)
def echo(text: Any) -> int:
    return len(text)


@tool(effects="read", inline=True, args_bytes_max=200_000)
def document(text: str) -> int:
    return len(text)


@tool(effects="write")
def asked(text: str) -> str:
    return text


async def said(client: RawClient, request_id: int, name: str, **args: Any) -> ErrorObject | None:
    """Ask, and return the error, or None."""
    await client.request(request_id, "tool_request", ToolRequest(tool=name, args=args))
    answered = await client.next(Answered)
    assert answered.id == request_id
    return answered.error


def gateway_of(folder: Path, **changes: Any) -> Gateway:
    return Gateway(
        config(folder, **changes), tools=[echo, document, asked], policy=Policy.parse(POLICY)
    )


async def test_large_arguments_are_for_tools_that_take_them(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        assert await said(client, 1, "echo", text="x" * 65_000) is None
        error = await said(client, 2, "echo", text="x" * 66_000)
        assert error is not None
        assert error.code == ErrorCode.INVALID_PARAMS
        assert "the arguments have 66,011 bytes as JSON, and echo takes 65,536" in error.message
        assert "args_bytes_max" in error.message
        assert await said(client, 3, "document", text="x" * 190_000) is None
        error = await said(client, 4, "document", text="x" * 200_000)
        assert error is not None
        assert "document takes 200,000" in error.message
        assert await said(client, 5, "echo", text="x") is None, "the connection stands"


async def test_more_than_any_tool_takes_is_not_even_read(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        error = await said(client, 1, "nobody_has_this", text="x" * 900_000)
        assert error is not None
        assert error.code == ErrorCode.INVALID_PARAMS
        assert "bytes are more than any tool here takes" in error.message


async def test_many_small_values_are_too_many_for_every_tool(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        assert await said(client, 1, "echo", text=[1] * 4_900) is None
        error = await said(client, 2, "echo", text={f"k{n}": n for n in range(2_600)})
        assert error is not None
        assert "more than 5,000 keys and values" in error.message


async def test_the_rate_is_asked_before_the_tool_and_in_bytes_too(tmp_path: Path) -> None:
    limits = {"max_requests_per_minute": 20, "max_request_bytes_per_minute": 1_048_576}
    tools = {"args_bytes_max": 1_000_000}
    async with (
        gateway_of(tmp_path, rate_limit=limits, tools=tools) as gateway,
        raw_client(gateway) as client,
    ):
        await client.next(Authenticated)
        assert await said(client, 1, "echo", text="x" * 900_000) is None
        error = await said(client, 2, "echo", text="x" * 900_000)
        assert error is not None
        assert error.code == ErrorCode.LIMIT_EXCEEDED
        assert "requests of more than 1,048,576 bytes a minute" in error.message
        assert error.data["retry_after_s"] > 1.0
        for number in range(3, 22):
            error = await said(client, number, "there_is_no_such_tool")
            assert error is not None
            assert error.code == ErrorCode.TOOL_FAILED
        error = await said(client, 22, "there_is_no_such_tool")
        assert error is not None
        assert "more than 20 requests a minute" in error.message


async def test_who_asks_again_for_what_waits_is_not_told_to_wait(tmp_path: Path) -> None:
    policy = Policy.parse('defaults: [{pattern: "*", action: ask}]')
    settings = config(tmp_path, rate_limit={"max_requests_per_minute": 1})
    async with Gateway(settings, tools=[asked], policy=policy) as gateway:
        params = ToolRequest(tool="asked", args={"text": "x"})
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            await client.request(1, "tool_request", params)
            await until(lambda: len(gateway.gate.desk.waiting()) == 1, "the approval")
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            await client.request(1, "tool_request", params)
            error = await said(client, 2, "asked", text="y")
            assert error is not None
            assert error.code == ErrorCode.LIMIT_EXCEEDED
            assert len(gateway.gate.desk.waiting()) == 1


@dataclass
class Lamp:
    colour: str = "x" * 100


@tool(effects="read", inline=True)
def light(lamps: list[Lamp]) -> int:
    return len(lamps)


async def test_what_grows_by_its_defaults_is_measured_with_them(tmp_path: Path) -> None:
    whole = Gateway(config(tmp_path), tools=[light], policy=Policy.parse(POLICY))
    async with whole as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        assert await said(client, 1, "light", lamps=[{}] * 300) is None
        error = await said(client, 2, "light", lamps=[{}] * 700)
        assert error is not None
        assert "with defaults the arguments have 79,811 bytes as JSON" in error.message


async def test_lists_of_tools_count_against_the_rate_of_whoever_wants_them(tmp_path: Path) -> None:
    limits = {"max_requests_per_minute": 2}
    async with gateway_of(tmp_path, rate_limit=limits) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number, code in ((1, None), (2, None), (3, ErrorCode.LIMIT_EXCEEDED)):
            await client.request(number, "list_tools", ListTools())
            answered = await client.next(Answered)
            assert (answered.error and answered.error.code) == code


async def test_what_is_too_large_for_any_tool_counts_all_the_same(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in range(1, 40):
            error = await said(client, number, "echo", text="x" * 900_000)
            assert error is not None
            assert "more than any tool here takes" in error.message
        error = await said(client, 40, "echo", text="x")
        assert error is not None
        assert error.code == ErrorCode.LIMIT_EXCEEDED
        assert "bytes a minute" in error.message
        assert 0 < error.data["retry_after_s"] <= 61
