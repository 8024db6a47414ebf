"""What a gateway holds in memory for each principal: requests under way, and outcomes.

A request is counted when it is taken, and so is its outcome when that comes; both until nothing
holds them any more. Only new requests are refused for it: an outcome is of something that was done.
"""

from __future__ import annotations


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

    def of(self, owner: str) -> int:
        """Return how many bytes are held for an owner."""
        return self._of.get(owner, 0)

    def objection_to(self, owner: str, size: int) -> str:
        """Say why so many more bytes can't be held, in words for their owner; "": they can.

        Who holds nothing may always begin, whatever the others do.
        """
        own = self.of(owner)
        if own and own + size > self.of_owner_max:
            return (
                f"requests and outcomes of {own:,} bytes wait in memory for you, and "
                f"{self.of_owner_max:,} may: take outcomes, or wait for what runs"
            )
        if own and self.total + size > self.all_max:
            return f"requests and outcomes of {self.total:,} bytes wait in memory for all"
        return ""

    def add(self, owner: str, size: int) -> None:
        """Hold so many more bytes for an owner; fewer, where the size is negative."""
        left = self._of.get(owner, 0) + size
        self.total += size
        if left:
            self._of[owner] = left
        else:
            self._of.pop(owner, None)
