"""What a gateway holds in memory for each principal: requests under way, and outcomes.

A request is counted when it is taken, and so is its outcome when that comes; both until nothing
holds them any more. Only new requests are refused for it: an outcome is of something that was done.

So sixty requests that are small and bring a megabyte each would be taken all, if they come before
the first is over. Therefore a request counts with what its tool has brought its owner before, until
its own outcome is there.
"""

from __future__ import annotations

FORESEEN_BYTES_MIN = 16_384
"""Of an outcome: a thousand smaller ones are no more than a principal may have in memory anyway."""

FORESEEN_MAX = 4_096
"""Tools, each of one owner, whose outcomes are remembered as large; the one longest unused goes."""

JOINED_BYTES_MAX = 2_097_152
"""Of an outcome, for those that wait for it besides: each has a row with it, and all are written at
once, for which everybody else's writes wait."""

FORGET = 16
"""With each smaller outcome, one part in so many of what is foreseen is forgotten."""


class Held:
    """Bytes by owner, and in all.

    Args:
        of_owner_max: of one owner; beyond it nothing new is taken from them.
        all_max: of all owners together.
    """

    def __init__(self, of_owner_max: int, all_max: int) -> None:
        self.of_owner_max = of_owner_max
        self.all_max = all_max
        self.total = 0
        self._of: dict[str, int] = {}
        self._foreseen: dict[tuple[str, str], int] = {}

    def of(self, owner: str) -> int:
        """Return how many bytes are held for an owner."""
        return self._of.get(owner, 0)

    def objection_to(self, owner: str, size: int) -> str:
        """Say why so many more bytes can't be held, in words for their owner; "": they can.

        Who holds nothing may always begin, whatever the others do.
        """
        own = self._of.get(owner, 0)
        if not own:
            return ""
        if own + size > self.of_owner_max:
            return (
                f"requests and outcomes of {own:,} bytes wait in memory for you, and "
                f"{self.of_owner_max:,} may: take outcomes, or wait for what runs"
            )
        if self.total + size > self.all_max:
            return f"requests and outcomes of {self.total:,} bytes wait in memory for all"
        return ""

    def foreseen(self, owner: str, tool: str) -> int:
        """Return how many bytes an outcome of a tool is likely to have; 0: not many."""
        return self._foreseen.get((owner, tool), 0)

    def joined_max(self, owner: str, tool: str) -> int:
        """Return how many requests may wait for the outcome of another one of a tool."""
        return JOINED_BYTES_MAX // max(self.foreseen(owner, tool), 1)

    def learn(self, owner: str, tool: str, size: int) -> None:
        """A tool has brought so many bytes: at once that much is foreseen, and less bit by bit."""
        before = self._foreseen.pop((owner, tool), 0)
        size = max(size, before - before // FORGET)
        if size < FORESEEN_BYTES_MIN:
            return
        if len(self._foreseen) >= FORESEEN_MAX:
            del self._foreseen[next(iter(self._foreseen))]
        self._foreseen[owner, tool] = size

    def add(self, owner: str, size: int) -> None:
        """Hold so many more bytes for an owner; fewer, where the size is negative."""
        left = self._of.get(owner, 0) + size
        self.total += size
        if left:
            self._of[owner] = left
        else:
            self._of.pop(owner, None)
