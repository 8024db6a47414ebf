"""What requests cost: whole numbers, tiers, names of models, and which price counts."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.models.answer import TOKENS_MAX
from agentgate_proto.models.info import Pricing
from agentgate_proto.models.prices import (
    CONFIG_VERSION,
    FREE,
    FREE_VERSION,
    Found,
    ModelPrices,
    Price,
    PricedModel,
    PriceList,
    PriceTable,
    Tier,
    cost,
    key_of,
    micros_per_million,
)
from agentgate_proto.records.usage import Usage

SONNET = PricedModel(
    id="claude-sonnet-4-5",
    also=("claude-4-5-sonnet",),
    input=3_000_000,
    output=15_000_000,
    cache_read=300_000,
    cache_write=3_750_000,
    cache_write_1h=6_000_000,
    tiers=(
        Tier(
            above=200_000,
            input=6_000_000,
            output=22_500_000,
            cache_read=600_000,
            cache_write=7_500_000,
            cache_write_1h=12_000_000,
        ),
    ),
)
OLD = PricedModel(id="gpt-4o-2024-05-13", input=5_000_000, output=15_000_000)
NEW = PricedModel(id="gpt-4o", input=2_500_000, output=10_000_000)
TABLE = PriceTable(version="2026-11-29", source="by hand", models=(SONNET, OLD, NEW))
PRICES = PriceList(TABLE)


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (Usage(), 0),
        (Usage(input=1), 3),
        (Usage(output=1), 15),
        (Usage(input=1, cache_read=1), 1),
        (Usage(input=10, cache_read=10), 3),
        (Usage(input=1_000_000 // 5, output=1_000), 615_000),
        (Usage(input=1_000_000), 6_000_000),
        (Usage(input=200_000), 600_000),
        (Usage(input=200_001), 1_200_006),
        (Usage(input=200_001, output=2), 1_200_051),
        (Usage(input=100, cache_read=40, cache_write=30, cache_write_1h=20), 275),
        (Usage(input=5, cache_read=10), 3),
        (Usage(input=1, output=1, thinking=1), 18),
    ],
)
def test_a_request_costs_its_tokens_each_at_its_price_rounded_up(usage: Usage, micros: int) -> None:
    assert cost(usage, SONNET) == micros


def test_cache_costs_as_much_as_input_where_nothing_else_is_said() -> None:
    plain = Price(input=2_000_000, output=0)
    used = Usage(input=100, cache_read=10, cache_write=20, cache_write_1h=30)
    assert cost(used, plain) == 200
    assert cost(used, Price(input=2_000_000, output=0, cache_write=4_000_000)) == 300


def test_the_highest_tier_that_is_reached_counts_for_all_tokens() -> None:
    tiers = (Tier(above=10, input=2_000_000, output=0), Tier(above=20, input=3_000_000, output=0))
    price = Price(input=1_000_000, output=0, tiers=tiers)
    assert [cost(Usage(input=size), price) for size in (10, 11, 20, 21)] == [10, 22, 40, 63]


counts = st.integers(0, 10**9)
rates = st.integers(0, 10**9)


@quick
@given(counts, counts, counts, counts, counts, rates, rates, rates)
def test_a_cost_is_the_exact_one_rounded_up(
    plain: int, read: int, write: int, write_1h: int, output: int, a: int, b: int, c: int
) -> None:
    used = Usage(
        input=plain + read + write + write_1h,
        output=output,
        cache_read=read,
        cache_write=write,
        cache_write_1h=write_1h,
    )
    price = Price(input=a, output=b, cache_read=c, cache_write=b, cache_write_1h=a)
    exact = Fraction(plain * a + read * c + write * b + write_1h * a + output * b, 10**6)
    assert 0 <= cost(used, price) - exact < 1


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-sonnet-4-5", SONNET),
        ("claude-sonnet-4.5", SONNET),
        ("Claude-Sonnet-4.5 ", SONNET),
        ("claude-sonnet-4-5-20250929", SONNET),
        ("claude-sonnet-4-5@20250929", SONNET),
        ("claude-sonnet-4.5-2025-09-29", SONNET),
        ("claude-4.5-sonnet", SONNET),
        ("claude-sonnet-4-5-20259", None),
        ("claude-sonnet-9", None),
        ("claude-sonnet", None),
        ("anthropic/claude-sonnet-4.5", None),
        ("gpt-4o", NEW),
        ("gpt-4o-2024-11-20", NEW),
        ("gpt-4o-2024-05-13", OLD),
        ("gpt-4o-mini", None),
        ("", None),
    ],
)
def test_a_model_is_found_by_its_names_and_none_is_guessed(
    name: str, model: PricedModel | None
) -> None:
    assert PRICES.find(name) == model


def test_a_name_of_two_models_is_a_mistake_of_the_table() -> None:
    twice = msgspec.structs.replace(NEW, id="gpt-4.o")
    other = msgspec.structs.replace(NEW, id="x", also=("GPT-4-o",))
    with pytest.raises(ValueError, match="two prices for 'gpt-4-o'"):
        PriceList(PriceTable(version="", source="", models=(twice, other)))
    once = msgspec.structs.replace(NEW, also=("GPT-4o",))
    assert PriceList(PriceTable(version="1", source="s", models=(once,))).find("gpt-4o") == once


def test_a_table_survives_a_trip_through_json() -> None:
    data = msgspec.json.encode(TABLE)
    assert msgspec.json.decode(data, type=PriceTable) == TABLE
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(data.replace(b"15000000", b"-1"), type=PriceTable)


def test_names_are_the_same_in_all_spellings() -> None:
    assert key_of(" Gemini-2.5@Flash ") == "gemini-2-5-flash"


def test_dollars_are_read_to_the_micro_dollar() -> None:
    assert [micros_per_million(each) for each in (3.0, 0.1, 0.075, 0.0000004, 0)] == [
        3_000_000,
        100_000,
        75_000,
        0,
        0,
    ]


# Which price counts


def find(model_id: str) -> Found | None:
    price = PRICES.find(model_id)
    return None if price is None else (price, PRICES.version)


def told(pricing: Pricing, answered: str = "") -> tuple[int | None, str]:
    return pricing.cost(Usage(input=1_000_000), answered), pricing.version


def test_a_model_costs_what_the_table_says() -> None:
    assert told(ModelPrices("claude-sonnet-4.5", find=find)) == (6_000_000, "2026-11-29")


def test_what_nobody_knows_has_no_cost() -> None:
    assert told(ModelPrices("mystery", find=find)) == (None, "")


def test_the_model_that_answered_counts_if_a_table_knows_it() -> None:
    asked = ModelPrices("claude-sonnet-4.5", find=find)
    assert told(asked, "gpt-4o")[0] == 2_500_000
    assert told(asked, "mystery-2")[0] == 6_000_000
    assert told(ModelPrices("mystery", find=find), "gpt-4o-2024-05-13")[0] == 5_000_000


def test_a_price_of_the_configuration_always_counts() -> None:
    own = Price(input=1, output=0)
    for model_id in ("claude-sonnet-4.5", "mystery"):
        pricing = ModelPrices(model_id, find=find, configured=own)
        assert told(pricing, "gpt-4o") == (1, CONFIG_VERSION)


def test_a_rehearsal_costs_what_the_model_would_that_it_plays_and_else_nothing() -> None:
    played = ModelPrices("claude-sonnet-4.5", find=find, is_rehearsal=True)
    assert told(played) == (6_000_000, "2026-11-29")
    assert told(ModelPrices("rehearsal", find=find, is_rehearsal=True)) == (0, FREE_VERSION)
    assert cost(Usage(input=10**9, output=10**9), FREE) == 0


def test_a_table_that_comes_later_is_heard() -> None:
    later: dict[str, Found] = {}
    pricing = ModelPrices("mystery", find=later.get)
    assert told(pricing) == (None, "")
    later["mystery"] = Price(input=7, output=0), "late"
    assert told(pricing) == (7, "late")


def test_the_dearest_request_that_a_vendor_can_claim_can_be_stored() -> None:
    most = Price(
        input=micros_per_million(1_000_000),
        output=micros_per_million(1_000_000),
    )
    claimed = Usage(
        input=3 * TOKENS_MAX,
        output=TOKENS_MAX,
        cache_read=TOKENS_MAX,
        cache_write=TOKENS_MAX,
        cache_write_1h=TOKENS_MAX,
    )
    assert cost(claimed, most) < 2**63  # more is no integer of SQLite
