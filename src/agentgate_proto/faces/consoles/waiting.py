"""How much the consoles of each principal may have on its way: messages that wait to be taken.

While a gateway behind this one is away they wait for it, in the same queue as everybody's; so each
principal has a share of its own, whatever number of sockets it opens (I14).
"""

from __future__ import annotations

MESSAGES_MAX = 256
"""Messages of one principal that wait: what people type while a gateway is away, and many times
that."""

BYTES_MAX = 4_194_304
"""Of their text, as UTF-8: an eighth of what a link's client holds for all."""


class Waiting:
    """Counts them."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[int, int]] = {}  # messages and bytes, by principal

    def take(self, principal: str, size: int) -> bool:
        """Let one more message wait, of so many bytes; False: there are too many."""
        messages, total = self._taken.get(principal, (0, 0))
        if messages >= MESSAGES_MAX or total + size > BYTES_MAX:
            return False
        self._taken[principal] = messages + 1, total + size
        return True

    def give_back(self, principal: str, size: int) -> None:
        """One of them waits no more."""
        messages, total = self._taken.pop(principal)
        if messages > 1:
            self._taken[principal] = messages - 1, total - size
