"""The small table of prices is what ``python -m tests.price_table`` makes."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
from tests.price_table import TABLE, compare, made, rendered

from agentgate_proto.models.prices import PriceList, PriceTable

TEXT = TABLE.read_text("utf-8")
PRICES = msgspec.json.decode(TEXT, type=PriceTable)


def test_the_table_is_what_is_made_of_the_data_that_it_names() -> None:
    if f"genai-prices {version('genai-prices')}" != PRICES.source:
        pytest.skip(f"the table was made from {PRICES.source}, which is not installed")
    assert rendered(made(datetime.fromisoformat(PRICES.version))) == TEXT


def test_no_name_stands_for_two_models_and_the_usual_ones_are_there() -> None:
    prices = PriceList(PRICES)
    assert prices.find("claude-sonnet-4.5") is not None
    assert len(PRICES.models) > 100


RECORDED = """[
 {"body": {}, "model": "claude-sonnet-4-5-20250929", "extracted": [
  {"usage": {"input_tokens": 2743, "output_tokens": 4}, "extractors": [
   {"provider_id": "anthropic", "api_flavor": "default",
    "input_price": "0.008229", "output_price": "PRICE"},
   {"provider_id": "aws", "api_flavor": "anthropic", "input_price": "1", "output_price": "1"},
   {"provider_id": "openai", "api_flavor": "responses"}]}]},
 {"body": {}, "extracted": []}]"""


@pytest.mark.parametrize(
    ("price", "as_recorded", "as_of_today"), [("0.00006", 1, 0), ("0.00001", 0, 1)]
)
def test_recorded_usages_are_compared(
    tmp_path: Path, price: str, as_recorded: int, as_of_today: int
) -> None:
    path = tmp_path / "usages.json"
    path.write_text(RECORDED.replace("PRICE", price), "utf-8")
    compared = compare(path)
    assert (compared.known, compared.differences) == (1, [])
    assert (compared.as_recorded, compared.as_of_today) == (as_recorded, as_of_today)
