"""What is the chat completions' own."""

from __future__ import annotations

import pytest
from tests.server.models.vendors import KEY, asked, joined, model_at, told

pytestmark = pytest.mark.anyio


async def test_the_key_goes_in_a_header() -> None:
    async with joined("openai") as (server, model):
        await told(model)
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "identity"


async def test_nobody_counts_tokens() -> None:
    async with joined("openai") as (server, model):
        assert await model.count(asked("openai")) is None
    assert server.requests == []


async def test_the_vendor_itself_wants_a_key() -> None:
    for url, problem in (("", "it has no api_key"), ("http://127.0.0.1:9/v1", "")):
        model = model_at("openai", url, api_key=None)
        assert model.problem() == problem
        assert model.headers() == {}
        await model.aclose()
