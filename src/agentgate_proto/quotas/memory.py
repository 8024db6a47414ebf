"""Memory: when a gateway has taken too much of it, and when it has given enough back.

Above the bound new requests of agents are refused, who has not said who they are goes, and whoever
reads least; people go on. A bound that is left at once would be crossed again at once, so enough is
what is well below it.
"""

from __future__ import annotations

ENOUGH = 0.9
"""Of the bound: below it, it is over."""

OF_ALL = 0.75
"""Of the machine's memory, or of what the container may have: the rest is for the disk's cache, and
for what comes between two looks."""

AGAIN_S = 5.0
"""For how long an agent is told to wait."""


class Memory:
    """See the module.

    Args:
        bytes_max: the bound; 0: there is none.

    Attributes:
        bytes_max: as given.
        used: bytes, at the last look.
        is_short: there is too little.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.used = 0
        self.is_short = False

    def measured(self, used: int) -> bool:
        """Take note of the bytes that are used now; return whether to make room."""
        self.used = used
        if used >= self.bytes_max > 0:
            self.is_short = True
        elif used < self.bytes_max * ENOUGH:
            self.is_short = False
        return self.is_short

    @property
    def problem(self) -> str:
        """What is wrong, in words, or ""."""
        if not self.is_short:
            return ""
        mib = self.used >> 20, self.bytes_max >> 20
        return "the gateway is short of memory: {} MiB of {} (gateway.memory_max)".format(*mib)
