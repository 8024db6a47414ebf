"""A secret: a text of which programs can say that it must not be shown."""

from __future__ import annotations

import hmac


class Secret:
    """A text that does not show itself: not in a repr, a log or a traceback's message.

    Attributes:
        value: the text. Whoever reads it takes over the care.
    """

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.value.encode(), other.value.encode())

    def __hash__(self) -> int:
        return hash(self.value)
