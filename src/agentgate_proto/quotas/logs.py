"""What the sessions of each principal keep in the store: bytes of their logs, and of metadata.

They are counted when they are handed to the store, and until the session goes. Beyond its part a
principal says nothing new, and its runs end before their models are asked once more. What was said
already is kept: one answer and the outcomes of its tools may go beyond.
"""

from __future__ import annotations

from collections.abc import Mapping


class Logs:
    """Bytes by principal.

    Args:
        of_principal_max: what the sessions of one principal may keep.
    """

    def __init__(self, of_principal_max: int) -> None:
        self.of_principal_max = of_principal_max
        self._of: dict[str, int] = {}

    def restore(self, kept: Mapping[str, int]) -> None:
        """Take up what a former process has counted: bytes by principal."""
        for principal, size in kept.items():
            self.add(principal, size)

    def of(self, principal: str) -> int:
        """Return how many bytes a principal's sessions keep."""
        return self._of.get(principal, 0)

    def add(self, principal: str, size: int) -> None:
        """So many bytes more are kept; fewer, where the size is negative.

        There are never fewer than none: how large a session is that goes for its age is known as
        it was when the store has found it.
        """
        kept = self.of(principal) + size
        if kept > 0:
            self._of[principal] = kept
        else:
            self._of.pop(principal, None)

    def objection_to(self, principal: str, size: int) -> str:
        """Say why so many more bytes are not kept, in words for the principal; "": they are."""
        kept, most = self.of(principal), self.of_principal_max
        if kept + size <= most:
            return ""
        return (
            f"the sessions of {principal} keep {kept:,} bytes, and may {most:,} "
            "(sessions.log_bytes_of_principal_max): delete some"
        )
