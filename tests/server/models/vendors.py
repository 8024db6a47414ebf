"""Models of both vendors, and a server for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from agentgate_cli.standins.models import ModelServer
from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import CallMade, Failed, ModelEvent, TextDelta
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded, ModelRequest, UserTurn
from agentgate_proto.records.usage import Usage
from agentgate_server.models.anthropic import AnthropicModel
from agentgate_server.models.openai import OpenAIModel
from agentgate_server.models.vendor import VendorModel
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret

BOUND_S = 20.0
KEY = "sk-test-0123456789"


@dataclass(frozen=True)
class Free:
    """A price list on which nothing stands."""

    version: str = ""

    def cost(self, usage: Usage, model_id: str) -> int | None:
        del usage, model_id
        return None


MADE: dict[str, type[AnthropicModel | OpenAIModel]] = {
    "anthropic": AnthropicModel,
    "openai": OpenAIModel,
}


def model_at(vendor: str, url: str = "", **options: Any) -> VendorModel:
    """A model of a vendor."""
    info = ModelInfo(
        name="test",
        model_id="m-1",
        backend=vendor,
        max_tokens=100,
        context_tokens=1_000,
        pricing=Free(),
    )
    settings: dict[str, Any] = {"masker": Masker(), "api_key": Secret(KEY), **options}
    if url:
        settings["base_url"] = url
    return MADE[vendor](info, **settings)


@asynccontextmanager
async def joined(vendor: str, **options: Any) -> AsyncIterator[tuple[ModelServer, VendorModel]]:
    """A server, and a model of it."""
    with anyio.fail_after(BOUND_S):
        async with ModelServer(api_key=KEY) as server:
            url = server.url if vendor == "anthropic" else server.openai_url
            model = model_at(vendor, url, **options)
            try:
                yield server, model
            finally:
                with anyio.CancelScope(shield=True):
                    await model.aclose()


def asked(vendor: str, text: str = "Grüße", **members: Any) -> Encoded:
    """A request with one message."""
    return encode(vendor, ModelRequest(model_id="m-1", turns=(UserTurn(text),), **members))


async def told(model: VendorModel, request: Encoded | None = None) -> list[ModelEvent]:
    """All that a model says."""
    async with aclosing(model.stream(request or asked(model.info.backend))) as events:  # type: ignore[type-var]
        return [event async for event in events]


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def calls_of(events: list[ModelEvent]) -> list[tuple[str, bytes]]:
    return [(one.name, bytes(one.args)) for one in events if isinstance(one, CallMade)]


def failed(events: list[ModelEvent]) -> Failed:
    """The failure that is the last word."""
    last = events[-1]
    assert isinstance(last, Failed), last
    return last
