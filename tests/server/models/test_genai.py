"""Prices of genai-prices in our form."""

from __future__ import annotations

from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.types import ModelPrice, Tier, TieredPrices

from agentgate_proto.models.prices import Price, cost
from agentgate_proto.models.prices import Tier as OurTier
from agentgate_proto.records.usage import Usage
from agentgate_server.models.genai import MODEL_ID_CHARS_MAX, GenaiPrices, micros, price_of


@pytest.fixture(scope="module")
def theirs() -> GenaiPrices:
    return GenaiPrices()


@pytest.mark.parametrize(
    "model", ["claude-3-opus-latest", "claude-sonnet-4-5", "gemini-2.5-pro", "gpt-5.4", "o3-mini"]
)
@pytest.mark.parametrize("input_tokens", [0, 1, 1_000, 200_000, 200_001, 900_000])
def test_a_request_costs_what_they_say(theirs: GenaiPrices, model: str, input_tokens: int) -> None:
    found = theirs.find(model)
    assert found is not None
    price, version = found
    assert version == f"genai-prices {theirs.version}"
    read = input_tokens // 3
    used = Usage(input=input_tokens, cache_read=read, output=777)
    wanted = calc_price(
        TheirUsage(input_tokens=input_tokens, cache_read_tokens=read, output_tokens=777), model
    ).total_price
    assert 0 <= cost(used, price) - wanted * 1_000_000 < 1


@pytest.mark.parametrize(("for_5m", "for_1h"), [(0, 0), (300, 0), (0, 200), (300, 200)])
def test_what_goes_to_the_cache_costs_what_they_say(
    theirs: GenaiPrices, for_5m: int, for_1h: int
) -> None:
    found = theirs.find("claude-opus-4-5")
    assert found is not None
    used = Usage(input=1_000, cache_write=for_5m, cache_write_1h=for_1h)
    usage = TheirUsage(
        input_tokens=1_000, cache_write_tokens=for_5m + for_1h, cache_write_1h_tokens=for_1h
    )
    wanted = calc_price(usage, "claude-opus-4-5").total_price
    assert cost(used, found[0]) == wanted * 1_000_000


@pytest.mark.parametrize("name", ["claude-sonnet-9", "gpt-5-weird", "", "x" * 10_000])
def test_what_they_do_not_know_is_not_guessed(theirs: GenaiPrices, name: str) -> None:
    assert theirs.find(name) is None


def test_where_a_model_is_asked_decides_and_an_address_of_nobody_does_not(
    theirs: GenaiPrices,
) -> None:
    groq = theirs.find("openai/gpt-oss-20b", "https://api.groq.com/openai/v1")
    assert groq is not None
    assert groq[0].input == 75_000
    local = theirs.find("claude-sonnet-4-5", "http://127.0.0.1:8080")
    assert local == theirs.find("claude-sonnet-4-5")


def test_a_name_may_be_as_long_as_names_are(theirs: GenaiPrices) -> None:
    assert theirs.find("claude-3-opus-".ljust(MODEL_ID_CHARS_MAX, "9")) is not None


def test_what_is_not_for_texts_has_no_price_of_ours() -> None:
    assert price_of(ModelPrice(input_mtok=Decimal(1))) is None
    assert price_of(ModelPrice(output_mtok=Decimal(1))) is None


def test_tiers_of_single_kinds_become_tiers_of_all() -> None:
    tiered = TieredPrices(base=Decimal(1), tiers=[Tier(10, Decimal(2)), Tier(20, Decimal(3))])
    other = TieredPrices(base=Decimal(5), tiers=[Tier(20, Decimal(6))])
    price = price_of(ModelPrice(input_mtok=tiered, output_mtok=other, cache_read_mtok=Decimal(0)))
    assert price == Price(
        input=1_000_000,
        output=5_000_000,
        cache_read=0,
        tiers=(
            OurTier(above=10, input=2_000_000, output=5_000_000, cache_read=0),
            OurTier(above=20, input=3_000_000, output=6_000_000, cache_read=0),
        ),
    )


def test_what_is_finer_than_a_micro_dollar_is_rounded_up() -> None:
    assert micros(Decimal("0.0000001"), 0) == 1
    assert micros(None, 0) is None
