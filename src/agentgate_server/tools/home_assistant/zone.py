"""The zone: by which time a house lives, as Home Assistant says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from agentgate_server.errors import ToolFailed
from agentgate_server.tools.home_assistant.api import Api

HOLDS_S: Final = 3_600.0
"""For how long it holds once it is known; a house rarely moves."""


class Zone:
    """Asks for the zone of a house, and remembers it.

    Args:
        api: where to ask.
        utc: UTC seconds since 1970.
    """

    def __init__(self, api: Api, utc: Callable[[], float]) -> None:
        self.api = api
        self.utc = utc
        self._zone: tzinfo | None = None
        self._asked_at: float | None = None

    async def get(self) -> tzinfo | None:
        """Return the zone; None: Home Assistant does not say, or names one that this machine does
        not know.

        Raises:
            NotStarted, EffectUnknown: it does not answer.
        """
        now = self.utc()
        if self._asked_at is None or not 0 <= now - self._asked_at < HOLDS_S:
            try:
                self._zone = zone_of(await self.api.get("/api/config"))
            except ToolFailed:
                self._zone = None
            self._asked_at = now
        return self._zone


def zone_of(config: Any) -> tzinfo | None:
    """Return the zone of a configuration, if it tells one that this machine knows."""
    name = config.get("time_zone") if isinstance(config, dict) else None
    try:
        return ZoneInfo(name) if isinstance(name, str) else None
    except (KeyError, OSError, ValueError):
        return None
