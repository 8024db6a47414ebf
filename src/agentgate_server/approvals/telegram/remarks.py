"""Remarks: what people answer to a message that asks them, kept for their tap.

A reply decides nothing: it goes along with the answer that its writer taps.
"""

from __future__ import annotations

REMARKS_MAX = 100
"""Remarks without an answer yet; beyond it the oldest is forgotten."""


class Remarks:
    """What was said, by approval and by who said it."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, int], str] = {}

    def note(self, rid: str, user_id: int, words: str) -> None:
        """Somebody says this of an approval; it takes the place of what they said before."""
        self._said.pop((rid, user_id), None)
        self._said[rid, user_id] = words
        if len(self._said) > REMARKS_MAX:
            del self._said[next(iter(self._said))]

    def of(self, rid: str, user_id: int) -> str:
        """What somebody has said of an approval, or ""."""
        return self._said.get((rid, user_id), "")

    def drop(self, rid: str, user_id: int) -> None:
        """Their answer was taken."""
        self._said.pop((rid, user_id), None)
