"""The tables of prices: the small one, and all of genai-prices once it is loaded."""

from __future__ import annotations

import logging
import sys

import pytest

from agentgate_proto.models.prices import Found, Price
from agentgate_proto.records.usage import Usage
from agentgate_server.models import prices
from agentgate_server.models.genai import GenaiPrices
from agentgate_server.models.prices import PriceBook

pytestmark = pytest.mark.anyio

ONLY_THERE = "claude-3-opus-latest"
"""A model that genai-prices knows, and that nobody would begin with today."""


@pytest.mark.parametrize(
    "name", ["claude-sonnet-4.5", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"]
)
def test_the_base_install_knows_the_model_of_the_seeds(name: str) -> None:
    pricing = PriceBook().pricing(name)
    assert pricing.cost(Usage(input=100_000, output=10_000), "") == 450_000
    assert pricing.cost(Usage(input=1_000_000), "") == 6_000_000
    assert pricing.version[:2] == "20"


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-5.5",
        "gpt-6.1-sol",
        "gpt-5-mini",
        "gemini-2.5-pro",
        "mistral-large-latest",
        "deepseek-chat",
        "grok-4",
        "llama-3.3-70b-versatile",
        "kimi-k3",
    ],
)
def test_the_base_install_knows_models_of_all_large_vendors(name: str) -> None:
    assert PriceBook().find(name) is not None


async def test_the_rest_is_known_once_it_is_loaded(caplog: pytest.LogCaptureFixture) -> None:
    book = PriceBook()
    pricing = book.pricing(ONLY_THERE)
    assert (pricing.cost(Usage(input=1), ""), pricing.version) == (None, "")
    with caplog.at_level(logging.INFO):
        await book.load()
    assert pricing.cost(Usage(input=1_000_000), "") == 15_000_000
    assert pricing.version.startswith("genai-prices ")
    assert "prices of further models" in caplog.text
    assert book.find("mystery") is None


async def test_what_both_know_comes_from_the_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(self: GenaiPrices, model_id: str, base_url: str | None = None) -> Found | None:
        return (Price(input=1, output=1), "theirs") if model_id == "claude-sonnet-4-5" else None

    monkeypatch.setattr(GenaiPrices, "find", found)

    async def version(of_theirs: str) -> str:
        book = PriceBook()
        monkeypatch.setattr(GenaiPrices, "version", of_theirs, raising=False)
        monkeypatch.setattr(GenaiPrices, "__init__", lambda self: None)
        await book.load()
        assert book.find("gpt-5-mini") is not None, (
            "of what it does not know the small one is asked"
        )
        got = book.find("claude-sonnet-4-5")
        assert got is not None
        return got[1]

    assert await version("0.0.1") != "theirs"
    assert await version("0.999.0") == "theirs"


async def test_without_the_extra_there_is_the_small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    book = PriceBook()
    await book.load()
    assert book.find(ONLY_THERE) is None
    assert book.find("claude-sonnet-4.5") is not None


async def test_what_can_t_be_loaded_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> GenaiPrices:
        raise RuntimeError("broken")

    monkeypatch.setattr(prices, "GenaiPrices", broken)
    book = PriceBook()
    await book.load()
    assert "can't be loaded" in caplog.text
    assert book.find("claude-sonnet-4.5") is not None


def test_where_a_model_is_asked_may_matter() -> None:
    book = PriceBook()
    pricing = book.pricing("rehearsal", base_url="http://127.0.0.1:1", is_rehearsal=True)
    assert pricing.cost(Usage(input=5), "") == 0
    own = book.pricing("claude-sonnet-4.5", configured=Price(input=10**6, output=0))
    assert own.cost(Usage(input=5), "") == 5


def test_versions_are_compared_by_their_numbers() -> None:
    assert prices.numbers("0.10.2") > prices.numbers("0.9.13")
    assert prices.numbers("1.0.dev3") == [1, 0]
