"""What is Anthropic's own."""

from __future__ import annotations

import anyio
import msgspec
import pytest
from tests.server.models.vendors import BOUND_S, KEY, asked, joined, model_at, told

from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, HttpServer, json_response
from agentgate_proto.models.anthropic import VERSION

pytestmark = pytest.mark.anyio


async def test_the_key_and_the_version_go_in_headers() -> None:
    async with joined("anthropic") as (server, model):
        await told(model)
    headers = server.requests[0].headers
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == VERSION
    assert headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "identity"


async def test_a_base_url_with_its_version_is_the_same() -> None:
    async with joined("anthropic") as (server, _):
        model = model_at("anthropic", f"{server.url}/v1/")
        await told(model)
        await model.aclose()
    assert server.requests[0].target == "/v1/messages"


async def test_tokens_are_counted_by_the_vendor() -> None:
    async with joined("anthropic") as (server, model):
        server.tokens = 37
        assert await model.count(asked("anthropic")) == 37
    (request,) = server.requests
    assert request.target == "/v1/messages/count_tokens"
    assert "stream" not in msgspec.json.decode(request.body)
    assert server.bodies == []


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(status=529),
        json_response({"input_tokens": "many"}),
        json_response({"input_tokens": -1}),
        json_response([]),
        HttpResponse(body=b"[" * 10_000),
        None,
    ],
)
async def test_who_does_not_count_is_not_believed(response: HttpResponse | None) -> None:
    async def answer(_: HttpRequest) -> HttpResponse | None:
        return response

    with anyio.fail_after(BOUND_S):
        async with HttpServer(answer) as server:
            model = model_at("anthropic", server.url)
            assert await model.count(asked("anthropic")) is None
            await model.aclose()


async def test_the_vendor_itself_wants_a_key() -> None:
    for url, problem in (("", "it has no api_key"), ("http://127.0.0.1:9", "")):
        model = model_at("anthropic", url, api_key=None)
        assert model.problem() == problem
        assert "x-api-key" not in model.headers()
        await model.aclose()
