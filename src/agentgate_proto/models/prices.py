"""What model requests cost: prices, a table of them, and which of them counts for a model.

Money is an integer of micro-dollars (see ``records.usage``). A price is that of a million tokens,
so $3 is 3,000,000, and what a request costs is a sum of whole numbers, divided once and rounded up.
It is calculated for each request by itself: some vendors take more for all tokens of a request that
reads much, so the price of a sum is not the sum of the prices.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agentgate_proto.records.usage import MICROS, Usage

CONFIG_VERSION: Final = "config"
"""What a price that the configuration names calls its table."""

FREE_VERSION: Final = "free"
"""What the price of a model that costs nothing calls its table."""

Micros = Annotated[int, Meta(ge=0)]


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Micro-dollars for a million tokens.

    Attributes:
        input: of what it reads.
        output: of what it writes, thinking included.
        cache_read: of what it reads from the cache; None: as ``input``.
        cache_write: of what goes to the cache for five minutes; None: as ``input``.
        cache_write_1h: of what goes there for an hour; None: as ``cache_write``.
    """

    input: Micros
    output: Micros
    cache_read: Micros | None = None
    cache_write: Micros | None = None
    cache_write_1h: Micros | None = None


class Tier(Rates, frozen=True, kw_only=True, omit_defaults=True):
    """What all tokens of a request cost that reads more than so many.

    Attributes:
        above: tokens of input, with what came from the cache and went to it.
    """

    above: Micros


class Price(Rates, frozen=True, kw_only=True, omit_defaults=True):
    """What a model costs.

    Attributes:
        tiers: what larger requests cost, from the smallest to the largest.
    """

    tiers: tuple[Tier, ...] = ()

    def rates(self, input_tokens: int) -> Rates:
        """Return what the tokens of a request cost that reads so many."""
        found: Rates = self
        for tier in self.tiers:
            if input_tokens > tier.above:
                found = tier
        return found


FREE: Final = Price(input=0, output=0)


def cost(usage: Usage, price: Price) -> int:
    """Return what one request costs, in micro-dollars, rounded up.

    Vendors have been seen to report more tokens of the cache than of input; none is counted below
    zero then.
    """
    rates = price.rates(usage.input)
    write = rates.input if rates.cache_write is None else rates.cache_write
    write_1h = write if rates.cache_write_1h is None else rates.cache_write_1h
    read = rates.input if rates.cache_read is None else rates.cache_read
    plain = max(0, usage.input - usage.cache_read - usage.cache_write - usage.cache_write_1h)
    total = (
        plain * rates.input
        + usage.cache_read * read
        + usage.cache_write * write
        + usage.cache_write_1h * write_1h
        + usage.output * rates.output
    )
    return -(-total // MICROS)


def micros_per_million(dollars: float) -> int:
    """Return dollars for a million tokens, as the configuration has them, in micro-dollars."""
    return round(dollars * MICROS)


class PricedModel(Price, frozen=True, kw_only=True, omit_defaults=True):
    """A row of a table.

    Attributes:
        id: what its vendor calls it.
        also: other names of it.
    """

    id: str
    also: tuple[str, ...] = ()


class PriceTable(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of models, as they were on a day.

    Attributes:
        version: the day, ``2026-11-29``.
        source: what it was made from.
        models: in any order.
    """

    version: str
    source: str
    models: tuple[PricedModel, ...]


DATED = re.compile(r"-20\d\d-?\d\d-?\d\d\Z")


def key_of(model_id: str) -> str:
    """Return a model's name as tables know it: people write 4.5 and 4-5, and vendors @ and -."""
    return re.sub(r"[.@]", "-", model_id.strip().lower())


class PriceList:
    """A table in which prices are found by whatever a model is called.

    Attributes:
        version: of the table.
        source: what the table was made from.
    """

    def __init__(self, table: PriceTable) -> None:
        """Make a list.

        Raises:
            ValueError: a name stands for two models: a mistake of whoever made the table.
        """
        self.version = table.version
        self.source = table.source
        self._prices: dict[str, Price] = {}
        for model in table.models:
            for key in {key_of(name) for name in (model.id, *model.also)}:
                if key in self._prices:
                    raise ValueError(f"the table has two prices for {key!r}")
                self._prices[key] = model

    def find(self, model_id: str) -> Price | None:
        """Return the price of a model, or of the one that it is a dated version of; no guesses."""
        key = key_of(model_id)
        return self._prices.get(key) or self._prices.get(DATED.sub("", key))


Found = tuple[Price, str]
"""A price, and the version of the table that has it."""


class ModelPrices:
    """What one model of the configuration costs; see ``info.Pricing``.

    A price of the configuration always counts. Without one it is that of the model that answered,
    if it says which, and a table knows it, or else that of the model that was asked. A rehearsal
    that plays no known model is free.
    """

    def __init__(
        self,
        model_id: str,
        *,
        find: Callable[[str], Found | None],
        configured: Price | None = None,
        is_rehearsal: bool = False,
    ) -> None:
        """Say what counts.

        Args:
            model_id: what the vendor calls the model.
            find: looks a model up in the tables. May know more later.
            configured: the price in the configuration.
            is_rehearsal: nobody charges anything.
        """
        self._model_id = model_id
        self._find = find
        self._configured = configured
        self._is_rehearsal = is_rehearsal

    @property
    def version(self) -> str:
        """See ``Pricing.version``."""
        found = self._price("")
        return "" if found is None else found[1]

    def cost(self, usage: Usage, model_id: str) -> int | None:
        """See ``Pricing.cost``."""
        found = self._price(model_id)
        return None if found is None else cost(usage, found[0])

    def _price(self, answered: str) -> Found | None:
        if self._configured is not None:
            return self._configured, CONFIG_VERSION
        found = self._find(answered) if answered else None
        found = found or self._find(self._model_id)
        if found is None and self._is_rehearsal:
            return FREE, FREE_VERSION
        return found
