"""Presence: who is there, and when somebody was there last, as far as this process knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from agentgate_proto.principal import Principal
from agentgate_server.observing.observers import Observer


class Presence(Observer):
    """See the module. It knows as many names as have ever had a token while it lives.

    Args:
        utc: the clock, UTC seconds.

    Attributes:
        since: since when it is noted, UTC seconds.
        connections: how many each has, by name; conversations with faces among them.
    """

    def __init__(self, utc: Callable[[], float]) -> None:
        self.since = utc()
        self.connections: Counter[str] = Counter()
        self._utc = utc
        self._seen: dict[str, float] = {}

    def connected(self, principal: Principal, address: str) -> None:
        """See :class:`Observer`."""
        self.connections[principal.name] += 1
        self._seen[principal.name] = self._utc()

    def disconnected(self, principal: Principal, code: int) -> None:
        """See :class:`Observer`."""
        self.connections[principal.name] -= 1
        self._seen[principal.name] = self._utc()

    def noted(self, name: str) -> None:
        """Somebody has given a good token, perhaps with a single request of plain HTTP."""
        self._seen[name] = self._utc()

    def last_seen(self, name: str) -> float:
        """When somebody was there last, UTC seconds; 0: not while this process lives."""
        return self._utc() if self.connections[name] > 0 else self._seen.get(name, 0.0)

    def keep_only(self, names: set[str]) -> None:
        """Forget everybody else who is not there."""
        for name in [each for each in self._seen if each not in names]:
            if self.connections[name] <= 0:
                del self._seen[name], self.connections[name]
