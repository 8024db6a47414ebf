"""Prices of two thousand models, from genai-prices, where that is installed.

Importing it takes a good half second and 30 MB, so nothing here imports it before it is wanted, and
then in a thread. Its own thread that fetches prices from the network is not used: a gateway calls
nobody whom its configuration does not name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from agentgate_proto.models.prices import Found, Price, Tier
from agentgate_proto.records.usage import MICROS

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

MODEL_ID_CHARS_MAX = 256
"""Longer names are nobody's: models may be named by whoever answers."""

FOUND_MAX = 1_000
"""Models whose prices are remembered: more than a configuration has."""

KINDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


class GenaiPrices:
    """All that genai-prices knows.

    Attributes:
        version: of the package; its prices are as old.
    """

    def __init__(self) -> None:
        """Import it.

        Raises:
            ImportError: it is not installed.
        """
        from genai_prices import Usage, __version__, calc_price

        self.version = __version__
        self._usage = Usage(input_tokens=0, output_tokens=0)
        self._calc_price: Callable[..., Any] = calc_price
        self._find = lru_cache(FOUND_MAX)(self._look_up)

    def find(self, model_id: str, base_url: str | None = None) -> Found | None:
        """Return the price of a model, or None.

        Args:
            model_id: what its vendor calls it.
            base_url: where it is asked; the same model may cost more elsewhere.
        """
        if len(model_id) > MODEL_ID_CHARS_MAX:
            return None
        price = self._find(model_id, base_url, datetime.now(UTC).date())
        return None if price is None else (price, f"genai-prices {self.version}")

    def _look_up(self, model_id: str, base_url: str | None, day: date) -> Price | None:
        # Prices change with the day; one that changes with the hour is looked up once a day.
        for url in dict.fromkeys((base_url, None)):
            try:
                found = self._calc_price(self._usage, model_id, provider_api_url=url)
            except (LookupError, ValueError):
                continue
            return price_of(found.model_price)
        return None


def price_of(price: ModelPrice) -> Price | None:
    """Return a price in our form; None: it is not one of texts.

    What pictures, sounds and searches cost is not in it: sessions have none.
    """
    by_kind = {kind: getattr(price, f"{kind}_mtok") for kind in KINDS}
    if by_kind["input"] is None or by_kind["output"] is None:
        return None
    starts = {tier.start for each in by_kind.values() for tier in getattr(each, "tiers", ())}

    def rates(input_tokens: int) -> dict[str, int | None]:
        return {kind: micros(each, input_tokens) for kind, each in by_kind.items()}

    tiers = [msgspec.convert({"above": at, **rates(at + 1)}, Tier) for at in sorted(starts)]
    return msgspec.convert({**rates(0), "tiers": tiers}, Price)


def micros(price: Any, input_tokens: int) -> int | None:
    """Return what a million tokens of a request cost that reads so many, rounded up.

    Args:
        price: a ``Decimal`` in dollars, ``TieredPrices`` of them, or None.
        input_tokens: what the request reads.
    """
    if price is None:
        return None
    if not isinstance(price, Decimal):
        reached = [price.base, *(tier.price for tier in price.tiers if input_tokens > tier.start)]
        price = reached[-1]
    return int((price * MICROS).to_integral_value(ROUND_CEILING))
