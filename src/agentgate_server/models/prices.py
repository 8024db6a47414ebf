"""The tables of prices: the small one that comes along, and genai-prices where it is installed.

``prices.json`` has the models of the large vendors as they were on the day that it names. The rest
comes from genai-prices (extra ``prices``) as soon as it is loaded. Where that is newer than what
the small table was made from, it is asked first.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from agentgate_proto.models.prices import Found, ModelPrices, Price, PriceList, PriceTable
from agentgate_server.models.genai import GenaiPrices

TABLE: Final = Path(__file__).with_name("prices.json")

log = logging.getLogger(__name__)


class PriceBook:
    """All tables together."""

    def __init__(self) -> None:
        """Read the small table."""
        table = msgspec.json.decode(TABLE.read_bytes(), type=PriceTable)
        self._list = PriceList(table)
        self._more: GenaiPrices | None = None

    async def load(self) -> None:
        """Load the large table, if there is one; never fails. Call it once the gateway serves."""
        await anyio.to_thread.run_sync(self.load_now, abandon_on_cancel=True)

    def load_now(self) -> None:
        """Do so; it blocks."""
        try:
            more = GenaiPrices()
        except ImportError:
            return
        except Exception:
            log.warning("genai-prices is installed, but can't be loaded", exc_info=True)
            return
        self._more = more
        log.info("prices of further models: genai-prices %s", more.version)

    def find(self, model_id: str, base_url: str | None = None) -> Found | None:
        """Return the price of a model and the version of the table that has it, or None.

        Args:
            model_id: what its vendor calls it.
            base_url: where it is asked, if not at its vendor's.
        """
        small = self._list.find(model_id)
        if small is not None and not self._has_newer:
            return small, self._list.version
        large = None if self._more is None else self._more.find(model_id, base_url)
        if large is None and small is not None:
            return small, self._list.version
        return large

    def pricing(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        configured: Price | None = None,
        is_rehearsal: bool = False,
    ) -> ModelPrices:
        """Return what a model of the configuration costs, see ``ModelPrices``."""
        return ModelPrices(
            model_id,
            find=lambda name: self.find(name, base_url),
            configured=configured,
            is_rehearsal=is_rehearsal,
        )

    @property
    def _has_newer(self) -> bool:
        made_from = self._list.source.rpartition(" ")[2]
        return self._more is not None and numbers(self._more.version) > numbers(made_from)


def numbers(version: str) -> list[int]:
    """Return the numbers of a version, to be compared: 0.10 comes after 0.9."""
    return [int(part) for part in version.split(".") if part.isdecimal()]
